import Hiredis
import Logging
import Messaging
import NIOCore
import NIOPosix
import RedisFixture
import Synchronization
import Testing

/// A broker on its event loop, and what it told, in order.
private struct BrokerFixture {
    let fixture: LogFixture
    let broker: NIOLoopBound<Broker>
    private let events: AsyncStream<Broker.Event>

    init(_ fixture: LogFixture, mailbox: String, redisURL: String? = nil) async throws {
        self.fixture = fixture
        let (events, continuation) = AsyncStream.makeStream(of: Broker.Event.self)
        self.events = events
        let configuration = try RedisConfiguration(url: redisURL ?? fixture.server.programsURL)
        let redis = fixture.redis
        let loop = fixture.loop
        broker = try await loop.submit {
            let broker = Broker(
                mailbox: mailbox,
                redis: redis.connection(for: loop),
                configuration: configuration,
                logger: Logger(label: "test")
            )
            broker.start { continuation.yield($0) }
            return NIOLoopBound(broker, eventLoop: loop)
        }.get()
        _ = await next { if case .subscribed = $0 { true } else { false } }
    }

    /// The first event that `isWanted`, and how many others came before it.
    func next(_ isWanted: (Broker.Event) -> Bool) async -> Int {
        var others = 0
        for await event in events {
            if isWanted(event) { break }
            others += 1
        }
        return others
    }

    func tick() async throws {
        let broker = broker
        try await fixture.loop.submit { broker.value.tick() }.get()
    }

    func close() async throws {
        let broker = broker
        try await fixture.loop.flatSubmit { broker.value.close() }.get()
    }
}

@Suite("The broker")
struct BrokerTests {
    private func isGap(_ event: Broker.Event) -> Bool { if case .gap(nil) = event { true } else { false } }

    @Test("A lost last publication is noticed at the next tick, once")
    func lostLastPublication() async throws {
        try await LogFixture.run { fixture in
            let broker = try await BrokerFixture(fixture, mailbox: "g.0")
            try await broker.tick()
            // What a publication does that never arrives.
            let lost = Partition(17)
            _ = try fixture.server.command("HINCRBY", "\(Keyspace.prefix(lost))mailbox", "g.0", "1")
            try await broker.tick()
            #expect(await broker.next(isGap) == 0)
            // Once noticed it is made up for: the next gap is a new one.
            let next = Partition(3)
            _ = try fixture.server.command("HINCRBY", "\(Keyspace.prefix(next))mailbox", "g.0", "1")
            try await broker.tick()
            #expect(await broker.next(isGap) == 0)
            try await broker.close()
        }
    }

    @Test("A subscription that is up but hears nothing is replaced, and hears again")
    func deafSubscription() async throws {
        try await LogFixture.run { fixture in
            let proxy = try await DeafeningProxy.start(to: fixture.server.port)
            let broker = try await BrokerFixture(
                fixture,
                mailbox: "g.0",
                redisURL: "redis://127.0.0.1:\(proxy.port)/0"
            )
            try await broker.tick()
            proxy.deafen()
            let ticking = Task {
                while !Task.isCancelled {
                    try await broker.tick()
                    try await Task.sleep(for: .milliseconds(300))
                }
            }
            _ = await broker.next { if case .lost = $0 { true } else { false } }
            proxy.hear()
            _ = await broker.next { if case .subscribed = $0 { true } else { false } }
            ticking.cancel()
            _ = try fixture.server.command("HINCRBY", "\(Keyspace.prefix(Partition(5)))mailbox", "g.0", "1")
            try await broker.tick()
            _ = await broker.next(isGap)
            try await broker.close()
            try await proxy.stop()
        }
    }

    @Test("A dead gateway's connections are taken away by the tick of another, and the assignee is told")
    func buriesTheDead() async throws {
        try await LogFixture.run { fixture in
            let customerID = try await fixture.makeCustomer()
            let prefix = Keyspace.prefix(customerID.partition)
            let customer = Principal.customer(id: customerID, channel: .web)
            let agentID = UniqueID(in: .ofAgents)
            let conversation = try await fixture.append("a", from: customer).conversation
            _ = try await fixture.conversations.claim(conversation, by: agentID, role: .agent, name: "A")
            let living = try await BrokerFixture(fixture, mailbox: "living.0")
            for (mailbox, agent) in [("dead.0", false), ("living.0", true)] {
                _ = try await fixture.onLog { (log, done: @escaping MessageLog.Completion<[ConversationPosition]>) in
                    if agent {
                        log.registerAgent(
                            agentID,
                            in: mailbox,
                            connections: 1,
                            full: 1,
                            listing: false,
                            partitions: [customerID.partition],
                            done
                        )
                    } else {
                        log.registerCustomer(
                            customerID,
                            in: mailbox,
                            connections: 1,
                            full: 0,
                            listing: false,
                            done
                        )
                    }
                }
            }
            #expect(try fixture.server.command("HGET", Keyspace.routes(customerID), "dead.0") == "1:0")
            _ = try fixture.server.command("HSET", "\(prefix)leases", "dead.0", "1")
            // A mailbox that is new buries nobody.
            for _ in 0..<2 { try await living.tick() }
            let others = await living.next {
                $0.presence == .presence(of: customerID, isAgent: false, isOnline: false, target: agentID)
            }
            #expect(others == 0)
            #expect(try fixture.server.command("EXISTS", Keyspace.routes(customerID)) == "0")
            #expect(try fixture.server.command("HEXISTS", "\(prefix)leases", "dead.0") == "0")
            #expect(try fixture.server.command("HEXISTS", "\(prefix)leases", "living.0") == "1")
            try await living.close()
        }
    }

    @Test("After an outage that outlasted all leases, nobody is taken for dead who comes back in time")
    func outlivesOutage() async throws {
        try await LogFixture.run { fixture in
            let customerID = try await fixture.makeCustomer()
            let first = try await BrokerFixture(fixture, mailbox: "first.0")
            let second = try await BrokerFixture(fixture, mailbox: "second.0")
            for broker in [first, second] { try await broker.tick() }
            _ = try await fixture.onLog { (log, done: @escaping MessageLog.Completion<[ConversationPosition]>) in
                log.registerCustomer(customerID, in: "second.0", connections: 1, full: 0, listing: false, done)
            }
            for mailbox in ["first.0", "second.0"] {
                _ = try fixture.server.command(
                    "HSET",
                    "\(Keyspace.prefix(customerID.partition))leases",
                    mailbox,
                    "1"
                )
            }
            for broker in [first, first, second, first] { try await broker.tick() }
            // Answered after all that, as it comes by the same connection.
            _ = try await fixture.redis.send(RedisCommand("PING"))
            #expect(try fixture.server.command("HGET", Keyspace.routes(customerID), "second.0") == "1:0")
            for broker in [first, second] { try await broker.close() }
        }
    }
}

extension Broker.Event {
    fileprivate var presence: Publication? {
        if case .publication(let publication) = self { publication } else { nil }
    }
}

/// Stands between a client and Redis and can keep to itself what Redis says, on connections that stay open.
private final class DeafeningProxy: Sendable {
    let port: Int
    private let group: MultiThreadedEventLoopGroup
    private let isDeaf: LockedFlag

    private init(port: Int, group: MultiThreadedEventLoopGroup, isDeaf: LockedFlag) {
        self.port = port
        self.group = group
        self.isDeaf = isDeaf
    }

    static func start(to redisPort: Int) async throws -> DeafeningProxy {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let isDeaf = LockedFlag()
        let server = try await ServerBootstrap(group: group)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { client in
                ClientBootstrap(group: client.eventLoop)
                    .connect(host: "127.0.0.1", port: redisPort)
                    .flatMapThrowing { redis in
                        try client.pipeline.syncOperations.addHandler(Forward(to: redis, unless: nil))
                        try redis.pipeline.syncOperations.addHandler(Forward(to: client, unless: isDeaf))
                        client.setOption(.autoRead, value: true).whenFailure { _ in }
                    }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return DeafeningProxy(port: server.localAddress?.port ?? 0, group: group, isDeaf: isDeaf)
    }

    func deafen() { isDeaf.set(true) }
    func hear() { isDeaf.set(false) }
    func stop() async throws { try await group.shutdownGracefully() }

    private final class Forward: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let other: any Channel
        private let dropping: LockedFlag?

        init(to other: any Channel, unless dropping: LockedFlag?) {
            self.other = other
            self.dropping = dropping
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            if dropping?.value != true { other.writeAndFlush(Self.unwrapInboundIn(data), promise: nil) }
        }

        func channelInactive(context: ChannelHandlerContext) { other.close(promise: nil) }
    }
}

private final class LockedFlag: Sendable {
    private let box = Mutex(false)
    var value: Bool { box.withLock { $0 } }
    func set(_ value: Bool) { box.withLock { $0 = value } }
}
