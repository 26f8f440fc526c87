import Glibc
import Logging
import NIOCore

/// Closes a connection whose client takes nothing of what was written to it: from ``patience`` on, and before twice that.
///
/// What a client takes is counted in bytes: those that were written, without those that wait in this program, and without
/// those that the kernel has and the client's side has not confirmed. Without the last a slow client would seem to stand
/// still: the kernel takes more only once a third of what it holds was read, a megabyte at times. What waits in the kernel
/// alone is none of this handler's business: such a connection is idle.
///
/// Owner: the connection's event loop.
final class UnreadAnswerGuard: ChannelOutboundHandler {
    typealias OutboundIn = IOData
    typealias OutboundOut = IOData

    static let patience = TimeAmount.seconds(30)

    private let logger: Logger
    private var written = 0
    /// What the client had taken when it was last looked at; `nil`: it was not yet.
    private var taken: Int?
    /// There is one as long as bytes may wait.
    private var look: Scheduled<Void>?

    init(logger: Logger) { self.logger = logger }

    func handlerRemoved(context: ChannelHandlerContext) { look?.cancel() }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        written += unwrapOutboundIn(data).readableBytes
        context.write(data, promise: promise)
        if look == nil {
            taken = nil
            lookLater(context)
        }
    }

    private func lookLater(_ context: ChannelHandlerContext) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        look = context.eventLoop.scheduleTask(in: Self.patience) {
            let (guardian, context) = bound.value
            guardian.look = nil
            guardian.look(context)
        }
    }

    private func look(_ context: ChannelHandlerContext) {
        guard let here = try? context.channel.syncOptions?.getOption(.bufferedWritableBytes), here > 0 else { return }
        let now = written - here - Self.unconfirmed(context)
        guard now != taken else {
            logger.debug("Closed a connection whose client takes nothing of its answer")
            context.close(promise: nil)
            return
        }
        taken = now
        lookLater(context)
    }

    /// Bytes in the kernel that the client's side has not confirmed.
    ///
    /// Source: tcp(7), `SIOCOUTQ`, which asm-generic calls `TIOCOUTQ`.
    private static func unconfirmed(_ context: ChannelHandlerContext) -> Int {
        var count: CInt = 0
        let result = try? context.pipeline.syncOperations.withUnsafeTransportIfAvailable(
            of: NIOBSDSocket.Handle.self
        ) { ioctl($0, UInt(TIOCOUTQ), &count) }
        return result == 0 ? Int(count) : 0
    }
}
