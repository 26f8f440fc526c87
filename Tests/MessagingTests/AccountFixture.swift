import Hiredis
import Logging
import Messaging
import NIOPosix
import RedisFixture

/// A private Redis and the stores of customers, agents and tokens over it.
struct AccountFixture: Sendable {
    let server: RedisServer
    let redis: RedisClient
    let customers: CustomerStore
    let agents: AgentStore

    static func run(_ body: @Sendable (AccountFixture) async throws -> Void) async throws {
        try await withRedis { server in
            let redis = try RedisClient(
                configuration: RedisConfiguration(url: server.programsURL),
                eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            )
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try await redis.run() }
                defer { tasks.cancelAll() }
                try await redis.waitUntilReady(timeout: .seconds(30))
                try await body(
                    AccountFixture(
                        server: server,
                        redis: redis,
                        customers: CustomerStore(redis: redis),
                        agents: AgentStore(redis: redis)
                    )
                )
            }
        }
    }

    func tokens(living lifetime: Duration = .seconds(3600)) -> TokenStore {
        TokenStore(redis: redis, lifetime: lifetime)
    }

    /// What a key holds; `nil` if there is none.
    func value(of key: String) async throws -> String? {
        try await redis.send(RedisCommand("GET", key)).string
    }

    func set(_ key: String, to value: String) async throws {
        _ = try await redis.send(RedisCommand("SET", key, value))
    }

    /// Redis's clock, in ms since 1970.
    func now() async throws -> Int {
        let time = try await redis.send(RedisCommand("TIME")).array ?? []
        return (time.first?.int ?? 0) * 1000 + (time.last?.int ?? 0) / 1000
    }
}

extension ChannelIdentity {
    /// An identity of `channel` that belongs to `partition`, or to any other than it.
    static func some(_ channel: CustomerChannel, in partition: Partition, inside: Bool = true) -> ChannelIdentity {
        var number = 0
        while true {
            let identity = ChannelIdentity(channel: channel, channelID: "id-\(number)")
            if (Partition(of: identity) == partition) == inside { return identity }
            number += 1
        }
    }
}

/// The error that `body` throws; `nil` if none.
func messagingError(_ body: () async throws -> Void) async -> MessagingError? {
    do {
        try await body()
        return nil
    } catch {
        return error as? MessagingError
    }
}
