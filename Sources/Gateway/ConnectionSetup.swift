import Messaging
import NIOCore
import NIOHTTP1

/// Takes an accepted connection from TCP to WebSocket: HTTP handlers in, token checked, HTTP handlers out, WebSocket handler
/// in.
struct ConnectionSetup {
    let listener: Listener

    /// - Throws: if there are too many others before their handshake; the socket is closed then.
    func install(on channel: any Channel) throws {
        let endpoints = HTTPEndpoints(
            deadline: listener.handshakeDeadline,
            unreadiness: { listener.unreadiness },
            decide: { handshake, head, verdict in decide(handshake, head, on: channel, verdict) }
        )
        try channel.pipeline.syncOperations.addHandlers(endpoints.bytes, endpoints.decoder, endpoints)
        guard listener.admission.beginHandshaking() else {
            listener.refusals.count(.openRequests)
            throw ChannelError.ioOnClosedChannel
        }
        endpoints.onEnd = { [listener] isWebSocket in
            listener.admission.endHandshaking()
            if !isWebSocket { listener.pace.refused(at: .now()) }
        }
    }

    /// Whether a handshake is accepted, which Redis knows: there and back without a task, on the event loop.
    private func decide(
        _ handshake: Handshake,
        _ head: HTTPRequestHead,
        on channel: any Channel,
        _ verdict: @escaping (HTTPEndpoints.Verdict) -> Void
    ) {
        guard listener.allowedOrigins.allow(head.headers["Origin"]) else {
            listener.refusals.count(.origin)
            return verdict(.refused(.foreignOrigin))
        }
        let limits = listener.limits
        let address = listener.trustedProxies.client(
            peer: channel.remoteAddress,
            forwardedFor: head.headers["X-Forwarded-For"]
        )
        if let refusal = limits.enter(from: address) { return verdict(.refused(refusal)) }
        channel.closeFuture.whenComplete { _ in limits.leave(address) }
        guard let token = handshake.token.flatMap(Token.init) else {
            limits.tokenFailed(from: address)
            return verdict(.refused(.unauthenticated))
        }
        let admission = listener.admission
        if let refusal = admission.enter() { return verdict(.refused(refusal)) }

        listener.authenticate(token, channel.eventLoop) { result in
            do {
                let authenticated = try result.get()
                guard !admission.isDraining else { throw HTTPRefusal.draining }
                if let refusal = limits.enter(authenticated) { throw refusal }
                channel.closeFuture.whenComplete { _ in
                    admission.leave()
                    limits.leave(authenticated)
                }
                verdict(.accepted { makeHandler(authenticated, address, handshake.dialect, channel.eventLoop) })
            } catch {
                admission.leave()
                let refusal = HTTPRefusal(error)
                if refusal == .unauthenticated { limits.tokenFailed(from: address) }
                verdict(.refused(refusal))
            }
        }
    }

    private func makeHandler(
        _ token: AuthenticatedToken,
        _ address: NetworkAddress,
        _ dialect: Dialect,
        _ eventLoop: any EventLoop
    ) -> WebSocketHandler {
        WebSocketHandler(
            delegate: listener.makeDelegate(token, address, dialect, eventLoop),
            eventLoop: eventLoop,
            maxMessageBytes: listener.maxMessageBytes,
            rate: listener.sendingRate.times(token.principal.isAgent ? SendingRate.agentsFactor : 1),
            onRateExceeded: listener.onRateExceeded
        )
    }
}
