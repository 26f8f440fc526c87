import NIOCore

/// Counts what a connection sends before it is a WebSocket, so that nobody makes the HTTP parser keep more than a request.
///
/// First in the pipeline, gone after the handshake. Owned by its channel's event loop.
final class RequestBytes: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    /// A client sent more than ``RequestBytes/limit``.
    struct Exceeded: Error {}

    /// Bytes of all requests of a connection. HAProxy's buffer, and so the edge's limit, is as large.
    static let limit = 16 * 1024

    private(set) var count = 0

    /// Whether the connection's next request might not find room: it is to be made on another connection.
    var isHalfUsed: Bool { count > Self.limit / 2 }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let wasExceeded = count > Self.limit
        count += Self.unwrapInboundIn(data).readableBytes
        guard count > Self.limit else { return context.fireChannelRead(data) }
        if !wasExceeded { context.fireErrorCaught(Exceeded()) }
    }
}
