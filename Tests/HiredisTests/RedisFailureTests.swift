import Hiredis
import NIOCore
import NIOPosix
import RedisFixture
import ServiceLifecycle
import Testing

@Suite("When Redis is slow, gone, or says no")
struct RedisFailureTests {
    @Test("A command past its deadline fails as one that may have run, and once Redis goes on, all is well again")
    func deadline() async throws {
        try await withRedis { redis in
            let configuration = try redis.configuration {
                $0.commandTimeout = .milliseconds(300)
                $0.connectTimeout = .milliseconds(300)
            }
            try await withClient(configuration) { client in
                try redis.suspend()
                let start = ContinuousClock.now
                let error = await #expect(throws: RedisError.self) { try await client.send(RedisCommand("INCR", "n")) }
                #expect(error?.code == .timedOut)
                #expect(error?.mayHaveRun == true)
                #expect(ContinuousClock.now - start >= .milliseconds(300))
                let next = await #expect(throws: RedisError.self) { try await client.send(RedisCommand("INCR", "n")) }
                #expect(next?.code == .unavailable)
                #expect(next?.mayHaveRun == false)
                try redis.resume()
                try await client.waitUntilReady(timeout: .seconds(20))
                // The one that timed out did run after all: that is what "may have run" means.
                #expect(try redis.command("GET", "n") == "1")
                try await eventually("a command succeeds") {
                    (try? await client.send(RedisCommand("GET", "n")).int) == 1
                }
            }
        }
    }

    @Test("When Redis is killed, each waiting command fails exactly once, as one that may have run")
    func killed() async throws {
        try await withRedis { redis in
            try await withClient(redis.configuration()) { client in
                let outcomes = Outcomes()
                let connection = client.anyConnection
                try await connection.sendTogether((0..<500).map { _ in RedisCommand("INCR", "n") }, to: outcomes)
                await outcomes.wait(for: 500)
                try redis.suspend()
                try await connection.sendTogether(
                    (0..<500).map { _ in RedisCommand("INCR", "n") },
                    firstNumber: 500,
                    to: outcomes
                )
                try redis.kill()
                await outcomes.wait(for: 1000)

                // Down: a command fails before `send` returns.
                let late = Outcomes()
                let failedAtOnce = try await connection.eventLoop.submit {
                    connection.send(RedisCommand("PING"), late.completion(of: 0))
                    return late.count == 1
                }.get()
                #expect(failedAtOnce)
                #expect(late.all.first?.result.error?.code == .unavailable)
                #expect(late.all.first?.result.error?.mayHaveRun == false)
                #expect(try await !connection.isReadyNow)
                #expect(!client.isReady)
                let error = await #expect(throws: RedisError.self) { try await client.send(RedisCommand("PING")) }
                #expect(error?.code == .unavailable)

                #expect(outcomes.areOf(0..<1000))
                let errors = outcomes.all.map(\.result.error)
                #expect(errors.prefix(500).filter { $0 == nil }.count == 500)
                #expect(
                    errors.dropFirst(500).filter { $0?.code == .disconnected && $0?.mayHaveRun == true }.count == 500
                )

                let runID = try await connection.eventLoop.submit { connection.runID }.get()
                try await redis.restart()
                try await client.waitUntilReady(timeout: .seconds(20))
                #expect(try await client.send(RedisCommand("PING")) == .status("PONG"))
                #expect(try await connection.eventLoop.submit { connection.runID }.get() != runID)
                #expect(outcomes.count == 1000)
            }
        }
    }

    @Test("A wrong password is tried again until it is right, and is never shown")
    func wrongPassword() async throws {
        try await withRedis(extra: ["--requirepass", "right"]) { redis in
            let lines = RecordingLogHandler.Lines()
            let configuration = try redis.configuration { $0.password = "hunter2" }
            try await withClient(configuration, logger: .recording(to: lines), awaitReady: false) { client in
                try await eventually("it is logged") { !lines.all.isEmpty }
                let error = await #expect(throws: RedisError.self) {
                    try await client.waitUntilReady(timeout: .milliseconds(300))
                }
                #expect(error?.code == .unavailable)
                #expect(error?.message.contains("WRONGPASS") == true)
                #expect(!client.isReady)
                _ = try redis.command("-a", "right", "CONFIG", "SET", "requirepass", "hunter2")
                try await client.waitUntilReady(timeout: .seconds(20))
                #expect(try await client.send(RedisCommand("PING")) == .status("PONG"))
                #expect(lines.all.filter { $0.contains("Cannot connect to Redis") }.count == 1)
                #expect(lines.all.contains { $0.contains("WRONGPASS") })
                #expect(!lines.all.contains { $0.contains("hunter2") })
            }
        }
    }

    @Test("While Redis loads its data it counts as not there; that is logged once, and then it is")
    func loading() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let fake = try await FakeRedis.start(on: group) { request in
            if request.arguments == ["PING"], request.connection < 5 {
                return "-LOADING Redis is loading the dataset in memory\r\n"
            }
            return FakeRedis.logIn(request) ?? "+OK\r\n"
        }
        let lines = RecordingLogHandler.Lines()
        try await withClient(fake.configuration(), logger: .recording(to: lines)) { client in
            #expect(fake.acceptedCount == 6)
            #expect(lines.all.count == 2)
            #expect(lines.all.first?.contains("info Cannot connect to Redis and will go on trying.") == true)
            #expect(lines.all.first?.contains("LOADING") == true)
            #expect(lines.all.last?.contains("info Connected to Redis.") == true)
        }
        try await fake.close()
        try await group.shutdownGracefully()
    }

    @Test("All commands of one turn leave in one write")
    func oneWrite() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        // Answers each command with the number of the read from the socket in which it came.
        let fake = try await FakeRedis.start(on: group) { FakeRedis.logIn($0) ?? ":\($0.read)\r\n" }
        try await withClient(fake.configuration()) { client in
            let outcomes = Outcomes()
            try await client.anyConnection.sendTogether(
                (0..<20).map { _ in RedisCommand("X") },
                to: outcomes
            )
            await outcomes.wait(for: 20)
            let reads = try outcomes.all.map { try $0.result.get().int }
            #expect(Set(reads).count == 1)
        }
        try await fake.close()
        try await group.shutdownGracefully()
    }

    @Test("Garbage ends the connection: what was sent may have run, what was not yet sent has not")
    func garbage() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let fake = try await FakeRedis.start(on: group) { request in
            FakeRedis.logIn(request) ?? (request.arguments == ["TWO"] ? "@garbage\r\n" : "+OK\r\n")
        }
        try await withClient(fake.configuration()) { client in
            let outcomes = Outcomes()
            let connection = client.anyConnection
            try await connection.eventLoop.submit {
                connection.send(RedisCommand("ONE")) { result in
                    outcomes.completion(of: 1)(result)
                    // Sent while the same piece of input is being read, so it is not written before the garbage is met.
                    connection.send(RedisCommand("FOUR"), outcomes.completion(of: 4))
                }
                connection.send(RedisCommand("TWO"), outcomes.completion(of: 2))
                connection.send(RedisCommand("THREE"), outcomes.completion(of: 3))
            }.get()
            await outcomes.wait(for: 4)
            #expect(outcomes.all.map(\.command) == [1, 2, 3, 4])
            #expect(outcomes.all.map { $0.result.error?.code } == [nil, .disconnected, .disconnected, .unavailable])
            #expect(outcomes.all.map { $0.result.error?.mayHaveRun } == [nil, true, true, false])
            try await client.waitUntilReady(timeout: .seconds(20))
            #expect(fake.acceptedCount == 2)
            #expect(try await client.send(RedisCommand("ONE")) == .status("OK"))
        }
        try await fake.close()
        try await group.shutdownGracefully()
    }

    @Test("An answer that nothing had asked for ends the connection")
    func unasked() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let fake = try await FakeRedis.start(on: group) { request in
            FakeRedis.logIn(request) ?? (request.connection == 0 ? "+OK\r\n+EXTRA\r\n" : "+OK\r\n")
        }
        try await withClient(fake.configuration()) { client in
            #expect(try await client.send(RedisCommand("X")) == .status("OK"))
            try await eventually("there is another connection") { fake.acceptedCount == 2 }
            try await client.waitUntilReady(timeout: .seconds(20))
            #expect(try await client.send(RedisCommand("X")) == .status("OK"))
        }
        try await fake.close()
        try await group.shutdownGracefully()
    }

    @Test("A host that does not exist, a port where nobody listens and a missing socket each say so")
    func unreachable() async throws {
        let addresses: [(RedisConfiguration.Address, String)] = [
            (.tcp(host: "no-such-host.invalid", port: 6379), "no-such-host.invalid"),
            (.tcp(host: "127.0.0.1", port: 1), "Connection refused"),
            (.unix(path: "/tmp/no-such-redis.sock"), "No such file"),
        ]
        for (address, reason) in addresses {
            let lines = RecordingLogHandler.Lines()
            let configuration = RedisConfiguration(address: address)
            try await withClient(configuration, logger: .recording(to: lines), awaitReady: false) { client in
                try await eventually("it is logged") { !lines.all.isEmpty }
                let error = await #expect(throws: RedisError.self) {
                    try await client.waitUntilReady(timeout: .milliseconds(10))
                }
                #expect(error?.message.contains(reason) == true, "\(error?.message ?? "")")
            }
        }
    }

    @Test("The end of a client does not wait for an attempt to connect that hangs")
    func closesWhileConnecting() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        // Accepts and says nothing, so the log-in would take as long as the time-out.
        let fake = try await FakeRedis.start(on: group) { _ in "" }
        let configuration = fake.configuration { $0.connectTimeout = .seconds(3600) }
        try await withClient(configuration, awaitReady: false) { _ in
            try await eventually("it has connected") { fake.acceptedCount == 1 }
        }
        // The attempt is still blocked on its thread; this ends it.
        try await fake.close()
        try await group.shutdownGracefully()
    }

    @Test("Waiting for Redis ends when its task is cancelled")
    func cancelledWait() async throws {
        let configuration = RedisConfiguration(address: .unix(path: "/tmp/no-such-redis.sock"))
        try await withClient(configuration, awaitReady: false) { client async throws in
            let wait = Task { try await client.waitUntilReady(timeout: .seconds(3600)) }
            wait.cancel()
            let error = await #expect(throws: RedisError.self) { try await wait.value }
            #expect(error?.code == .unavailable)
        }
    }

    @Test("Graceful shutdown lets what is in flight be answered, and takes nothing new")
    func gracefulShutdown() async throws {
        try await withRedis { redis in
            let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
            let client = try RedisClient(
                configuration: redis.configuration(),
                eventLoopGroup: group,
                logger: .silent
            )
            let services = ServiceGroup(services: [client], logger: .silent)
            let run = Task { try await services.run() }
            try await client.waitUntilReady(timeout: .seconds(20))
            let connection = client.connection(for: group.next())
            try redis.suspend()
            let outcomes = Outcomes()
            try await connection.sendTogether((0..<1000).map { _ in RedisCommand("INCR", "n") }, to: outcomes)
            await services.triggerGracefulShutdown()
            try await eventually("nothing new is taken") { try await !connection.isReadyNow }
            let error = await #expect(throws: RedisError.self) { try await client.send(RedisCommand("INCR", "n")) }
            #expect(error?.code == .unavailable)
            #expect(outcomes.count == 0)
            try redis.resume()
            try await run.value
            #expect(outcomes.areReplies(Array(1...1000)))
            try await group.shutdownGracefully()
        }
    }

    @Test("Graceful shutdown of a Redis that does not answer ends with the deadlines")
    func gracefulShutdownWithoutAnswer() async throws {
        try await withRedis { redis in
            let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
            let client = try RedisClient(
                configuration: redis.configuration { $0.commandTimeout = .milliseconds(300) },
                eventLoopGroup: group,
                logger: .silent
            )
            let services = ServiceGroup(services: [client], logger: .silent)
            let run = Task { try await services.run() }
            try await client.waitUntilReady(timeout: .seconds(20))
            try redis.suspend()
            let outcomes = Outcomes()
            try await client.connection(for: group.next()).sendTogether([RedisCommand("PING")], to: outcomes)
            await services.triggerGracefulShutdown()
            try await run.value
            #expect(outcomes.all.map { $0.result.error?.code } == [.timedOut])
            try await group.shutdownGracefully()
        }
    }
}
