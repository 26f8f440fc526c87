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

/// Percent-encodes raw UTF-8 in request lines. curl and scripts send `?name=张三` as it stands; the HTTP parser refuses such
/// bytes (RFC 3986 has ASCII only), and everybody expects it to work.
///
/// The second of two requests that arrive in one piece is not looked at: whoever pipelines encodes.
final class RequestLineHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    /// Whether the next bytes are of a request line.
    var isAtRequestLine = true
    /// Called with each piece that arrives, before the parser has it.
    var onBytes: () -> Void = {}

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = unwrapInboundIn(data)
        onBytes()
        if isAtRequestLine { encodeRequestLine(of: &buffer) }
        context.fireChannelRead(wrapInboundOut(buffer))
    }

    private func encodeRequestLine(of buffer: inout ByteBuffer) {
        let bytes = buffer.readableBytesView
        // Empty lines before a request are allowed (RFC 9112 §2.2).
        let start = bytes.firstIndex { $0 != UInt8(ascii: "\r") && $0 != UInt8(ascii: "\n") } ?? bytes.endIndex
        let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.endIndex
        isAtRequestLine = end == bytes.endIndex
        guard bytes[start..<end].contains(where: { $0 >= 0x80 }) else { return }
        var encoded = ByteBuffer()
        encoded.reserveCapacity(buffer.readableBytes * 2)
        for byte in bytes[..<end] {
            if byte < 0x80 {
                encoded.writeInteger(byte)
            } else {
                encoded.writeInteger(UInt8(ascii: "%"))
                encoded.writeInteger(hexDigit(byte >> 4))
                encoded.writeInteger(hexDigit(byte & 15))
            }
        }
        encoded.writeBytes(bytes[end...])
        buffer = encoded
    }

    private func hexDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10
    }
}
