import Messaging
import NIOCore
import NIOHTTP1

/// Takes an accepted connection from TCP to WebSocket: HTTP handlers in, token checked, HTTP handlers out, WebSocket handlers
/// in.
///
/// One for each connection, owned by its event loop, gone when the handshake is over.
final class ConnectionSetup {
    private struct Accepted {
        let token: AuthenticatedToken
        let dialect: Dialect
    }

    private let eventLoop: any EventLoop
    private let listener: Listener
    private let endpoints: HTTPEndpoints
    private let bytes = RequestBytes()
    private var accepted: Accepted?

    init(eventLoop: any EventLoop, listener: Listener) {
        self.eventLoop = eventLoop
        self.listener = listener
        endpoints = HTTPEndpoints(
            deadline: listener.handshakeDeadline,
            bytes: bytes,
            unreadiness: { listener.unreadiness }
        )
    }

    /// - Throws: if there are too many others before their handshake; the socket is closed then.
    func install(on channel: any Channel) throws {
        let setup = NIOLoopBound(self, eventLoop: eventLoop)
        let upgrader = WebSocketUpgrader(
            accept: { head in setup.value.decide(head, channel: channel) },
            install: { try setup.value.upgrade(channel) }
        )
        try channel.pipeline.syncOperations.addHandler(bytes)
        try channel.pipeline.syncOperations.configureHTTPServerPipeline(
            withServerUpgrade: (upgraders: [upgrader], completionHandler: { _ in }),
            withErrorHandling: false
        )
        try channel.pipeline.syncOperations.addHandler(endpoints)
        guard listener.admission.beginHandshaking() else {
            listener.refusals.count(.openRequests)
            throw ChannelError.ioOnClosedChannel
        }
        endpoints.onEnd = { [listener, eventLoop] isWebSocket in
            listener.admission.endHandshaking()
            if !isWebSocket { listener.pace.refused(at: eventLoop.now) }
        }
    }

    /// - Returns: What the 101 answer carries beyond the handshake's own headers. A failure refuses, and NIO then hands the
    ///   request to ``HTTPEndpoints``.
    private func decide(_ head: HTTPRequestHead, channel: any Channel) -> EventLoopFuture<HTTPHeaders> {
        guard case .webSocket(let handshake) = HTTPRequestKind(head) else {
            // What it is instead, HTTPEndpoints knows.
            return eventLoop.makeFailedFuture(HTTPRefusal.notFound)
        }
        guard listener.allowedOrigins.allow(head.headers["Origin"]) else {
            listener.refusals.count(.origin)
            return refuse(.foreignOrigin)
        }
        let limits = listener.limits
        let address = listener.trustedProxies.client(
            peer: channel.remoteAddress,
            forwardedFor: head.headers["X-Forwarded-For"]
        )
        if let refusal = limits.enter(from: address) { return refuse(refusal) }
        channel.closeFuture.whenComplete { _ in limits.leave(address) }
        guard let token = handshake.token.flatMap(Token.init) else {
            limits.tokenFailed(from: address)
            return refuse(.unauthenticated)
        }
        if let refusal = listener.admission.enter() { return refuse(refusal) }

        endpoints.isUpgrading = true
        let authenticate = listener.authenticate
        let admission = listener.admission
        // The one task of a connection's life: Redis is asked once, and the answer comes back to the loop as a future.
        return eventLoop.makeFutureWithTask { try await authenticate(token) }
            .assumeIsolated()
            .flatMapThrowing { authenticated -> HTTPHeaders in
                guard !admission.isDraining else { throw HTTPRefusal.draining }
                if let refusal = limits.enter(authenticated) { throw refusal }
                channel.closeFuture.whenComplete { _ in
                    admission.leave()
                    limits.leave(authenticated)
                }
                self.accepted = Accepted(token: authenticated, dialect: handshake.dialect)
                var headers = HTTPHeaders()
                if let subprotocol = handshake.subprotocol {
                    headers.add(name: "Sec-WebSocket-Protocol", value: subprotocol)
                }
                return headers
            }
            .flatMapError { error in
                admission.leave()
                self.endpoints.isUpgrading = false
                let refusal = HTTPRefusal(error)
                if refusal == .unauthenticated { limits.tokenFailed(from: address) }
                return self.refuse(refusal)
            }
            .nonisolated()
    }

    private func refuse(_ refusal: HTTPRefusal) -> EventLoopFuture<HTTPHeaders> {
        endpoints.refusal = refusal
        return eventLoop.makeFailedFuture(refusal)
    }

    /// After the 101 answer.
    private func upgrade(_ channel: any Channel) throws {
        guard let accepted, channel.isActive else { throw ChannelError.ioOnClosedChannel }
        endpoints.isWebSocket = true
        channel.pipeline.syncOperations.removeHandler(bytes, promise: nil)
        channel.pipeline.syncOperations.removeHandler(endpoints, promise: nil)
        let delegate = listener.makeDelegate(accepted.token, accepted.dialect, eventLoop)
        try channel.pipeline.syncOperations.addHandler(
            WebSocketHandler(
                delegate: delegate,
                eventLoop: eventLoop,
                maxMessageBytes: listener.maxMessageBytes,
                rate: listener.sendingRate.times(accepted.token.principal.isAgent ? SendingRate.agentsFactor : 1),
                onRateExceeded: { [refusals = listener.refusals] in refusals.count(.messages) }
            )
        )
    }
}
