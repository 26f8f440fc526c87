import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1

/// An HTTP/1.1 connection as Hummingbird has it, with handlers that it lacks: ``UnreadAnswerGuard`` and ``RequestLineHandler``
/// before the parser and ``RequestGuard`` after it.
struct HTTPConnection: ServerChildChannel {
    private let base: HTTP1Channel
    private let headers: AnswerHeaders

    /// A connection on which nothing happens is closed after this long: half-open ones don't pile up.
    static let idleTimeout = TimeAmount.seconds(75)

    init(responder: @escaping HTTPChannelHandler.Responder, headers: AnswerHeaders) {
        self.headers = headers
        base = HTTP1Channel(
            responder: responder,
            configuration: .init(
                idleTimeout: Self.idleTimeout,
                httpDecoderConfiguration: .init(
                    maxHeaderFieldSize: 16 * 1024,
                    maxHeaderListSize: 32 * 1024,
                    maxHeaderFieldCount: 100
                )
            )
        )
    }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<HTTP1Channel.Value> {
        channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandlers(UnreadAnswerGuard(logger: logger), RequestLineHandler())
        }.flatMap {
            base.setup(channel: channel, logger: logger)
        }.flatMapThrowing { value in
            let pipeline = channel.pipeline.syncOperations
            let parser = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
            let requestLine = try pipeline.handler(type: RequestLineHandler.self)
            try pipeline.addHandler(RequestGuard(requestLine: requestLine, headers: headers), position: .after(parser))
            return value
        }
    }

    func handle(value: HTTP1Channel.Value, logger: Logger) async {
        await base.handle(value: value, logger: logger)
    }
}
