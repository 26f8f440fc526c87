/// Decides when a connection to Redis is opened, given up, opened again, and what of it is worth a log line. It does
/// nothing itself; ``RedisLink`` carries the actions out.
///
///     idle ──start──► connecting ──succeeded──► open ──lost──► waiting ──retryDue──► connecting …
///                         └──────────failed────────────────────►┘
///     any ──close──► closed
package struct RedisConnectionStateMachine {
    private enum State {
        case idle
        case connecting
        case open
        /// Until the next attempt.
        case waiting
        case closed
    }

    package enum ConnectedAction: Equatable {
        /// Use the descriptor.
        case adopt
        /// It came too late: close the descriptor.
        case discard
    }

    package enum FailureAction: Equatable {
        /// Connect again after `delay`. `isNews`: this failure differs from the last one that was logged.
        case retry(after: Duration, isNews: Bool)
        /// Closed meanwhile, or nothing was open: do nothing.
        case none
    }

    package enum CloseAction: Equatable {
        /// A connection is open: close it; the close is complete when it is.
        case closeConnection
        /// An attempt is under way on another thread, and may take long: tell it that nobody waits for it any more.
        case abandonAttempt
        /// Nothing is open.
        case complete
        /// Closed before.
        case none
    }

    private var state = State.idle
    private var failures = 0
    /// The last failure that was logged since the connection was last open.
    private var reported: RedisError?
    private let backoff: RedisBackoff

    package init(backoff: RedisBackoff) {
        self.backoff = backoff
    }

    package var isOpen: Bool { if case .open = state { true } else { false } }
    package var isClosed: Bool { if case .closed = state { true } else { false } }

    /// - Returns: Whether to connect.
    package mutating func start() -> Bool {
        guard case .idle = state else { return false }
        state = .connecting
        return true
    }

    package mutating func connectSucceeded() -> ConnectedAction {
        guard case .connecting = state else { return .discard }
        state = .open
        failures = 0
        reported = nil
        return .adopt
    }

    package mutating func connectFailed(_ error: RedisError) -> FailureAction {
        guard case .connecting = state else { return .none }
        return retry(after: error)
    }

    package mutating func connectionLost(_ error: RedisError) -> FailureAction {
        guard case .open = state else { return .none }
        return retry(after: error)
    }

    private mutating func retry(after error: RedisError) -> FailureAction {
        state = .waiting
        failures += 1
        let isNews = reported?.code != error.code || reported?.message != error.message
        reported = error
        return .retry(after: backoff.delay(afterFailures: failures), isNews: isNews)
    }

    /// - Returns: Whether to connect.
    package mutating func retryDue() -> Bool {
        guard case .waiting = state else { return false }
        state = .connecting
        return true
    }

    package mutating func close() -> CloseAction {
        defer { state = .closed }
        return switch state {
        case .open: .closeConnection
        case .connecting: .abandonAttempt
        case .idle, .waiting: .complete
        case .closed: .none
        }
    }
}
