import Hiredis
import NIOCore
import NIOPosix
import RedisFixture
import Testing

@Suite("Subscriptions over a real Redis")
struct RedisSubscriptionTests {
    @Test("A hundred thousand publications over 64 topics arrive whole and in order")
    func order() async throws {
        try await withRedis { redis in
            let topics = (0..<64).map { "{p\($0)}:to:gateway.0" }
            let listener = try await TestSubscription(redis.configuration(), topics: topics)
            var states = listener.states.makeAsyncIterator()
            #expect(isSubscribed(await states.next()))
            #expect(try await listener.isSubscribed)
            let padding = String(repeating: "x", count: 193)
            async let received = {
                var count = 0
                for await (topic, payload) in listener.publications {
                    let expected = "\(count + 1_000_000)\(padding)"
                    guard topic == count % 64, payload.readableBytesView.elementsEqual(expected.utf8) else { break }
                    count += 1
                    if count == 100_000 { break }
                }
                return count
            }()
            try await withClient(redis.configuration()) { client in
                for start in stride(from: 0, to: 100_000, by: 5_000) {
                    let results = await client.send(
                        (start..<start + 5_000).map {
                            RedisCommand("PUBLISH", topics[$0 % 64], "\($0 + 1_000_000)\(padding)")
                        }
                    )
                    #expect(results.allSatisfy { (try? $0.get().int) == 1 })
                }
            }
            #expect(await received == 100_000)
            try await listener.close()
        }
    }

    @Test("After a restart it subscribes again by itself, and says so")
    func resubscribes() async throws {
        try await withRedis { redis in
            let listener = try await TestSubscription(redis.configuration(), topics: ["a", "b"])
            var states = listener.states.makeAsyncIterator()
            var publications = listener.publications.makeAsyncIterator()
            #expect(isSubscribed(await states.next()))
            for round in 1...3 {
                #expect(try redis.command("PUBLISH", "b", "round \(round)") == "1")
                let publication = await publications.next()
                #expect(publication?.topic == 1)
                #expect(publication.map { String(buffer: $0.payload) } == "round \(round)")
                try redis.kill()
                guard case .lost(let error) = await states.next() else {
                    Issue.record("not lost")
                    return
                }
                #expect(error.code == .disconnected)
                #expect(try await !listener.isSubscribed)
                try await redis.restart()
                #expect(isSubscribed(await states.next()))
            }
            try await listener.close()
        }
    }

    @Test("It waits for a Redis that is not there yet")
    func waitsForRedis() async throws {
        try await withRedis { redis in
            try redis.kill()
            let listener = try await TestSubscription(redis.configuration(), topics: ["a"])
            try await redis.restart()
            var states = listener.states.makeAsyncIterator()
            #expect(isSubscribed(await states.next()))
            try await listener.close()
        }
    }

    @Test("A server that falls silent is noticed, though its connection stays open")
    func halfOpen() async throws {
        try await withRedis { redis in
            let configuration = try redis.configuration {
                $0.subscriptionPingInterval = .milliseconds(200)
                $0.connectTimeout = .milliseconds(200)
            }
            let listener = try await TestSubscription(configuration, topics: ["a"])
            var states = listener.states.makeAsyncIterator()
            #expect(isSubscribed(await states.next()))
            try redis.suspend()
            guard case .lost(let error) = await states.next() else {
                Issue.record("not lost")
                return
            }
            #expect(error.code == .timedOut)
            try redis.resume()
            #expect(isSubscribed(await states.next()))
            try await listener.close()
        }
    }

    @Test("An idle subscription stays, because Redis answers its questions")
    func idle() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let pings = Counter()
        let fake = try await FakeRedis.start(on: group) { request in
            if request.arguments == ["SUBSCRIBE", "a"] { return "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n" }
            if request.arguments == ["PING"], request.read > 0 {
                pings.increment()
                return "*2\r\n$4\r\npong\r\n$0\r\n\r\n"
            }
            return FakeRedis.logIn(request) ?? ""
        }
        let listener = try await TestSubscription(
            fake.configuration { $0.subscriptionPingInterval = .milliseconds(500) },
            topics: ["a"]
        )
        var states = listener.states.makeAsyncIterator()
        #expect(isSubscribed(await states.next()))
        try await eventually("it asked three times") { pings.value >= 3 }
        #expect(fake.acceptedCount == 1)
        #expect(try await listener.isSubscribed)
        try await listener.close()
        try await fake.close()
        try await group.shutdownGracefully()
    }

    @Test("A refused topic is tried again for ever, and works once it is allowed")
    func refused() async throws {
        try await withRedis { redis in
            _ = try redis.command("ACL", "SETUSER", "app", "on", ">pw", "~*", "resetchannels", "+@all")
            let configuration = try redis.configuration {
                $0.username = "app"
                $0.password = "pw"
            }
            let listener = try await TestSubscription(configuration, topics: ["a"])
            try await eventually("Redis refused it") {
                try redis.command("ACL", "LOG").contains("channel")
            }
            #expect(try await !listener.isSubscribed)
            _ = try redis.command("ACL", "SETUSER", "app", "allchannels")
            var states = listener.states.makeAsyncIterator()
            #expect(isSubscribed(await states.next()))
            try await listener.close()
        }
    }
}
