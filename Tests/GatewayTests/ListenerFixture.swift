import Gateway
import Logging
import Messaging
import NIOCore
import NIOPosix
import ServiceLifecycle
import Testing

/// A listener on a free loopback port, with a stand-in for the token store and an echo behind each WebSocket.
enum ListenerFixture {
    static let token = "cust_a1b2c3d4-e5f6-7890-abcd-ef1234567890"
    static let agentToken = "a1b2c3d4-e5f6-7890-abcd-ef1234567800"
    static let key = "dGhlIHNhbXBsZSBub25jZQ=="

    /// Answers every message with itself, and `who` with the principal and the dialect.
    private final class Echo: WebSocketDelegate {
        private let greeting: String
        private var socket: WebSocketHandler?

        init(_ token: AuthenticatedToken, _ dialect: Dialect) {
            switch token.principal {
            case .customer(let id, _): greeting = "customer \(id) \(dialect)"
            case .agent(let id, _, _): greeting = "agent \(id) \(dialect)"
            }
        }

        func connected(_ socket: WebSocketHandler) { self.socket = socket }
        func received(text: ByteBuffer) {
            switch String(buffer: text) {
            case "who": socket?.send(text: ByteBuffer(string: greeting))
            case "pause":
                socket?.pauseReading()
                socket?.send(text: ByteBuffer(string: "paused"))
                socket?.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(50)) { [socket] in
                    socket?.send(text: ByteBuffer(string: "resuming"))
                    socket?.resumeReading()
                }
            default: socket?.send(text: text)
            }
        }
        func receivedPong(_ payload: ByteBuffer) {}
        func readCompleted() {}
        func writabilityChanged(isWritable: Bool) {}
        func disconnected() { socket = nil }
    }

    /// What the running listener is asked with.
    struct Running: Sendable {
        let address: SocketAddress
        let listener: Listener
        let services: ServiceGroup

        func connect() async throws -> RawClient { try await RawClient(to: address) }

        /// One request, one answer, on a connection of its own.
        func ask(_ request: String) async throws -> RawClient.Response {
            let client = try await connect()
            try await client.send(request)
            let response = try await client.readResponse()
            try? await client.close()
            return response
        }

        /// A WebSocket, its handshake done.
        func webSocket(_ uri: String = "/ws/chat?token=\(token)", _ headers: String = "") async throws -> RawClient {
            let client = try await connect()
            try await client.send(handshake(uri, headers))
            let response = try await client.readResponse()
            #expect(response.status == 101, "\(response.head)")
            return client
        }
    }

    static func handshake(_ uri: String = "/ws/chat?token=\(token)", _ headers: String = "") -> String {
        "GET \(uri) HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: \(key)\r\n\(headers)\r\n"
    }

    typealias Authenticate = @Sendable (Token) async throws(MessagingError) -> AuthenticatedToken

    /// Stands in for the token store: ``token`` and ``agentToken`` are good.
    static let authenticate: Authenticate = { token throws(MessagingError) in
        let id = UniqueID("550e8400-e29b-41d4-a716-446655440000") ?? UniqueID(in: .random())
        let expiresAt = Timestamp(milliseconds: Timestamp.now.milliseconds + 60_000)
        switch token.text {
        case Self.token:
            return AuthenticatedToken(
                principal: .customer(id: id, channel: .web),
                hash: token.hash,
                expiresAt: expiresAt
            )
        case agentToken:
            return AuthenticatedToken(
                principal: .agent(id: id, role: .agent, name: "A"),
                hash: token.hash,
                expiresAt: expiresAt
            )
        default: throw MessagingError(.unauthenticated, "The token is unknown or expired.")
        }
    }

    /// Runs a listener on a free port for as long as `body` does.
    static func withListener(
        maxConnections: Int = 100,
        deadline: TimeAmount = .seconds(30),
        isReady: @escaping @Sendable () -> Bool = { true },
        configure: (inout Gateway.Configuration) throws -> Void = { _ in },
        authenticate: @escaping Authenticate = ListenerFixture.authenticate,
        _ body: @escaping @Sendable (Running) async throws -> Void
    ) async throws {
        var configuration = Configuration()
        configuration.host = "127.0.0.1"
        configuration.port = 0
        configuration.maxConnections = maxConnections
        try configure(&configuration)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        var logger = Logger(label: "test")
        logger.logLevel = .error
        let (addresses, continuation) = AsyncStream.makeStream(of: SocketAddress.self)
        let listener = Listener(
            configuration: configuration,
            group: group,
            logger: logger,
            handshakeDeadline: deadline,
            authenticate: { token, eventLoop, answer in
                eventLoop.makeFutureWithTask { () -> Result<AuthenticatedToken, MessagingError> in
                    do throws(MessagingError) {
                        return .success(try await authenticate(token))
                    } catch {
                        return .failure(error)
                    }
                }
                .assumeIsolated().whenSuccess(answer)
            },
            makeDelegate: { token, _, dialect, _ in Echo(token, dialect) },
            isReady: isReady,
            onListening: { continuation.yield($0) }
        )
        let services = ServiceGroup(services: [listener], logger: logger)
        do {
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try await services.run() }
                var iterator = addresses.makeAsyncIterator()
                let address = try #require(await iterator.next())
                try await body(Running(address: address, listener: listener, services: services))
                await services.triggerGracefulShutdown()
                try await tasks.waitForAll()
            }
        } catch {
            try await group.shutdownGracefully()
            throw error
        }
        try await group.shutdownGracefully()
    }
}
