import Hiredis
import Logging
import Messaging
import NIOCore
import NIOPosix
import RedisFixture
import Testing

/// Somebody is told that something is done: it must stay done.
@Suite("What is acknowledged", .timeLimit(.minutes(10)))
struct DurabilityTests {
    @Test(
        "DURABILITY says how many replicas must have it",
        arguments: [
            ("single", 0), ("replicated", 1), ("replicated:1", 1), ("replicated:5", 5), ("replicated:6", nil),
            ("replicated:", nil), ("replicated:1:1", nil), ("Replicated", nil), ("", nil),
        ] as [(String, Int?)]
    )
    func setting(_ text: String, _ replicas: Int?) {
        #expect(Durability.replicas(text) == replicas)
    }

    private let ann = Principal.agent(id: UniqueID(in: .ofAgents), role: .agent, name: "安娜")

    @Test("A duplicate is acknowledged only once a replica has the original, whichever connection it comes by")
    func duplicate() async throws {
        try await LogFixture.run(replicas: 1) { fixture in
            try await withReplica(of: fixture.server) { replica in
                let customer = Principal.customer(id: try await fixture.makeCustomer(), channel: .web)
                let first = try await fixture.append("a", from: customer, clientMessageID: "m-1")
                try replica.suspend()
                let unconfirmed = await messagingError {
                    _ = try await fixture.append("b", from: customer, clientMessageID: "m-2")
                }
                #expect(unconfirmed?.cause?.code == .notReplicated)
                // The client repeats it at another gateway, whose connection to Redis has written nothing.
                try await Self.withOtherGateway(fixture.server) { log in
                    let repeated = await messagingError {
                        _ = try await log.append("b", from: customer, clientMessageID: "m-2")
                    }
                    #expect(repeated?.cause?.code == .notReplicated)
                    try replica.resume()
                    while try fixture.server.command("WAIT", "1", "1000") != "1" {}
                    let again = try await log.append("b", from: customer, clientMessageID: "m-2")
                    #expect(again.isDuplicate)
                    #expect(again.seq == first.seq + 1)
                    #expect(try replica.command("XLEN", Keyspace.log(first.conversation)) == "2")
                }
            }
        }
    }

    @Test(
        "A claim and a resolution that are repeated are confirmed only once a replica has them",
        arguments: [true, false]
    )
    func assignment(isClaim: Bool) async throws {
        try await LogFixture.run(replicas: 1) { fixture in
            try await withReplica(of: fixture.server) { replica in
                let customer = Principal.customer(id: try await fixture.makeCustomer(), channel: .web)
                let conversation = try await fixture.append("a", from: customer).conversation
                guard case .agent(let agent, let role, let name) = ann else { return }
                try replica.suspend()
                // The first time it is done; the second time it is already so.
                for _ in 0..<2 {
                    let error = await messagingError {
                        _ = try await (isClaim ? fixture.conversations.claim : fixture.conversations.resolve)(
                            conversation,
                            agent,
                            role,
                            name,
                            nil
                        )
                    }
                    #expect(error?.code == .storeUnavailable)
                    #expect(error?.message.contains("no replica") == true)
                }
                try replica.resume()
            }
        }
    }

    @Test("A duplicate gets the same answer although its original has left the log")
    func trimmed() async throws {
        try await LogFixture.run(limits: .init(log: 100, conversationsPerCustomer: 10)) { fixture in
            let customer = Principal.customer(id: try await fixture.makeCustomer(), channel: .web)
            let first = try await fixture.append("a", from: customer, clientMessageID: "m-1")
            // The log is cut in whole blocks of entries.
            for number in 0..<400 { _ = try await fixture.append("\(number)", from: customer) }
            let oldest = try fixture.server.command("XRANGE", Keyspace.log(first.conversation), "-", "+", "COUNT", "1")
            #expect(!oldest.hasPrefix("1-0"))
            let again = try await fixture.append("a", from: customer, clientMessageID: "m-1")
            #expect(again.isDuplicate)
            #expect(again.id == first.id)
            #expect(again.seq == 1)
            #expect(again.conversation == first.conversation)
            #expect(again.at == first.at)
            #expect(again.generation == first.generation)
            #expect(try await fixture.conversations.conversation(first.conversation).seq == 401)
        }
    }

    @Test("An id that was remembered in the former way is answered as well, by what the log has")
    func formerWay() async throws {
        try await LogFixture.run { fixture in
            let customerID = try await fixture.makeCustomer()
            let customer = Principal.customer(id: customerID, channel: .web)
            let first = try await fixture.append("a", from: customer, clientMessageID: "m-1")
            // 16 bytes of the conversation's id and the seq in decimal.
            let script = """
                for _, key in ipairs(redis.call('KEYS', '*:sent:*')) do
                    redis.call('SET', key, string.sub(redis.call('GET', key), 1, 16) .. '1', 'KEEPTTL')
                end
                """
            _ = try fixture.server.command("EVAL", script, "0")
            let again = try await fixture.append("a", from: customer, clientMessageID: "m-1")
            #expect(again.isDuplicate)
            #expect(again.id == first.id)
            #expect(again.seq == 1)
            #expect(again.at == first.at)
        }
    }

    @Test("After SCRIPT FLUSH a message is acknowledged although nothing follows it")
    func scriptFlushed() async throws {
        try await LogFixture.run(replicas: 1) { fixture in
            try await withReplica(of: fixture.server) { _ in
                let customer = Principal.customer(id: try await fixture.makeCustomer(), channel: .web)
                _ = try await fixture.append("a", from: customer)
                _ = try fixture.server.command("SCRIPT", "FLUSH")
                #expect(try await fixture.append("b", from: customer).seq == 2)
            }
        }
    }

    @Test("Messages keep their order while SCRIPT FLUSH is run again and again under two gateways")
    func scriptsLostUnderLoad() async throws {
        try await LogFixture.run { fixture in
            try await Self.withOtherGateway(fixture.server, replicas: 0) { other in
                let flushes = Task {
                    while !Task.isCancelled {
                        _ = try? fixture.server.command("SCRIPT", "FLUSH")
                        try await Task.sleep(for: .milliseconds(5))
                    }
                }
                defer { flushes.cancel() }
                let customers = [try await fixture.makeCustomer(), try await fixture.makeCustomer()]
                async let one = fixture.appendInTurns(3000, from: .customer(id: customers[0], channel: .web))
                async let two = other.appendInTurns(3000, from: .customer(id: customers[1], channel: .web))
                for places in try await [one, two] { #expect(places == Array(1...3000)) }
            }
        }
    }

    private func withReplica(of primary: RedisServer, _ body: (RedisServer) async throws -> Void) async throws {
        _ = try primary.command("CONFIG", "SET", "repl-diskless-sync-delay", "0")
        try await withRedis(extra: ["--replicaof", "127.0.0.1 \(primary.port)"]) { replica in
            while try primary.command("WAIT", "1", "1000") != "1" {}
            try await body(replica)
        }
    }

    private static func withOtherGateway(
        _ server: RedisServer,
        replicas: Int = 1,
        _ body: (LogFixture) async throws -> Void
    ) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        var configuration = try RedisConfiguration(url: server.programsURL)
        configuration.replicas = replicas
        let redis = RedisClient(configuration: configuration, eventLoopGroup: group, logger: Logger(label: "test"))
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await redis.run() }
            try await redis.waitUntilReady(timeout: .seconds(30))
            let limits = MessageLog.Limits(log: 1000, conversationsPerCustomer: 10)
            try await body(LogFixture(server: server, redis: redis, loop: group.next(), limits: limits))
            tasks.cancelAll()
        }
        try await group.shutdownGracefully()
    }
}
