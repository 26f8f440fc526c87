import Crypto
import FoundationEssentials
import NIOCore
import NIOHTTP1

/// Answers a good opening handshake, and makes room for the WebSocket's own handler. NIO's HTTP upgrade handler calls it.
///
/// Source: RFC 6455 §4.2.2.
struct WebSocketUpgrader: HTTPServerProtocolUpgrader {
    let supportedProtocol = "websocket"
    let requiredUpgradeHeaders: [String] = []

    /// What the 101 answer carries beyond the handshake's own headers. If it fails with an ``HTTPRefusal``, the request goes on
    /// to ``HTTPEndpoints``.
    let accept: @Sendable (HTTPRequestHead) -> EventLoopFuture<HTTPHeaders>
    /// After the 101 answer, and after the HTTP handlers have gone.
    let install: @Sendable () throws -> Void

    func buildUpgradeResponse(
        channel: any Channel,
        upgradeRequest: HTTPRequestHead,
        initialResponseHeaders: HTTPHeaders
    ) -> EventLoopFuture<HTTPHeaders> {
        accept(upgradeRequest).map { more in
            var headers = initialResponseHeaders
            headers.replaceOrAdd(name: "Upgrade", value: "websocket")
            headers.replaceOrAdd(
                name: "Sec-WebSocket-Accept",
                value: Self.answer(to: upgradeRequest.headers.first(name: "Sec-WebSocket-Key") ?? "")
            )
            headers.add(contentsOf: more)
            return headers
        }
    }

    func upgrade(context: ChannelHandlerContext, upgradeRequest: HTTPRequestHead) -> EventLoopFuture<Void> {
        context.eventLoop.makeCompletedFuture { try install() }
    }

    /// Proves that this server has read the handshake: `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key`.
    static func answer(to key: String) -> String {
        let hash = Insecure.SHA1.hash(data: Array("\(key)258EAFA5-E914-47DA-95CA-C5AB0DC85B11".utf8))
        return Data(hash).base64EncodedString()
    }
}
