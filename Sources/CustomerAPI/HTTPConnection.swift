import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1

/// An HTTP/1.1 connection as Hummingbird has it, with two handlers that it lacks: ``RequestLineHandler`` before the
/// parser and ``MalformedRequestHandler`` after it.
struct HTTPConnection: ServerChildChannel {
    private let base: HTTP1Channel

    /// A connection on which nothing happens is closed after this long: half-open ones don't pile up.
    static let idleTimeout = TimeAmount.seconds(75)

    init(responder: @escaping HTTPChannelHandler.Responder) {
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
            try channel.pipeline.syncOperations.addHandler(RequestLineHandler())
        }.flatMap {
            base.setup(channel: channel, logger: logger)
        }.flatMapThrowing { value in
            let pipeline = channel.pipeline.syncOperations
            let parser = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
            let requestLine = try pipeline.handler(type: RequestLineHandler.self)
            try pipeline.addHandler(MalformedRequestHandler(requestLine: requestLine), position: .after(parser))
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

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = unwrapInboundIn(data)
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

/// Gives what is not HTTP an answer in our JSON (Hummingbird's has no body), and ends connections that never stop sending
/// a body that was refused long ago.
final class MalformedRequestHandler: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// How much of a body is read and dropped, so that a client which sends before it reads sees the refusal.
    static let maxDiscardedBytes = 32 * 1024 * 1024

    private let requestLine: RequestLineHandler
    private var bodyBytes = 0

    init(requestLine: RequestLineHandler) { self.requestLine = requestLine }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head:
            bodyBytes = 0
            requestLine.isAtRequestLine = false
        case .body(let part):
            bodyBytes += part.readableBytes
            if bodyBytes > Self.maxDiscardedBytes {
                context.close(promise: nil)
                return
            }
        case .end:
            requestLine.isAtRequestLine = true
        }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        // All our own answers have a body, so this is Hummingbird's to a request that could not be parsed.
        guard case .head(var head) = unwrapOutboundIn(data), head.status == .badRequest,
            head.headers["content-length"] == ["0"]
        else {
            context.write(data, promise: promise)
            return
        }
        let body = APIResponse.failureBody(
            APIError(.badRequest, "malformed_request", "This is not a request that HTTP/1.1 allows.")
        )
        head.headers.replaceOrAdd(name: "content-length", value: String(body.readableBytes))
        head.headers.replaceOrAdd(name: "content-type", value: "application/json; charset=utf-8")
        head.headers.replaceOrAdd(name: "access-control-allow-origin", value: "*")
        context.write(wrapOutboundOut(.head(head)), promise: promise)
        context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
    }
}
