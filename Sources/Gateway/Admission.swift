import Synchronization

/// Whether another WebSocket is let in: not once this gateway is retired or drains, and not past a number of them.
///
/// Shared by all event loops; a `Mutex` guards it.
package final class Admission: Sendable {
    private struct State {
        var connections = 0
        var handshaking = 0
        var isRetired = false
        var isDraining = false
    }

    /// Sockets that are no WebSockets yet, at a time, from whomever; past it, a new one is closed without a word. A handshake takes
    /// milliseconds, so only those who let it take until the deadline can come near it.
    package static let maxHandshaking = 8192

    private let maxConnections: Int
    private let state = Mutex(State())

    package init(maxConnections: Int) { self.maxConnections = maxConnections }

    /// Counts one more connection, until ``leave()``.
    /// - Returns: `nil`, or why it may not come in; it is not counted then.
    package func enter() -> HTTPRefusal? {
        state.withLock { state in
            guard !state.isDraining, !state.isRetired else { return .draining }
            guard state.connections < maxConnections else { return .overloaded }
            state.connections += 1
            return nil
        }
    }

    /// Counts a socket that was accepted, until ``endHandshaking()``.
    /// - Returns: Whether there is room for it; it is not counted if not.
    package func beginHandshaking() -> Bool {
        state.withLock { state in
            guard state.handshaking < Self.maxHandshaking else { return false }
            state.handshaking += 1
            return true
        }
    }

    package func endHandshaking() { state.withLock { $0.handshaking -= 1 } }

    package func leave() { state.withLock { $0.connections -= 1 } }

    /// From now on nobody comes in.
    package func drain() { state.withLock { $0.isDraining = true } }

    /// From now on nobody comes in, and those who are here stay until this gateway drains: it is about to be replaced, and
    /// whoever would come now would have to move twice.
    package func retire() { state.withLock { $0.isRetired = true } }

    package var isRetired: Bool { state.withLock { $0.isRetired } }

    package var isDraining: Bool { state.withLock { $0.isDraining } }

    /// How many WebSockets there are, with those in their handshake.
    package var connections: Int { state.withLock { $0.connections } }
}
