import Hiredis
import NIOCore
import NIOPosix
import Synchronization

/// A server of a test's own making that speaks RESP, for what a real Redis does not do on request: answering `LOADING`,
/// sending garbage, falling silent.
final class FakeRedis: Sendable {
    struct Request: Sendable {
        /// Counts the connections from 0.
        let connection: Int
        /// Counts the reads from the socket of this connection from 0.
        let read: Int
        let arguments: [String]
    }

    /// Answers the log-in as a Redis without password does.
    static func logIn(_ request: Request) -> String? {
        switch request.arguments[0] {
        case "PING": "+PONG\r\n"
        case "INFO": "$10\r\nrun_id:abc\r\n"
        case "SELECT", "CLIENT", "AUTH": "+OK\r\n"
        default: nil
        }
    }

    let port: Int
    private let channel: any Channel
    private let accepted: Counter

    /// - Parameter answer: The bytes to send for a request; an empty string sends nothing.
    static func start(
        on group: any EventLoopGroup,
        _ answer: @escaping @Sendable (Request) -> String
    ) async throws -> FakeRedis {
        let accepted = Counter()
        let channel = try await ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                let number = accepted.increment()
                return channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(FakeRedisHandler(number, answer))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return FakeRedis(channel, accepted)
    }

    private init(_ channel: any Channel, _ accepted: Counter) {
        self.channel = channel
        self.accepted = accepted
        self.port = channel.localAddress?.port ?? 0
    }

    /// How many connections were accepted so far.
    var acceptedCount: Int { accepted.value }

    func close() async throws {
        try await channel.close()
    }

    func configuration(_ change: (inout RedisConfiguration) -> Void = { _ in }) -> RedisConfiguration {
        var configuration = RedisConfiguration(address: .tcp(host: "127.0.0.1", port: port))
        configuration.backoff = RedisBackoff(first: .milliseconds(5), longest: .milliseconds(20))
        configuration.commandTimeout = .seconds(20)
        change(&configuration)
        return configuration
    }
}

/// A counter of several threads.
final class Counter: Sendable {
    private let state = Mutex(0)

    var value: Int { state.withLock { $0 } }

    /// - Returns: The value before.
    @discardableResult
    func increment() -> Int {
        state.withLock { value in
            defer { value += 1 }
            return value
        }
    }
}

private final class FakeRedisHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let number: Int
    private let answer: (FakeRedis.Request) -> String
    private let reader = HiredisReader()
    private var reads = 0

    init(_ number: Int, _ answer: @escaping (FakeRedis.Request) -> String) {
        self.number = number
        self.answer = answer
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var answers = ByteBuffer()
        unwrapInboundIn(data).withUnsafeReadableBytes { bytes in
            // What our own client formats is RESP; a failure here shows as a missing answer.
            try? reader.feed(bytes) { request in
                let arguments = request.value().array?.map { $0.string ?? "" } ?? []
                answers.writeString(
                    answer(FakeRedis.Request(connection: number, read: reads, arguments: arguments))
                )
                return true
            }
        }
        reads += 1
        if answers.readableBytes > 0 { context.writeAndFlush(wrapOutboundOut(answers), promise: nil) }
    }
}
