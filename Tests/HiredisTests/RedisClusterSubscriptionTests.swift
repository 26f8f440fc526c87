import Hiredis
import NIOCore
import RedisFixture
import Testing

@Suite("Subscriptions on a Redis Cluster", .serialized, .timeLimit(.minutes(10)))
struct RedisClusterSubscriptionTests {
    private static let topics = (0..<64).map { "{tag\($0)}:to:mailbox" }

    /// Published by a script, as all is.
    private static let script = RedisScript(
        name: "publish",
        source: "return redis.call('SPUBLISH', KEYS[1], ARGV[1])".utf8
    )

    private func publication(_ topic: String, _ payload: String) -> RedisCommand {
        var command = RedisCommand(evaluating: RedisClusterSubscriptionTests.script, keys: [topic])
        command.append(payload)
        return command
    }

    /// Publishes one numbered text to each topic and expects each to arrive once.
    private func roundTrip(
        _ number: Int,
        _ client: TestClient,
        _ publications: inout AsyncStream<(topic: Int, payload: ByteBuffer)>.Iterator
    ) async throws {
        let topics = RedisClusterSubscriptionTests.topics
        let results = await client.send(topics.map { publication($0, "\(number)") })
        #expect(results.map { try? $0.get().int } == Array(repeating: 1, count: topics.count))
        var heard: Set<Int> = []
        while heard.count < topics.count {
            let publication = try #require(await publications.next())
            if String(buffer: publication.payload) == "probe" { continue }
            #expect(String(buffer: publication.payload) == "\(number)")
            #expect(heard.insert(publication.topic).inserted)
        }
    }

    /// Waits until each topic's primary has a listener for it.
    private func allAreHeard(_ client: TestClient) async throws {
        let probes = RedisClusterSubscriptionTests.topics.map { publication($0, "probe") }
        try await eventually("each topic is heard where it is published") {
            await client.send(probes).allSatisfy { (try? $0.get().int) == 1 }
        }
    }

    @Test("64 topics over three primaries arrive in the order of each; a topic follows its slot")
    func followsSlots() async throws {
        try await withClusterSystem { system in
            let configuration = try RedisConfiguration(url: system.url)
            let topics = RedisClusterSubscriptionTests.topics
            let subscription = try await TestSubscription(configuration, topics: topics)
            var states = subscription.states.makeAsyncIterator()
            var publications = subscription.publications.makeAsyncIterator()
            #expect(isSubscribed(await states.next()))
            try await withClient(configuration) { client in
                try await roundTrip(0, client, &publications)
                let results = await client.send((0..<6400).map { publication(topics[$0 % 64], "\($0)") })
                #expect(results.allSatisfy { (try? $0.get().int) == 1 })
                var last = Array(repeating: -1, count: 64)
                for _ in 0..<6400 {
                    let publication = try #require(await publications.next())
                    let number = try #require(Int(String(buffer: publication.payload)))
                    #expect(number % 64 == publication.topic)
                    #expect(number > last[publication.topic])
                    last[publication.topic] = number
                }
                for round in 1...3 {
                    let from = try system.owner(of: topics[7])
                    let to = try #require(system.primaries.first { $0 !== from })
                    try await system.move(slot: RedisSlot.of(topics[7]), from: from, to: to)
                    guard case .lost = await states.next() else {
                        Issue.record("not lost")
                        return
                    }
                    #expect(isSubscribed(await states.next()))
                    #expect(try await subscription.isSubscribed)
                    try await roundTrip(round, client, &publications)
                }
            }
            try await subscription.close()
        }
    }

    @Test("After a primary's death its topics are subscribed at its replica", arguments: [false, true])
    func failsOver(byHand: Bool) async throws {
        try await withClusterSystem(replicas: true) { system in
            let configuration = try RedisConfiguration(url: system.url)
            let subscription = try await TestSubscription(configuration, topics: RedisClusterSubscriptionTests.topics)
            var states = subscription.states.makeAsyncIterator()
            var publications = subscription.publications.makeAsyncIterator()
            #expect(isSubscribed(await states.next()))
            try await withClient(configuration) { client in
                try await roundTrip(0, client, &publications)
                if byHand {
                    #expect(try system.replicas[0].command("CLUSTER", "FAILOVER") == "OK")
                } else {
                    try system.primaries[0].kill()
                }
                guard case .lost = await states.next() else {
                    Issue.record("not lost")
                    return
                }
                #expect(isSubscribed(await states.next()))
                try await allAreHeard(client)
                #expect(try system.replicas[0].command("ROLE").hasPrefix("master"))
                #expect(try await subscription.isSubscribed)
                try await roundTrip(1, client, &publications)
            }
            try await subscription.close()
        }
    }
}
