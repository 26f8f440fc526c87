import Hiredis
import NIOCore
import NIOPosix
import RedisFixture
import Testing

@Suite("Commands over a real Redis")
struct RedisClientTests {
    @Test("Ten thousand commands of one turn are answered in their order")
    func pipelines() async throws {
        try await withRedis { redis in
            try await withClient(redis.configuration()) { client in
                let outcomes = Outcomes()
                try await client.anyConnection.sendTogether(
                    (0..<10_000).map { RedisCommand("ECHO", String($0)) },
                    to: outcomes
                )
                await outcomes.wait(for: 10_000)
                #expect(outcomes.areOf(0..<10_000))
                #expect(outcomes.areReplies(Array(0..<10_000)))
            }
        }
    }

    @Test("Many tasks outside the event loops share the connections, and every command runs once")
    func sendsFromTasks() async throws {
        try await withRedis { redis in
            try await withClient(redis.configuration(), loops: 2) { client in
                let sums = try await withThrowingTaskGroup(of: Int.self) { group in
                    for _ in 0..<20 {
                        group.addTask {
                            var sum = 0
                            for _ in 0..<250 { sum += try await client.send(RedisCommand("INCR", "n")).int ?? 0 }
                            return sum
                        }
                    }
                    return try await group.reduce(0, +)
                }
                #expect(sums == 5000 * 5001 / 2)
                #expect(try redis.command("GET", "n") == "5000")
            }
        }
    }

    @Test("Several commands go together and each has its own result, in order")
    func sendsMany() async throws {
        try await withRedis { redis in
            try await withClient(redis.configuration(), loops: 2) { client async throws in
                let results = await client.send([
                    RedisCommand("SET", "k", "v"), RedisCommand("LPUSH", "k", "x"), RedisCommand("GET", "k"),
                ])
                #expect(results.count == 3)
                #expect(try results[0].get() == .status("OK"))
                #expect(throws: RedisError.self) { try results[1].get() }
                #expect(try results[2].get().string == "v")
                #expect(await client.send([]).isEmpty)
            }
        }
    }

    @Test("An error reply carries its prefix, and others are not disturbed")
    func errorReply() async throws {
        try await withRedis { redis in
            try await withClient(redis.configuration()) { client in
                _ = try await client.send(RedisCommand("SET", "k", "v"))
                let error = await #expect(throws: RedisError.self) {
                    try await client.send(RedisCommand("LPUSH", "k", "x"))
                }
                #expect(error?.code == .server(prefix: "WRONGTYPE"))
                #expect(try await client.send(RedisCommand("GET", "k")).string == "v")
            }
        }
    }

    @Test("Bytes of any kind and a large value come back as they went")
    func binary() async throws {
        try await withRedis { redis in
            try await withClient(redis.configuration()) { client in
                let value = (0..<5_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
                var command = RedisCommand("SET", "k")
                command.append(value)
                _ = try await client.send(command)
                #expect(try await client.send(RedisCommand("GET", "k")).bytes == value)
                #expect(try await client.send(RedisCommand("GET", "none")).isNull)
            }
        }
    }

    @Test("Each event loop has its connection, and tells the server's run_id")
    func connections() async throws {
        try await withRedis { redis in
            let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
            let client = try RedisClient(
                configuration: redis.configuration { $0.clientName = "test" },
                eventLoopGroup: group,
                logger: .silent
            )
            let run = Task { try await client.run() }
            try await client.waitUntilReady(timeout: .seconds(20))
            #expect(client.isReady)
            let runID = try redis.command("INFO", "server").split(whereSeparator: \.isNewline)
                .first { $0.hasPrefix("run_id:") }?.dropFirst(7)
            for loop in group.makeIterator() {
                let connection = client.connection(for: loop)
                #expect(connection.eventLoop === loop)
                let (isOnLoop, found) = try await loop.submit { (loop.inEventLoop, connection.runID) }.get()
                #expect(isOnLoop)
                #expect(found.map { Substring($0) } == runID)
            }
            let names = try redis.command("CLIENT", "LIST").split(whereSeparator: \.isNewline)
                .filter { $0.contains("name=test ") }
            #expect(names.count == 2)
            run.cancel()
            try await run.value
            #expect(!client.isReady)
            try await group.shutdownGracefully()
        }
    }

    @Test("A unix socket works as well")
    func unixSocket() async throws {
        try await withRedis { redis in
            try await withClient(RedisConfiguration(url: redis.unixURL)) { client async throws in
                #expect(try await client.send(RedisCommand("PING")) == .status("PONG"))
            }
        }
    }

    @Test("The database of the URL is the one in use, also after a reconnect")
    func database() async throws {
        try await withRedis { redis in
            try await withClient(redis.configuration { $0.database = 3 }) { client in
                _ = try await client.send(RedisCommand("SET", "a", "1"))
                #expect(try redis.command("-n", "3", "GET", "a") == "1")
                #expect(try redis.command("GET", "a") == "")
                try await redis.restart()
                try await client.waitUntilReady(timeout: .seconds(20))
                try await eventually("SET works again") {
                    (try? await client.send(RedisCommand("SET", "b", "2"))) != nil
                }
                #expect(try redis.command("-n", "3", "GET", "b") == "2")
            }
        }
    }

    @Test("Logs in with a password, and as an ACL user whose password needs percent-encoding")
    func logsIn() async throws {
        try await withRedis(extra: ["--requirepass", "main secret"]) { redis in
            try await withClient(RedisConfiguration(url: "redis://:main%20secret@127.0.0.1:\(redis.port)")) { client in
                _ = try await client.send(
                    RedisCommand("ACL", "SETUSER", "app", "on", ">p@ss/w:rd", "~*", "&*", "+@all")
                )
            }
            try await withClient(RedisConfiguration(url: "redis://app:p%40ss%2Fw%3Ard@127.0.0.1:\(redis.port)")) {
                client async throws in
                #expect(try await client.send(RedisCommand("ACL", "WHOAMI")).string == "app")
            }
        }
    }

    @Test("A user without INFO and CLIENT connects all the same")
    func restrictedUser() async throws {
        try await withRedis { redis in
            _ = try redis.command("ACL", "SETUSER", "app", "on", ">pw", "~*", "+ping", "+get")
            var configuration = try RedisConfiguration(url: "redis://app:pw@127.0.0.1:\(redis.port)")
            configuration.clientName = "name"
            try await withClient(configuration) { client async throws in
                #expect(try await client.send(RedisCommand("GET", "k")) == .null)
                let error = await #expect(throws: RedisError.self) {
                    try await client.send(RedisCommand("SET", "k", "v"))
                }
                #expect(error?.code == .server(prefix: "NOPERM"))
                #expect(error?.mayHaveRun == false)
            }
        }
    }

    @Test("A script is sent in full once, then by its SHA-1, and in full again after SCRIPT FLUSH")
    func scripts() async throws {
        let script = RedisScript(name: "append", source: "return redis.call('RPUSH', KEYS[1], ARGV[1])".utf8)
        func calls(_ redis: RedisServer, _ name: String) throws -> Int {
            let line = try redis.command("INFO", "commandstats").split(whereSeparator: \.isNewline)
                .first { $0.hasPrefix("cmdstat_\(name):calls=") }
            return line.flatMap { Int($0.split(separator: "=")[1].prefix { $0 != "," }) } ?? 0
        }
        try await withRedis { redis in
            try await withClient(redis.configuration()) { client in
                func append(_ text: String) -> RedisCommand {
                    var command = RedisCommand(evaluating: script, keys: ["list"])
                    command.append(text)
                    return command
                }
                let first = await client.send((1...3).map { append("\($0)") })
                #expect(try first.map { try $0.get().int } == [1, 2, 3])
                #expect(try calls(redis, "eval") == 1)
                #expect(try calls(redis, "evalsha") == 2)

                _ = try redis.command("SCRIPT", "FLUSH")
                #expect(try await client.send(append("4")).int == 4)
                #expect(try calls(redis, "eval") == 2)
                #expect(try calls(redis, "evalsha") == 3)
                #expect(try await client.send(append("5")).int == 5)
                #expect(try calls(redis, "eval") == 2)
                #expect(
                    try redis.command("LRANGE", "list", "0", "-1").split(separator: "\n") == ["1", "2", "3", "4", "5"]
                )

                // A new server has no script: again the first goes in full, so that the order is kept.
                try await redis.restart()
                try await eventually("Redis is back") { (try? await client.send(RedisCommand("PING"))) != nil }
                let again = await client.send((1...3).map { append("\($0)") })
                #expect(try again.map { try $0.get().int } == [1, 2, 3])
                #expect(try calls(redis, "eval") == 1)
                #expect(try calls(redis, "evalsha") == 2)
            }
        }
    }

    @Test("What is past the limit of commands or bytes fails unsent, the rest runs")
    func limits() async throws {
        try await withRedis { redis in
            try await withClient(redis.configuration { $0.maxQueuedCommands = 10 }) { client in
                let outcomes = Outcomes()
                try await client.anyConnection.sendTogether(
                    (0..<12).map { _ in RedisCommand("INCR", "n") },
                    to: outcomes
                )
                await outcomes.wait(for: 12)
                for outcome in outcomes.all.prefix(2) {
                    #expect(outcome.command >= 10)
                    #expect(outcome.result.error?.code == .unavailable)
                    #expect(outcome.result.error?.mayHaveRun == false)
                }
                #expect(outcomes.all.dropFirst(2).map { try? $0.result.get().int } == Array(1...10))
            }
            try await withClient(redis.configuration { $0.maxQueuedBytes = 1000 }) { client async throws in
                let error = await #expect(throws: RedisError.self) {
                    try await client.send(RedisCommand("SET", "k", String(repeating: "x", count: 1000)))
                }
                #expect(error?.code == .unavailable)
                #expect(try await client.send(RedisCommand("EXISTS", "k")).int == 0)
            }
        }
    }
}
