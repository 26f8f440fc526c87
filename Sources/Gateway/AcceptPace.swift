package import NIOCore
import Synchronization

/// Lets newcomers in more slowly while many of them are refused, so that a flood of those leaves the processors to who is here:
/// refusing one costs as much as passing on several messages.
///
/// Who comes meanwhile waits in the system's queue, in order, and is not refused for it. Who becomes a WebSocket slows nobody
/// down: when thousands come back together, they come as fast as they can be let in.
///
/// Shared by all event loops; a `Mutex` guards it.
package final class AcceptPace: Sendable {
    /// Newcomers that may be refused, or go before they are a WebSocket, for each event loop. One costs some 0.15 ms of it, so a
    /// flood has a sixth of the time.
    package static let refusalsPerSecond = 1000
    /// Refusals of that time may come at once: no more, as whoever is here waits until they are done.
    private static let burst = TimeAmount.milliseconds(5)
    /// Newcomers never wait for longer before one is let in.
    private static let longestPause = TimeAmount.milliseconds(100)

    private let interval: TimeAmount
    /// Until when those who were refused have used up the time that is theirs.
    private let due = Mutex(NIODeadline.uptimeNanoseconds(0))

    package init(refusalsPerSecond: Int) { interval = .nanoseconds(1_000_000_000 / Int64(refusalsPerSecond)) }

    /// Somebody came, and did not become a WebSocket.
    package func refused(at now: NIODeadline) {
        due.withLock { due in due = min(max(due, now - Self.burst) + interval, now + Self.longestPause) }
    }

    /// - Returns: When the next may be let in; `nil` for now.
    package func pause(at now: NIODeadline) -> NIODeadline? { due.withLock { $0 > now ? $0 : nil } }

    /// Stands in the pipeline of the socket that listens; owned by its event loop.
    package final class Handler: ChannelOutboundHandler {
        package typealias OutboundIn = Never

        private let pace: AcceptPace
        private var pending: Scheduled<Void>?

        package init(_ pace: AcceptPace) { self.pace = pace }

        package func read(context: ChannelHandlerContext) {
            guard pending == nil else { return }
            guard let end = pace.pause(at: context.eventLoop.now) else { return context.read() }
            pending = context.eventLoop.assumeIsolated().scheduleTask(deadline: end) {
                self.pending = nil
                self.read(context: context)
            }
        }

        package func handlerRemoved(context: ChannelHandlerContext) { pending?.cancel() }
    }
}
