import Gateway
import Hiredis
import Logging
import Messaging
import NIOCore
import NIOPosix
import RedisFixture
import Testing

/// A gateway in this process, its Redis, and the stores that REST would use.
struct RunningGateway: Sendable {
    let address: SocketAddress
    /// Where the gateway's Redis is.
    let redisURL: String
    let redis: RedisClient
    let tokens: TokenStore

    static func run(
        _ configure: @Sendable (inout Configuration) -> Void = { _ in },
        _ body: @Sendable (RunningGateway) async throws -> Void
    ) async throws {
        try await withRedis { try await run(on: $0.programsURL, configure, body) }
    }

    /// - Parameter redisURL: of a Redis that is there already.
    static func run(
        on redisURL: String,
        _ configure: @Sendable (inout Configuration) -> Void = { _ in },
        _ body: @Sendable (RunningGateway) async throws -> Void
    ) async throws {
        var configuration = Configuration()
        configuration.redisURL = redisURL
        configuration.host = "127.0.0.1"
        configuration.port = 0
        configuration.loops = 1
        configuration.drainTimeoutSeconds = 1
        configuration.slowReaderSeconds = 3600
        configuration.sendingRate = SendingRate(messagesPerSecond: 0, bytesPerSecond: 0)
        configure(&configuration)
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let (addresses, listening) = AsyncStream.makeStream(of: SocketAddress.self)
        let app = try GatewayApp(configuration: configuration, logger: logger, signals: false) {
            listening.yield($0)
        }
        let redis = try RedisClient(
            configuration: RedisConfiguration(url: redisURL),
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
            logger: logger
        )
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await app.run() }
            tasks.addTask { try await redis.run() }
            defer { tasks.cancelAll() }
            try await redis.waitUntilReady(timeout: .seconds(30))
            var iterator = addresses.makeAsyncIterator()
            guard let address = await iterator.next() else { throw RawClient.Ended() }
            try await body(
                RunningGateway(
                    address: address,
                    redisURL: redisURL,
                    redis: redis,
                    tokens: TokenStore(redis: redis, lifetime: .seconds(600))
                )
            )
            await app.stop()
            // The gateway ends in order, before Redis is taken from it.
            _ = try await tasks.next()
        }
    }

    /// A WebSocket, as soon as the gateway is ready to take it. A token that is refused ends the test.
    func connect(_ token: Token, _ subprotocol: String) async throws -> SocketClient {
        while true {
            let client = try await SocketClient(to: address)
            let status = try await client.shakeHands(token, subprotocol)
            if status == "101" { return client }
            try? await client.close()
            guard status == "503" else { throw HandshakeRefused(status: status) }
        }
    }

    struct HandshakeRefused: Error { let status: String }
}

/// A WebSocket client that can stop reading.
final class SocketClient {
    private let channel: any Channel
    private var pieces: AsyncStream<ByteBuffer>.Iterator
    private var bytes: [UInt8] = []
    private var frames: [ServerFrame] = []

    private final class Receiver: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        let pieces: AsyncStream<ByteBuffer>.Continuation

        init(_ pieces: AsyncStream<ByteBuffer>.Continuation) { self.pieces = pieces }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) { pieces.yield(unwrapInboundIn(data)) }
        func channelInactive(context: ChannelHandlerContext) { pieces.finish() }
    }

    init(to address: SocketAddress) async throws {
        let (stream, continuation) = AsyncStream.makeStream(of: ByteBuffer.self)
        channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Receiver(continuation))
                }
            }
            .connect(to: address).get()
        pieces = stream.makeAsyncIterator()
    }

    /// - Returns: The answer's status, `101` if it is a WebSocket now.
    func shakeHands(_ token: Token, _ subprotocol: String) async throws -> String {
        let head = """
            GET /ws/chat HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: \(ListenerFixture.key)\r\n\
            Sec-WebSocket-Protocol: \(subprotocol), token.\(token.text)\r\n\r\n
            """
        try await channel.writeAndFlush(ByteBuffer(string: head))
        while true {
            if let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) {
                let status = String(decoding: bytes.dropFirst("HTTP/1.1 ".utf8.count).prefix(3), as: UTF8.self)
                bytes.removeFirst(end.upperBound)
                return status
            }
            try await more()
        }
    }

    func say(_ content: String, in conversation: String? = nil) async throws {
        let reference = conversation.map { #","conversationId":"\#($0)""# } ?? ""
        try await send(#"{"type":"message","content":"\#(content)"\#(reference)}"#)
    }

    func send(_ json: String) async throws { try await send(textBytes(json)) }

    func send(_ bytes: [UInt8]) async throws { try await channel.writeAndFlush(ByteBuffer(bytes: bytes)) }

    /// The text of the next text frame. A close frame ends the test.
    func next() async throws -> String {
        while true {
            while !frames.isEmpty {
                let frame = frames.removeFirst()
                if frame.opcode == 1 { return frame.text }
                if let code = frame.closeCode {
                    Issue.record("Closed with \(code)")
                    throw RawClient.Ended()
                }
            }
            guard let read = ServerFrame.read(from: &bytes) else { throw RawClient.Ended() }
            frames = read
            if frames.isEmpty { try await more() }
        }
    }

    /// The code of the close frame, whatever comes before it.
    func closeCode() async throws -> Int {
        while true {
            while !frames.isEmpty {
                if let code = frames.removeFirst().closeCode { return Int(code) }
            }
            guard let read = ServerFrame.read(from: &bytes) else { throw RawClient.Ended() }
            frames = read
            if frames.isEmpty { try await more() }
        }
    }

    func next(containing words: String) async throws -> String {
        while true {
            let text = try await next()
            if text.contains(words) { return text }
        }
    }

    private func more() async throws {
        guard let piece = await pieces.next() else { throw RawClient.Ended() }
        bytes += piece.readableBytesView
    }

    func pauseReading() async throws { try await channel.setOption(.autoRead, value: false).get() }
    func resumeReading() async throws { try await channel.setOption(.autoRead, value: true).get() }
    func close() async throws { try await channel.close() }
}
