package import NIOCore
package import NIOHTTP1

/// Answers what is not a WebSocket: `/health`, `/ready`, and refusals.
///
/// Owned by its channel's event loop; it leaves the pipeline when the WebSocket's handlers come. Answers that refuse close
/// the connection, because NIO's upgrade handler looks at a connection's first request only: a client that goes on with the
/// same connection could never get its WebSocket.
///
/// A connection has a limited time to become a WebSocket or to finish a request, and again from one request to the next;
/// then it is closed without a word.
package final class HTTPEndpoints: ChannelInboundHandler, RemovableChannelHandler {
    package typealias InboundIn = HTTPServerRequestPart
    package typealias OutboundOut = HTTPServerResponsePart

    package static let defaultDeadline = TimeAmount.seconds(5)

    /// A handshake of this connection is being decided: the request will not come here, unless it is refused.
    package var isUpgrading = false
    /// Why this connection's handshake was refused; its request comes here next.
    package var refusal: HTTPRefusal?

    /// This connection has become a WebSocket.
    var isWebSocket = false

    /// Called once, when the connection has become a WebSocket (`true`) or is closed (`false`).
    var onEnd: (Bool) -> Void = { _ in }

    private let deadline: TimeAmount
    private let bytes: RequestBytes
    private let unreadiness: () -> HTTPRefusal?
    private var timer: Scheduled<Void>?
    private var head: HTTPRequestHead?
    private var isEnding = false

    /// - Parameter unreadiness: why `/ready` is not 200; `nil` when it is.
    init(
        deadline: TimeAmount = HTTPEndpoints.defaultDeadline,
        bytes: RequestBytes,
        unreadiness: @escaping () -> HTTPRefusal?
    ) {
        self.deadline = deadline
        self.bytes = bytes
        self.unreadiness = unreadiness
        bytes.mayAnswer = { [weak self] in self.map { !$0.isEnding && !$0.isUpgrading } ?? false }
    }

    // MARK: Answering

    private func respond(to head: HTTPRequestHead, context: ChannelHandlerContext) {
        if let refusal {
            refuse(refusal, head: head, context: context)
            return
        }
        switch HTTPRequestKind(head) {
        case .health:
            write(.ok, Self.body(status: "ok"), to: head, context: context)
        case .readiness:
            if let refusal = unreadiness() {
                write(refusal.status, refusal.body, headers: refusal.headers, to: head, context: context)
            } else {
                write(.ok, Self.body(status: "ready"), to: head, context: context)
            }
        case .webSocket:
            refuse(
                .badRequest("A WebSocket handshake must be the first request of its connection."),
                head: head,
                context: context
            )
        case .refused(let refusal):
            refuse(refusal, head: head, context: context)
        }
    }

    private func refuse(_ refusal: HTTPRefusal, head: HTTPRequestHead?, context: ChannelHandlerContext) {
        isEnding = true
        write(refusal.status, refusal.body, headers: refusal.headers, to: head, context: context)
    }

    /// `{"success":true,"data":{"status"}}`, the envelope of the access guide.
    private static func body(status: String) -> ByteBuffer {
        ByteBuffer(string: #"{"success":true,"data":{"status":"\#(status)"}}"#)
    }

    private func write(
        _ status: HTTPResponseStatus,
        _ body: ByteBuffer,
        headers extra: [HTTPRefusal.Header] = [],
        to request: HTTPRequestHead?,
        context: ChannelHandlerContext
    ) {
        if let request, !request.isKeepAlive || request.version != .http1_1 { isEnding = true }
        if bytes.isHalfUsed { isEnding = true }
        var headers = HTTPHeaders([
            ("Content-Type", "application/json; charset=utf-8"), ("Content-Length", String(body.readableBytes)),
            ("Cache-Control", "no-store"),
            // These are answers for programs: no browser is to show them, or to take them for anything else.
            ("X-Content-Type-Options", "nosniff"),
            ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
        ])
        for header in extra { headers.add(name: header.name, value: header.value) }
        if isEnding { headers.add(name: "Connection", value: "close") }
        let head = HTTPResponseHead(version: .http1_1, status: status, headers: headers)
        context.write(Self.wrapOutboundOut(.head(head)), promise: nil)
        if request?.method != .HEAD { context.write(Self.wrapOutboundOut(.body(.byteBuffer(body))), promise: nil) }
        let written = context.writeAndFlush(Self.wrapOutboundOut(.end(nil)))
        if isEnding {
            written.assumeIsolated().whenComplete { _ in context.close(promise: nil) }
        } else {
            restartTimer(context: context)
        }
    }

    private func restartTimer(context: ChannelHandlerContext) {
        timer?.cancel()
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: deadline) { context.close(promise: nil) }
    }

    // MARK: ChannelInboundHandler

    package func handlerAdded(context: ChannelHandlerContext) { restartTimer(context: context) }

    package func handlerRemoved(context: ChannelHandlerContext) {
        timer?.cancel()
        onEnd(isWebSocket)
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch Self.unwrapInboundIn(data) {
        case .head(let head): self.head = head
        // Nothing here takes a body; an endless one runs into the deadline.
        case .body: break
        case .end:
            guard let head, !isEnding else { return }
            self.head = nil
            respond(to: head, context: context)
        }
    }

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event as? ChannelEvent == .inputClosed {
            // Whoever hangs up during the handshake, in a request, or between two gets no answer. One that is being
            // written still goes out.
            if isUpgrading || !isEnding { context.close(promise: nil) }
        }
        context.fireUserInboundEventTriggered(event)
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        // A refused handshake: NIO says so before it passes the request on.
        case is HTTPRefusal: break
        case is HTTPParserError where !isEnding && !isUpgrading:
            refuse(.badRequest("This is not a valid HTTP request."), head: nil, context: context)
        default: context.close(promise: nil)
        }
    }
}
