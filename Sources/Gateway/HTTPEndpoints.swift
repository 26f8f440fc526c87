package import NIOCore
package import NIOHTTP1

/// Answers what is not a WebSocket: `/health`, `/ready`, and refusals; and makes a WebSocket of a connection whose first request
/// is a good handshake.
///
/// Owned by its channel's event loop; it leaves the pipeline when the WebSocket's handler comes. Answers that refuse close the
/// connection, because only a connection's first request may be a handshake: a client that goes on with the same connection
/// could never get its WebSocket.
///
/// A connection has a limited time to become a WebSocket or to finish a request, and again from one request to the next;
/// then it is closed without a word.
package final class HTTPEndpoints: ChannelInboundHandler, RemovableChannelHandler {
    package typealias InboundIn = HTTPServerRequestPart
    package typealias OutboundOut = ByteBuffer

    package static let defaultDeadline = TimeAmount.seconds(5)

    /// What a valid handshake comes to.
    enum Verdict {
        case refused(HTTPRefusal)
        /// Whose handler takes the connection over, called once the answer is on its way.
        case accepted(() -> WebSocketHandler)
    }

    /// Called once, when the connection has become a WebSocket (`true`) or is closed (`false`).
    var onEnd: (Bool) -> Void = { _ in }
    /// The handlers that belong in front of this one, in this order, and leave with it.
    let bytes = RequestBytes()
    let decoder = ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes))

    private let deadline: TimeAmount
    private let unreadiness: () -> HTTPRefusal?
    private let decide: (Handshake, HTTPRequestHead, _ verdict: @escaping (Verdict) -> Void) -> Void
    private var context: ChannelHandlerContext?
    private var timer: Scheduled<Void>?
    private var head: HTTPRequestHead?
    private var isFirst = true
    private var isEnding = false

    /// This connection's handshake, unless it was refused.
    private var handshake: Handshake?
    /// Why it was refused.
    private var refusal: HTTPRefusal?
    /// Set once it is accepted.
    private var makeHandler: (() -> WebSocketHandler)?
    /// Whether the handshake's request has come in full.
    private var isWhole = false
    private var isWebSocket = false

    /// - Parameters:
    ///   - unreadiness: why `/ready` is not 200; `nil` when it is.
    ///   - decide: whether a valid handshake is accepted; its closure is to be called once, on the event loop.
    init(
        deadline: TimeAmount = HTTPEndpoints.defaultDeadline,
        unreadiness: @escaping () -> HTTPRefusal?,
        decide: @escaping (Handshake, HTTPRequestHead, _ verdict: @escaping (Verdict) -> Void) -> Void
    ) {
        self.deadline = deadline
        self.unreadiness = unreadiness
        self.decide = decide
        bytes.mayAnswer = { [weak self] in self.map { !$0.isEnding && !$0.isUpgrading } ?? false }
    }

    /// A handshake of this connection is being decided, or was accepted: nothing else is answered.
    private var isUpgrading: Bool { handshake != nil }

    // MARK: The handshake

    private func begin(_ handshake: Handshake, _ head: HTTPRequestHead) {
        self.handshake = handshake
        decide(handshake, head) { [self] verdict in
            switch verdict {
            case .refused(let refusal):
                self.handshake = nil
                self.refusal = refusal
                if isWhole, let context { refuse(refusal, head: head, context: context) }
            case .accepted(let makeHandler):
                self.makeHandler = makeHandler
                if isWhole { upgrade() }
            }
        }
    }

    /// The handshake has come in full, and may be accepted.
    private func upgrade() {
        guard let context, let head, let handshake, let makeHandler else { return }
        let channel = context.channel
        let pipeline = channel.pipeline.syncOperations
        guard channel.isActive else { return context.close(promise: nil) }
        let answer = handshake.answer(to: head.headers.first(name: "Sec-WebSocket-Key") ?? "")
        context.writeAndFlush(Self.wrapOutboundOut(answer), promise: nil)
        do {
            try pipeline.addHandler(makeHandler())
        } catch {
            return context.close(promise: nil)
        }
        isWebSocket = true
        pipeline.removeHandler(bytes, promise: nil)
        pipeline.removeHandler(context: context, promise: nil)
        // What came right behind the handshake goes to the WebSocket now, as one read.
        pipeline.removeHandler(decoder).assumeIsolated().whenComplete { _ in
            channel.pipeline.syncOperations.fireChannelReadComplete()
        }
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
        // These are answers for programs: no browser is to show them, or to take them for anything else.
        var answer = ByteBuffer(
            string: """
                HTTP/1.1 \(status.code) \(status.reasonPhrase)\r
                Content-Type: application/json; charset=utf-8\r
                Content-Length: \(body.readableBytes)\r
                Cache-Control: no-store\r
                X-Content-Type-Options: nosniff\r
                Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r

                """
        )
        for header in extra { answer.writeString("\(header.name): \(header.value)\r\n") }
        if isEnding { answer.writeString("Connection: close\r\n") }
        answer.writeString("\r\n")
        if request?.method != .HEAD { answer.writeImmutableBuffer(body) }
        let written = context.writeAndFlush(Self.wrapOutboundOut(answer))
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

    package func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        restartTimer(context: context)
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        timer?.cancel()
        onEnd(isWebSocket)
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch Self.unwrapInboundIn(data) {
        case .head(let head):
            // The parser stops at a handshake.
            guard !isUpgrading else { return }
            self.head = head
            if isFirst, case .webSocket(let handshake) = HTTPRequestKind(head) { begin(handshake, head) }
            isFirst = false
        // Nothing here takes a body; an endless one runs into the deadline.
        case .body: break
        case .end:
            guard let head, !isEnding else { return }
            if isUpgrading {
                isWhole = true
                return upgrade()
            }
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
        if error is HTTPParserError, !isEnding, !isUpgrading {
            refuse(.badRequest("This is not a valid HTTP request."), head: nil, context: context)
        } else {
            context.close(promise: nil)
        }
    }
}
