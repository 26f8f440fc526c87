import Hiredis
import NIOCore
import NIOPosix
import RedisFixture
import Synchronization
import Testing

@Suite("A primary found by Sentinel", .serialized, .timeLimit(.minutes(10)))
struct RedisSentinelTests {
    /// A sentinel of the test's own making, which says what it is told to.
    private struct FakeSentinel {
        let fake: FakeRedis
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        private let primary: Named

        private final class Named: Sendable {
            let port: Mutex<Int>
            /// The replica that is to be the primary.
            let marked = Mutex<Int?>(nil)
            init(_ port: Int) { self.port = Mutex(port) }
        }

        init(naming port: Int) async throws {
            let primary = Named(port)
            self.primary = primary
            fake = try await FakeRedis.start(on: group) { request in
                switch request.arguments {
                case ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster"]:
                    return Self.array(["127.0.0.1", "\(primary.port.withLock { $0 })"])
                case ["SENTINEL", "REPLICAS", "mymaster"]:
                    guard let marked = primary.marked.withLock({ $0 }) else { return "*0\r\n" }
                    return "*1\r\n"
                        + Self.array([
                            "name", "x", "ip", "127.0.0.1", "port", "\(marked)", "flags", "slave,promoted",
                        ])
                default: return "-ERR\r\n"
                }
            }
        }

        private static func array(_ words: [String]) -> String {
            "*\(words.count)\r\n" + words.map { "$\($0.utf8.count)\r\n\($0)\r\n" }.joined()
        }

        func mark(_ server: RedisServer) { primary.marked.withLock { $0 = server.port } }

        func name(_ server: RedisServer) { primary.port.withLock { $0 = server.port } }

        func configuration() throws -> RedisConfiguration {
            var configuration = try RedisConfiguration(url: "redis-sentinel://127.0.0.1:\(fake.port)/mymaster")
            configuration.backoff = RedisBackoff(first: .milliseconds(5), longest: .milliseconds(20))
            return configuration
        }

        func close() async throws {
            try await fake.close()
            try await group.shutdownGracefully()
        }
    }

    @Test("Is found though the first sentinel is dead, and by user and password, in the right database")
    func finds() async throws {
        try await withSentinelSystem { system in
            for server in system.servers {
                _ = try server.command("ACL", "SETUSER", "app", "on", ">se cret", "~*", "&*", "+@all")
            }
            try system.sentinels[0].kill()
            let url =
                system.url
                .replacing("://", with: "://app:se%20cret@", maxReplacements: 1) + "/3"
            try await withClient(RedisConfiguration(url: url)) { client in
                _ = try await client.send(RedisCommand("SET", "a", "1"))
                #expect(try await client.send(RedisCommand("ACL", "WHOAMI")).string == "app")
            }
            #expect(try system.servers[0].command("-n", "3", "GET", "a") == "1")
        }
    }

    @Test("A name that no sentinel knows is said so, and a sentinel's password is given")
    func unknownName() async throws {
        try await withRedis(extra: ["--requirepass", "pw"]) { redis in
            // A server that is no sentinel answers the question with an error, once the password was right.
            for (password, message) in [("pw", "unknown command"), ("no", "WRONGPASS")] {
                let configuration = try RedisConfiguration(
                    url: "redis-sentinel://127.0.0.1:\(redis.port)/other?sentinel_password=\(password)"
                )
                let error = await #expect(throws: RedisError.self) {
                    try await withClient(configuration, awaitReady: false) { client in
                        try await client.waitUntilReady(timeout: .milliseconds(700))
                    }
                }
                #expect(error?.message.contains(message) == true, "\(error?.message ?? "no error")")
            }
        }
    }

    @Test("A server that a sentinel takes for the primary, and which is a replica, is not used")
    func checksRole() async throws {
        try await withRedis { primary in
            try await withRedis(extra: ["--replicaof", "127.0.0.1 \(primary.port)"]) { replica in
                let sentinel = try await FakeSentinel(naming: replica.port)
                try await withClient(sentinel.configuration(), awaitReady: false) { client in
                    let error = await #expect(throws: RedisError.self) {
                        try await client.waitUntilReady(timeout: .milliseconds(500))
                    }
                    #expect(error?.message.contains("is not the primary") == true)
                    sentinel.name(primary)
                    try await client.waitUntilReady(timeout: .seconds(20))
                    #expect(try await client.send(RedisCommand("SET", "a", "1")) == .status("OK"))
                }
                try await sentinel.close()
            }
        }
    }

    @Test("A replica that a sentinel is making the primary is used as soon as it calls itself one, before any names it")
    func findsPromoted() async throws {
        try await withRedis { old in
            try await withRedis(extra: ["--replicaof", "127.0.0.1 \(old.port)"]) { replica in
                let sentinel = try await FakeSentinel(naming: old.port)
                sentinel.mark(replica)
                try await withClient(sentinel.configuration()) { client in
                    // Chosen, but a replica still.
                    #expect(try await client.send(RedisCommand("SET", "a", "1")) == .status("OK"))
                    #expect(try old.command("GET", "a") == "1")
                    try old.kill()
                    _ = try replica.command("REPLICAOF", "NO", "ONE")
                    try await eventually("the promoted replica is used") {
                        (try? await client.send(RedisCommand("SET", "b", "1"))) == .status("OK")
                    }
                    #expect(try replica.command("GET", "b") == "1")
                }
                try await sentinel.close()
            }
        }
    }

    @Test("A primary that hangs is left for the replica that a sentinel has made the primary, before any names it")
    func leavesHanging() async throws {
        try await withRedis { old in
            try await withRedis(extra: ["--replicaof", "127.0.0.1 \(old.port)"]) { replica in
                let sentinel = try await FakeSentinel(naming: old.port)
                try await withClient(sentinel.configuration()) { client in
                    #expect(try await client.send(RedisCommand("SET", "a", "1")) == .status("OK"))
                    try old.suspend()
                    sentinel.mark(replica)
                    _ = try replica.command("REPLICAOF", "NO", "ONE")
                    try await eventually("the promoted replica is used") {
                        (try? await client.send(RedisCommand("SET", "b", "1"))) == .status("OK")
                    }
                    #expect(try replica.command("GET", "b") == "1")
                    try old.resume()
                }
                try await sentinel.close()
            }
        }
    }

    @Test("A primary that became a replica under the connection is left at its first READONLY")
    func leavesReplica() async throws {
        let script = RedisScript(name: "write", source: "return redis.call('SET', KEYS[1], '1')".utf8)
        try await withRedis { old in
            try await withRedis { new in
                let sentinel = try await FakeSentinel(naming: old.port)
                try await withClient(sentinel.configuration()) { client in
                    #expect(try await client.send(RedisCommand("SET", "a", "1")) == .status("OK"))
                    for command in [RedisCommand("SET", "b", "1"), RedisCommand(evaluating: script, keys: ["c"])] {
                        let (from, to) = try old.command("ROLE").hasPrefix("master") ? (old, new) : (new, old)
                        _ = try to.command("REPLICAOF", "NO", "ONE")
                        _ = try from.command("REPLICAOF", "127.0.0.1", "\(to.port)")
                        sentinel.name(to)
                        let error = await #expect(throws: RedisError.self) { try await client.send(command) }
                        #expect(error?.code == .server(prefix: "READONLY"))
                        #expect(error?.mayHaveRun == false)
                        try await eventually("the new primary is used") {
                            (try? await client.send(RedisCommand("SET", "d", "\(to.port)"))) != nil
                        }
                        #expect(try to.command("GET", "d") == "\(to.port)")
                    }
                }
                try await sentinel.close()
            }
        }
    }

    @Test(
        "A primary that still is one is left when a sentinel names another; what the sentinel says late is no reason to go back"
    )
    func leavesReplaced() async throws {
        try await withRedis { old in
            try await withRedis { new in
                let sentinel = try await FakeSentinel(naming: old.port)
                try await withClient(sentinel.configuration()) { client in
                    #expect(try await client.send(RedisCommand("SET", "a", "1")) == .status("OK"))
                    sentinel.name(new)
                    try await eventually("the new primary is used") {
                        _ = try? await client.send(RedisCommand("SET", "b", "1"))
                        return try new.command("EXISTS", "b") == "1"
                    }
                    sentinel.name(old)
                    _ = try old.command("DEL", "b")
                    // Long enough for two more questions.
                    for _ in 0..<60 {
                        #expect(try await client.send(RedisCommand("SET", "b", "1")) == .status("OK"))
                        try await Task.sleep(for: .milliseconds(20))
                    }
                    #expect(try old.command("EXISTS", "b") == "0")
                }
                try await sentinel.close()
            }
        }
    }

    enum Fault: String, CaseIterable, Sendable { case failoverCommand, killedPrimary }

    @Test(
        "After a failover it goes on by itself; nothing ends twice, and what can't have run has not",
        arguments: Fault.allCases
    )
    func failsOver(_ fault: Fault) async throws {
        try await withSentinelSystem { system in
            let old = try system.primary()
            let configuration = try RedisConfiguration(url: system.url)
            let subscription = try await TestSubscription(configuration, topics: ["news"])
            var states = subscription.states.makeAsyncIterator()
            var publications = subscription.publications.makeAsyncIterator()
            #expect(isSubscribed(await states.next()))
            try await withClient(configuration, loops: 2) { client in
                let isOver = Mutex(false)
                async let outcomes = write(client) { isOver.withLock { $0 } }
                switch fault {
                case .failoverCommand:
                    #expect(try system.sentinels[1].command("SENTINEL", "FAILOVER", "mymaster") == "OK")
                case .killedPrimary: try old.kill()
                }
                let promoted = try await system.promotion(besides: old)
                let promotion = ContinuousClock.now
                var attempts = 0
                try await eventually("a write reaches the new primary") {
                    attempts += 1
                    guard (try? await client.send(RedisCommand("SET", "probe", "1"))) != nil else { return false }
                    return try promoted.command("EXISTS", "probe") == "1"
                }
                let written = ContinuousClock.now - promotion
                guard case .lost = await states.next() else {
                    Issue.record("the subscription was not lost")
                    return
                }
                #expect(isSubscribed(await states.next()))
                let heard = ContinuousClock.now - promotion
                #expect(try promoted.command("PUBLISH", "news", "again") == "1")
                #expect(await publications.next().map { String(buffer: $0.payload) } == "again")
                try await client.waitUntilReady(timeout: .seconds(20))
                isOver.withLock { $0 = true }
                let all = await outcomes
                print(
                    "\(fault): from promotion to the first write \(written), to subscribed \(heard), \(attempts) probes"
                )

                // Each command ended once; the list has none twice, and none that cannot have run.
                #expect(all.map(\.number) == Array(0..<all.count))
                let list = try promoted.command("LRANGE", "list", "0", "-1").split(separator: "\n").compactMap {
                    Int($0)
                }
                #expect(Set(list).count == list.count)
                #expect(list == list.sorted())
                let neverRan = Set(all.filter { $0.error?.mayHaveRun == false }.map(\.number))
                #expect(neverRan.isDisjoint(with: list))
                // A planned one may be over between two commands.
                if fault != .failoverCommand { #expect(all.contains { $0.error != nil }) }
                #expect(all.last?.error == nil)
            }
            try await subscription.close()
        }
    }

    private struct Outcome: Sendable {
        let number: Int
        let error: RedisError?
    }

    /// Appends numbers to a list, one after the other, until told to stop, and notes how each ended.
    private func write(_ client: TestClient, until isOver: @Sendable () -> Bool) async -> [Outcome] {
        var outcomes: [Outcome] = []
        while true {
            let isLast = isOver()
            do throws(RedisError) {
                _ = try await client.send(RedisCommand("RPUSH", "list", "\(outcomes.count)"))
                outcomes.append(Outcome(number: outcomes.count, error: nil))
                if isLast { return outcomes }
            } catch {
                outcomes.append(Outcome(number: outcomes.count, error: error))
                try? await Task.sleep(for: .milliseconds(2))
            }
        }
    }
}
