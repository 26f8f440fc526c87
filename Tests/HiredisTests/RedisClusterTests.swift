import Hiredis
import NIOCore
import NIOPosix
import RedisFixture
import Synchronization
import Testing

@Suite("Commands on a Redis Cluster", .serialized, .timeLimit(.minutes(10)))
struct RedisClusterTests {
    private func configuration(_ system: RedisClusterSystem) throws -> RedisConfiguration {
        var configuration = try RedisConfiguration(url: system.url)
        configuration.commandTimeout = .seconds(20)
        return configuration
    }

    private static let keys = (0..<64).map { "{tag\($0)}:key" }

    @Test("Each goes to the server that has its key; scripts publish by SPUBLISH and are told where they run")
    func routes() async throws {
        let script = RedisScript(
            name: "where",
            source: "local PUBLISH = 'PUBLISH' return {ARGV[1], PUBLISH, ARGV[2]}".utf8,
            onCluster: "local PUBLISH = 'SPUBLISH' return {ARGV[1], PUBLISH, ARGV[2]}".utf8
        )
        func command(_ key: String) -> RedisCommand {
            var command = RedisCommand(evaluating: script, keys: [key])
            command.appendRunID()
            command.append("end")
            return command
        }
        func runID(_ server: RedisServer) throws -> String? {
            try server.command("INFO", "server").split(whereSeparator: \.isNewline)
                .first { $0.hasPrefix("run_id:") }.map { String($0.dropFirst(7)) }
        }
        try await withClusterSystem { system in
            try await withClient(configuration(system), loops: 2) { client in
                let keys = RedisClusterTests.keys
                for round in 1...3 {
                    let results = await client.send(keys.map { RedisCommand("INCR", $0) })
                    #expect(results.map { try? $0.get().int } == Array(repeating: round, count: keys.count))
                }
                #expect(try await client.send(RedisCommand("PING")) == .status("PONG"))
                var owners: Set<Int> = []
                for key in keys {
                    let owner = try system.owner(of: key)
                    owners.insert(owner.port)
                    #expect(try owner.command("GET", key) == "3")
                    for _ in 1...2 {
                        let reply = try await client.send(command(key)).array?.map(\.string)
                        #expect(reply == [try runID(owner), "SPUBLISH", "end"])
                    }
                }
                #expect(owners.count == 3)
            }
        }
        try await withRedis { redis in
            try await withClient(redis.configuration()) { client in
                for _ in 1...2 {
                    let reply = try await client.send(command("k")).array?.map(\.string)
                    #expect(reply == [try runID(redis), "PUBLISH", "end"])
                }
            }
        }
    }

    @Test("One server's name is enough to find all; a wrong password and a Redis that is no cluster are said so")
    func seeds() async throws {
        try await withClusterSystem { system in
            let port = system.primaries[1].port
            try await withClient(RedisConfiguration(url: "redis-cluster://127.0.0.1:1,127.0.0.1:\(port)")) { client in
                let results = await client.send(RedisClusterTests.keys.map { RedisCommand("INCR", $0) })
                #expect(results.allSatisfy { (try? $0.get().int) == 1 })
            }
        }
        try await withRedis { redis in
            for (login, message) in [("", "cluster support disabled"), (":no@", "AUTH")] {
                let configuration = try RedisConfiguration(url: "redis-cluster://\(login)127.0.0.1:\(redis.port)")
                let error = await #expect(throws: RedisError.self) {
                    try await withClient(configuration, awaitReady: false) { client in
                        try await client.waitUntilReady(timeout: .milliseconds(700))
                    }
                }
                #expect(error?.message.contains(message) == true, "\(error?.message ?? "no error")")
            }
        }
    }

    @Test("While slots move under load, every command runs once, in the order in which it was sent")
    func movesUnderLoad() async throws {
        try await withClusterSystem { system in
            try await withClient(configuration(system)) { client in
                let key = "{moving}:list"
                let slot = RedisSlot.of(key)
                let connection = client.anyConnection
                let isOver = Mutex(false)
                // Always a hundred on their way, so that each move bounces a burst.
                async let sent = {
                    var count = 0
                    let outcomes = Outcomes()
                    while !isOver.withLock({ $0 }) {
                        let batch = (count..<count + 100).map { RedisCommand("RPUSH", key, "\($0)") }
                        try await connection.sendTogether(batch, firstNumber: count, to: outcomes)
                        count += 100
                        await outcomes.wait(for: count - 100)
                    }
                    await outcomes.wait(for: count)
                    return outcomes
                }()
                for _ in 0..<6 {
                    let from = try system.owner(of: key)
                    let to = try #require(system.primaries.first { $0 !== from })
                    try await system.move(slot: slot, from: from, to: to) {
                        try await Task.sleep(for: .milliseconds(30))
                    }
                }
                isOver.withLock { $0 = true }
                let outcomes = try await sent
                #expect(outcomes.all.allSatisfy { $0.result.error == nil })
                #expect(outcomes.areOf(0..<outcomes.count))
                let list = try system.owner(of: key).command("LRANGE", key, "0", "-1")
                #expect(list.split(separator: "\n").map { Int($0) } == Array(0..<outcomes.count))
                print("\(outcomes.count) commands while the slot moved six times")
            }
        }
    }

    @Test("A script waits until its partition is in one place, and then runs once, in order")
    func scriptsWait() async throws {
        // It uses a key that it does not name, as scripts of a partition do.
        let script = RedisScript(
            name: "count",
            source:
                "local n = redis.call('INCR', KEYS[1] .. 'n') redis.call('RPUSH', KEYS[1] .. 'list', ARGV[1]) return n"
                .utf8
        )
        func command(_ number: Int) -> RedisCommand {
            var command = RedisCommand(evaluating: script, keys: ["{moving}:"])
            command.append(number)
            return command
        }
        try await withClusterSystem { system in
            try await withClient(configuration(system)) { client in
                let first = await client.send((0..<10).map(command))
                #expect(first.map { try? $0.get().int } == Array(1...10))
                let outcomes = Outcomes()
                let from = try system.owner(of: "{moving}:n")
                let to = try #require(system.primaries.first { $0 !== from })
                try await system.move(slot: RedisSlot.of("{moving}:"), from: from, to: to) {
                    #expect(try await client.send(RedisCommand("GET", "{moving}:n")).int == 10)
                    try await client.anyConnection.sendTogether((10..<500).map(command), firstNumber: 10, to: outcomes)
                    // They were asked about and wait; others go on meanwhile.
                    try await Task.sleep(for: .milliseconds(100))
                    #expect(outcomes.count == 0)
                    #expect(try await client.send(RedisCommand("SET", "{other}", "1")) == .status("OK"))
                }
                await outcomes.wait(for: 490)
                #expect(outcomes.areOf(10..<500))
                #expect(outcomes.areReplies(Array(11...500)))
                let list = try to.command("LRANGE", "{moving}:list", "0", "-1").split(separator: "\n").map { Int($0) }
                #expect(list == Array(0..<500))
            }
        }
    }

    @Test("A slot that stays on its way fails its scripts unsent once they have waited for as long as they may")
    func scriptsGiveUp() async throws {
        let script = RedisScript(name: "set", source: "return redis.call('SET', KEYS[1] .. 'a', '1')".utf8)
        try await withClusterSystem { system in
            var configuration = try configuration(system)
            configuration.commandTimeout = .milliseconds(300)
            try await withClient(configuration) { client in
                let from = try system.owner(of: "{moving}:a")
                let to = try #require(system.primaries.first { $0 !== from })
                try await system.move(slot: RedisSlot.of("{moving}:"), from: from, to: to) {
                    let error = await #expect(throws: RedisError.self) {
                        try await client.send(RedisCommand(evaluating: script, keys: ["{moving}:"]))
                    }
                    #expect(error?.code == .unavailable)
                    #expect(error?.mayHaveRun == false)
                }
                #expect(try to.command("EXISTS", "{moving}:a") == "0")
                #expect(try await client.send(RedisCommand(evaluating: script, keys: ["{moving}:"])).string == "OK")
            }
        }
    }

    @Test("When a primary dies its keys go on at its replica; other keys never stop, and nothing runs twice")
    func failsOver() async throws {
        try await withClusterSystem(replicas: true) { system in
            try await withClient(configuration(system), loops: 2) { client in
                let keys = RedisClusterTests.keys
                let dying = system.primaries[0]
                let lost = try #require(keys.first { try system.owner(of: $0) === dying })
                let kept = try #require(keys.first { try system.owner(of: $0) === system.primaries[1] })
                for key in [lost, kept] { _ = try await client.send(RedisCommand("SET", "\(key):n", "0")) }
                #expect(try dying.command("WAIT", "1", "1000") == "1")
                try dying.kill()
                var promotion: ContinuousClock.Instant?
                var failures = 0
                var mayHaveRun = 0
                let start = ContinuousClock.now
                try await eventually("the replica serves the key") {
                    do throws(RedisError) {
                        _ = try await client.send(RedisCommand("INCR", "\(lost):n"))
                        return true
                    } catch {
                        failures += 1
                        mayHaveRun += error.mayHaveRun ? 1 : 0
                        if promotion == nil, try system.replicas[0].command("ROLE").hasPrefix("master") {
                            promotion = .now
                        }
                        #expect(try await client.send(RedisCommand("INCR", "\(kept):n")).int != nil)
                        return false
                    }
                }
                let served = ContinuousClock.now
                print(
                    "A primary died: \(failures) refused, served again after \(served - start), "
                        + "\(promotion.map { served - $0 } ?? .zero) after the promotion"
                )
                // Each event loop finds out by itself.
                try await client.waitUntilReady(timeout: .seconds(20))
                // One ran for certain; of those that may have run, at most one each.
                let count = try #require(try await client.send(RedisCommand("GET", "\(lost):n")).int)
                #expect(1...(1 + mayHaveRun) ~= count)
                let results = await client.send(keys.map { RedisCommand("INCR", $0) })
                #expect(results.allSatisfy { (try? $0.get().int) == 1 })
            }
        }
    }

    @Test("A frozen primary's commands fail as ones that may have run; closing does not wait for more than that")
    func freezes() async throws {
        try await withClusterSystem { system in
            var configuration = try configuration(system)
            configuration.commandTimeout = .milliseconds(300)
            try await withClient(configuration) { client in
                let frozen = try system.owner(of: "{moving}")
                let other = try #require(RedisClusterTests.keys.first { try system.owner(of: $0) !== frozen })
                try frozen.suspend()
                let error = await #expect(throws: RedisError.self) {
                    try await client.send(RedisCommand("INCR", "{moving}"))
                }
                #expect(error?.code == .timedOut)
                #expect(error?.mayHaveRun == true)
                let reply = try? await client.send(RedisCommand("PING"))
                #expect(reply == .status("PONG"), "another server answers, not \(other)")
                try frozen.resume()
            }
        }
    }
}
