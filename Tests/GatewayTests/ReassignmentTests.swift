import Gateway
import Hiredis
import Logging
import Messaging
import NIOCore
import NIOPosix
import RedisFixture
import Testing

@Suite("A conversation that changes hands, and an agent who reads slowly")
struct ReassignmentTests {
    @Test("What is said after another agent's claim reaches the slow one only once the conversation is given back")
    func keepsPrivate() async throws {
        try await Running.run { running in
            let agents = AgentStore(redis: running.redis)
            let slow = try await agents.create(login: "slow", name: "Slow", role: .agent, passwordHash: "-")
            let other = try await agents.create(login: "other", name: "Other", role: .agent, passwordHash: "-")
            let agent = try await running.connect(running.tokens.issueAgentToken(for: slow.id).token, "chat.v2")
            _ = try await agent.next(containing: #""type":"welcome""#)

            let identity = ChannelIdentity(channel: .web, channelID: "one")
            let token = try await running.tokens.issueToken(named: "One", for: identity).token
            let customer = try await running.connect(token, "chat.v2")
            _ = try await customer.next(containing: #""type":"welcome""#)
            try await customer.say("first")
            let first = try await agent.next(containing: "first")
            let ack = try await customer.next(containing: #""type":"ack""#)
            #expect(ack.contains(#""seq":1,"#))
            let conversation = try #require(Self.text(of: "conversationId", in: first).flatMap { UniqueID($0) })

            // More than all buffers between the gateway and the agent hold.
            try await agent.pauseReading()
            let filling = String(repeating: "x", count: 30_000)
            for _ in 0..<400 { try await customer.say(filling) }
            for _ in 0..<400 { _ = try await customer.next(containing: #""type":"ack""#) }

            let store = ConversationStore(redis: running.redis)
            _ = try await store.claim(conversation, by: other.id, role: .agent, name: "Other")
            for _ in 0..<5 {
                try await customer.say("private")
                _ = try await customer.next(containing: #""type":"ack""#)
            }
            try await agent.resumeReading()
            let released = Self.state(conversation, "waiting")
            var seqs = [1]
            var isPrivate = false
            var early: [Int] = []
            var markers = 0
            while seqs.last != 406 {
                let text = try await agent.next()
                if text.contains(Self.state(conversation, "assigned")) {
                    isPrivate = true
                    // Time for what must not come: other conversations are served meanwhile.
                    try await customer.say("marker", in: "another")
                } else if text.contains(released) {
                    isPrivate = false
                } else if text.contains("marker") {
                    markers += 1
                    if markers < 20 {
                        try await customer.say("marker", in: "another")
                    } else {
                        _ = try await store.release(conversation, by: other.id, role: .agent, name: "Other")
                    }
                } else if text.contains(#""type":"message""#) {
                    let seq = try #require(Self.number(of: "seq", in: text))
                    if isPrivate { early.append(seq) }
                    #expect(seq == (seqs.last ?? 0) + 1)
                    seqs.append(seq)
                }
            }
            #expect(early == [])
            try await customer.close()
            try await agent.close()
        }
    }

    private static func state(_ conversation: UniqueID, _ state: String) -> String {
        #""type":"assignment","conversationId":"\#(conversation)","state":"\#(state)""#
    }

    private static func text(of field: String, in json: String) -> String? {
        json.firstRange(of: "\"\(field)\":\"").map { String(json[$0.upperBound...].prefix { $0 != "\"" }) }
    }

    private static func number(of field: String, in json: String) -> Int? {
        json.firstRange(of: "\"\(field)\":").flatMap { Int(json[$0.upperBound...].prefix { $0.isNumber }) }
    }
}

/// A gateway in this process, its Redis, and the stores that REST would use.
private struct Running: Sendable {
    let address: SocketAddress
    let redis: RedisClient
    let tokens: TokenStore

    static func run(_ body: @Sendable (Running) async throws -> Void) async throws {
        try await withRedis { server in
            var configuration = Configuration()
            configuration.redisURL = server.url
            configuration.host = "127.0.0.1"
            configuration.port = 0
            configuration.loops = 1
            configuration.drainTimeoutSeconds = 1
            configuration.slowReaderSeconds = 3600
            let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            let (addresses, listening) = AsyncStream.makeStream(of: SocketAddress.self)
            let app = try GatewayApp(configuration: configuration, logger: logger, signals: false) {
                listening.yield($0)
            }
            let redis = try RedisClient(
                configuration: RedisConfiguration(url: server.url),
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
                    Running(address: address, redis: redis, tokens: TokenStore(redis: redis, lifetime: .seconds(600)))
                )
                await app.stop()
            }
        }
    }

    /// A WebSocket, as soon as the gateway takes it.
    func connect(_ token: Token, _ subprotocol: String) async throws -> Client {
        while true {
            let client = try await Client(to: address)
            if try await client.shakeHands(token, subprotocol) { return client }
            try? await client.close()
        }
    }
}

/// A WebSocket client that can stop reading.
private final class Client {
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

    /// - Returns: Whether the answer was 101.
    func shakeHands(_ token: Token, _ subprotocol: String) async throws -> Bool {
        let head = """
            GET /ws/chat HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: \(ListenerFixture.key)\r\n\
            Sec-WebSocket-Protocol: \(subprotocol), token.\(token.text)\r\n\r\n
            """
        try await channel.writeAndFlush(ByteBuffer(string: head))
        while true {
            if let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) {
                let isUpgraded = bytes.starts(with: Array("HTTP/1.1 101".utf8))
                bytes.removeFirst(end.upperBound)
                return isUpgraded
            }
            try await more()
        }
    }

    func say(_ content: String, in conversation: String? = nil) async throws {
        let reference = conversation.map { #","conversationId":"\#($0)""# } ?? ""
        let bytes = textBytes(#"{"type":"message","content":"\#(content)"\#(reference)}"#)
        try await channel.writeAndFlush(ByteBuffer(bytes: bytes))
    }

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
