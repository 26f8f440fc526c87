import NIOCore

/// Counts what a connection sends before it is a WebSocket, so that nobody makes the HTTP parser keep more than a request. Past
/// the limit it answers 431 by itself, as the parser has no whole request that could be answered, and ends the connection.
///
/// First in the pipeline, gone after the handshake. Owned by its channel's event loop.
final class RequestBytes: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Bytes of all requests of a connection. HAProxy's buffer, and so the edge's limit, is as large.
    static let limit = 16 * 1024
    /// How long a client that goes on sending has to see the answer.
    private static let lingering = TimeAmount.seconds(1)

    private(set) var count = 0
    /// Whether no other answer is under way.
    var mayAnswer: () -> Bool = { false }

    /// Whether the connection's next request might not find room: it is to be made on another connection.
    var isHalfUsed: Bool { count > Self.limit / 2 }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let wasExceeded = count > Self.limit
        count += Self.unwrapInboundIn(data).readableBytes
        guard count > Self.limit else { return context.fireChannelRead(data) }
        if !wasExceeded { refuse(context) }
    }

    private func refuse(_ context: ChannelHandlerContext) {
        guard mayAnswer() else { return context.close(promise: nil) }
        let refusal = HTTPRefusal.tooLarge
        var answer = ByteBuffer(
            string: """
                HTTP/1.1 \(refusal.status.code) \(refusal.status.reasonPhrase)\r
                Content-Type: application/json; charset=utf-8\r
                Content-Length: \(refusal.body.readableBytes)\r
                Cache-Control: no-store\r
                X-Content-Type-Options: nosniff\r
                Connection: close\r
                \r

                """
        )
        answer.writeImmutableBuffer(refusal.body)
        // What still comes is read and dropped for a while: closing on it would reset the connection, and take the answer away.
        context.writeAndFlush(Self.wrapOutboundOut(answer)).assumeIsolated().whenComplete { _ in
            context.close(mode: .output, promise: nil)
        }
        context.eventLoop.assumeIsolated().scheduleTask(in: Self.lingering) { context.close(promise: nil) }
    }
}
