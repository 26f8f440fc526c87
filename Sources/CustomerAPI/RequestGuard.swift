import HummingbirdCore
import NIOCore
import NIOHTTP1

/// Sees that requests are HTTP and arrive in time.
///
/// What is not HTTP gets an answer in our JSON (Hummingbird's has no body). A head, and a body, that does not arrive in time is
/// 408 and the end of the connection, however steadily its bytes trickle in. A connection that never stops sending a body
/// that was refused long ago is closed. So is one whose client asked for another protocol or for a tunnel, once it is answered:
/// the parser reads nothing after such a request.
///
/// Owner: the connection's event loop.
final class RequestGuard: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// How much of a body is read and dropped, so that a client which sends before it reads sees the refusal.
    static let maxDiscardedBytes = 32 * 1024 * 1024
    /// How long a head may take from its first byte.
    static let headTimeout = TimeAmount.seconds(5)
    /// How long a body may take from the end of its head.
    static let bodyTimeout = TimeAmount.seconds(30)
    /// An attachment's, which has limits of its own (``AttachmentUpload``); a little later than those.
    static let attachmentTimeout = TimeAmount.seconds(330)

    private enum Arriving {
        case nothing, head, body
    }

    private let requestLine: RequestLineHandler
    private let headers: AnswerHeaders
    /// The `Origin` headers of the request whose body arrives.
    private var origins: [String] = []
    private var arriving = Arriving.nothing
    private var bodyBytes = 0
    /// Requests whose answer has not been written to its end, and whether that of the oldest has begun.
    private var unanswered = 0
    private var isAnswering = false
    /// Whether the parser reads no more requests.
    private var isLast = false
    private var deadline: Scheduled<Void>?

    init(requestLine: RequestLineHandler, headers: AnswerHeaders) {
        self.requestLine = requestLine
        self.headers = headers
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        requestLine.onBytes = {
            let (guardian, context) = bound.value
            guardian.bytesArrived(context)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        deadline?.cancel()
        requestLine.onBytes = {}
    }

    private func bytesArrived(_ context: ChannelHandlerContext) {
        guard arriving == .nothing else { return }
        arriving = .head
        // While an answer is under way, a client may be slow with its next request.
        if unanswered == 0 { start(Self.headTimeout, context) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            bodyBytes = 0
            origins = head.headers["origin"]
            requestLine.isAtRequestLine = false
            arriving = .body
            unanswered += 1
            let isAttachment = head.method == .POST && head.uri.hasPrefix("/api/v1/attachments")
            start(isAttachment ? Self.attachmentTimeout : Self.bodyTimeout, context)
            if head.method == .CONNECT || head.headers.contains(name: "upgrade") {
                // Kept open, the connection would be a trap for whoever the edge gives it to next.
                isLast = true
                var last = head
                last.headers.replaceOrAdd(name: "connection", value: "close")
                context.fireChannelRead(wrapInboundOut(.head(last)))
                return
            }
        case .body(let part):
            bodyBytes += part.readableBytes
            if bodyBytes > Self.maxDiscardedBytes {
                context.close(promise: nil)
                return
            }
        case .end:
            requestLine.isAtRequestLine = true
            arriving = .nothing
            origins = []
            deadline?.cancel()
        }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        // All our own answers have a body, so this is Hummingbird's to a request that could not be parsed.
        case .head(let head) where head.status == .badRequest && head.headers["content-length"] == ["0"]:
            isAnswering = true
            let error = APIError(.badRequest, "malformed_request", "This is not a request that HTTP/1.1 allows.")
            writeHead(head, error, context, promise)
        case .head(var head):
            isAnswering = true
            if isLast, unanswered == 1 { head.headers.replaceOrAdd(name: "connection", value: "close") }
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .body:
            context.write(data, promise: promise)
        case .end:
            isAnswering = false
            unanswered = max(0, unanswered - 1)
            context.write(data, promise: promise)
            if arriving == .head, unanswered == 0 { start(Self.headTimeout, context) }
        }
    }

    private func start(_ time: TimeAmount, _ context: ChannelHandlerContext) {
        deadline?.cancel()
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        deadline = context.eventLoop.scheduleTask(in: time) {
            let (guardian, context) = bound.value
            guardian.end(context)
        }
    }

    /// Time is up.
    private func end(_ context: ChannelHandlerContext) {
        guard context.channel.isActive, !isAnswering, arriving != .body || unanswered == 1 else {
            context.close(promise: nil)
            return
        }
        isAnswering = true
        let head = HTTPResponseHead(version: .http1_1, status: .requestTimeout, headers: ["connection": "close"])
        let error = APIError(.requestTimeout, "request_timeout", "The request did not arrive in time.")
        writeHead(head, error, context, nil)
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in bound.value.close(promise: nil) }
    }

    /// The head and body of a refusal.
    private func writeHead(
        _ head: HTTPResponseHead,
        _ error: APIError,
        _ context: ChannelHandlerContext,
        _ promise: EventLoopPromise<Void>?
    ) {
        var head = head
        // What could not be parsed or did not arrive is known by its head at most.
        var fields = APIResponse.failure(error).headers
        headers.complete(&fields, for: origins)
        for field in fields { head.headers.replaceOrAdd(name: field.name.canonicalName, value: field.value) }
        context.write(wrapOutboundOut(.head(head)), promise: promise)
        context.write(wrapOutboundOut(.body(.byteBuffer(APIResponse.failureBody(error)))), promise: nil)
    }
}
