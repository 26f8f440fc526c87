package import Logging
package import Messaging
package import NIOCore
import NIOPosix
import ServiceLifecycle

/// Accepts connections and turns those with a good handshake into WebSockets with a delegate of their own.
///
/// On graceful shutdown it takes no more connections at once, answers 503 to handshakes that are under way and to `/ready`,
/// and ends; the WebSockets that are open belong to the hubs, which drain them.
package final class Listener: Service {
    /// Finds out whom a token stands for. Called once for each handshake, on its event loop, and answers there.
    package typealias Authenticate =
        @Sendable (
            Token, any EventLoop, _ answer: @escaping (Result<AuthenticatedToken, MessagingError>) -> Void
        ) -> Void
    /// Who stands behind a new WebSocket of a client with this address. Called on its event loop, after the handshake.
    package typealias MakeDelegate =
        @Sendable (AuthenticatedToken, NetworkAddress, Dialect, any EventLoop) -> any WebSocketDelegate

    package let admission: Admission
    let limits: ClientLimits
    let refusals: RefusalLog
    let pace: AcceptPace
    let trustedProxies: TrustedProxies
    let allowedOrigins: AllowedOrigins
    let sendingRate: SendingRate
    let maxMessageBytes: Int
    let handshakeDeadline: TimeAmount
    let authenticate: Authenticate
    let makeDelegate: MakeDelegate
    /// One for all connections.
    let onRateExceeded: @Sendable () -> Void
    private let host: String
    private let port: Int
    private let group: any EventLoopGroup
    private let isReady: @Sendable () -> Bool
    private let logger: Logger
    private let onListening: @Sendable (SocketAddress) -> Void

    /// - Parameters:
    ///   - handshakeDeadline: how long a connection may take to become a WebSocket.
    ///   - isReady: whether Redis answers and everything is subscribed.
    ///   - onListening: told the address, which with port 0 nobody knows before.
    package init(
        configuration: Configuration,
        group: any EventLoopGroup,
        logger: Logger,
        handshakeDeadline: TimeAmount = HTTPEndpoints.defaultDeadline,
        authenticate: @escaping Authenticate,
        makeDelegate: @escaping MakeDelegate,
        isReady: @escaping @Sendable () -> Bool,
        onListening: @escaping @Sendable (SocketAddress) -> Void = { _ in }
    ) {
        admission = Admission(maxConnections: configuration.maxConnections)
        pace = AcceptPace(
            refusalsPerSecond: AcceptPace.refusalsPerSecond * group.makeIterator().reduce(0) { count, _ in count + 1 }
        )
        refusals = RefusalLog(eventLoop: group.next(), logger: logger)
        limits = ClientLimits(configuration.clientLimits, refusals: refusals)
        onRateExceeded = { [refusals] in refusals.count(.messages) }
        trustedProxies = configuration.trustedProxies
        allowedOrigins = configuration.allowedOrigins
        sendingRate = configuration.sendingRate
        maxMessageBytes = configuration.maxMessageBytes
        host = configuration.host
        port = configuration.port
        self.group = group
        self.logger = logger
        self.handshakeDeadline = handshakeDeadline
        self.authenticate = authenticate
        self.makeDelegate = makeDelegate
        self.isReady = isReady
        self.onListening = onListening
    }

    /// Why `/ready` is not 200; `nil` when it is.
    var unreadiness: HTTPRefusal? {
        if admission.isDraining || admission.isRetired { return .draining }
        return isReady() ? nil : .notReady
    }

    /// Listens until graceful shutdown or cancellation.
    ///
    /// - Throws: when the address cannot be had: NIO's `IOError`, or one of name resolution.
    package func run() async throws {
        let server = try await bootstrap.bind(host: host, port: port).get()
        if let address = server.localAddress {
            logger.info(
                "Listening.",
                metadata: [
                    "listener.address": "\(address.ipAddress ?? host)", "listener.port": "\(address.port ?? port)",
                ]
            )
            if allowedOrigins.areAny {
                logger.info(
                    "Pages of every web site may connect, with a token; ALLOWED_ORIGINS keeps all but those it names out."
                )
            }
            onListening(address)
        }
        try? await gracefulShutdown()
        admission.drain()
        logger.info("Taking no more connections.", metadata: ["connections": "\(admission.connections)"])
        try? await server.close()
    }

    private var bootstrap: ServerBootstrap {
        ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 4096)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            // One newcomer at a time, and then whoever else has something: the pace is looked at for each.
            .serverChannelOption(.maxMessagesPerRead, value: 1)
            .serverChannelInitializer { [pace] channel in
                channel.eventLoop.makeCompletedFuture {
                    // Out of file descriptors: try again after a second instead of at once.
                    try channel.pipeline.syncOperations.addHandler(AcceptBackoffHandler())
                    try channel.pipeline.syncOperations.addHandler(AcceptPace.Handler(pace))
                }
            }
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try Self.setOptions(of: channel)
                    try ConnectionSetup(listener: self).install(on: channel)
                }
            }
    }

    /// At once, where a bootstrap's options would be a chain of futures for each connection.
    private static func setOptions(of channel: any Channel) throws {
        guard let options = channel.syncOptions else { return }
        try options.setOption(.tcpOption(.tcp_nodelay), value: 1)
        try options.setOption(.allowRemoteHalfClosure, value: true)
        // 2.6 to 3.9 KB of resident memory for each idle socket, instead of 5.5 with NIO's default.
        try options.setOption(
            .recvAllocator,
            value: AdaptiveRecvByteBufferAllocator(minimum: 256, initial: 512, maximum: 16_384)
        )
        try options.setOption(.writeBufferWaterMark, value: .init(low: 32 * 1024, high: 128 * 1024))
    }
}
