import Hiredis
import NIOCore
import RedisFixture
import Testing

@Suite("Answers that wait for a replica")
struct RedisReplicationTests {
    private static var configuration: RedisConfiguration {
        var configuration = RedisConfiguration(address: .unix(path: "/nowhere"))
        configuration.replicas = 1
        configuration.replicationTimeout = .milliseconds(300)
        return configuration
    }

    /// The struct by reference, so that expectations may call what changes it.
    private final class Replication {
        private var held = RedisReplication<Int>(RedisReplicationTests.configuration)

        func noteSent() { held?.noteSent() }
        func nextWait() -> RedisCommand? { held?.nextWait() }
        func hold(_ number: Int, _ result: Result<RedisReply, RedisError>) -> Bool? { held?.hold(number, result) }
        func answered(_ reply: Result<RedisReply, RedisError>) -> [RedisReplication<Int>.Held] {
            held?.answered(reply) ?? []
        }
        var isUncovered: Bool? { held?.isUncovered }
        var isEmpty: Bool? { held?.isEmpty }
    }

    @Test("Nothing is held where no replica must have it")
    func off() {
        #expect(RedisReplication<Int>(RedisConfiguration(address: .unix(path: "/nowhere"))) == nil)
    }

    @Test("One WAIT is for a batch; what is sent meanwhile gathers for the next one")
    func batches() throws {
        let replication = Replication()
        #expect(replication.nextWait() == nil)
        replication.noteSent()
        replication.noteSent()
        let wait = try #require(replication.nextWait())
        var bytes = ByteBuffer()
        #expect(HiredisEncoder.append(wait, to: &bytes))
        #expect(String(buffer: bytes) == "*3\r\n$4\r\nWAIT\r\n$1\r\n1\r\n$3\r\n300\r\n")
        #expect(replication.nextWait() == nil)
        #expect(replication.hold(1, .success(.integer(1))) == true)
        replication.noteSent()
        #expect(replication.nextWait() == nil, "one is on its way")
        #expect(replication.hold(2, .success(.integer(2))) == true)
        #expect(replication.answered(.success(.integer(1))).map(\.completion) == [1, 2])
        #expect(replication.isUncovered == true)
        #expect(replication.nextWait() != nil)
        #expect(replication.hold(3, .success(.integer(3))) == true)
        let late = replication.answered(.success(.integer(0)))
        #expect(late.map(\.completion) == [3])
        #expect(late.first?.result.error?.code == .notReplicated)
        #expect(late.first?.result.error?.mayHaveRun == true)
        #expect(replication.isEmpty == true)
    }

    @Test("An error of Redis's own is not held, or keeps its place and stays what it is")
    func errors() {
        let replication = Replication()
        let refused = RedisError(.server(prefix: "OOM"), "OOM", mayHaveRun: false)
        #expect(replication.hold(1, .failure(refused)) == false)
        #expect(replication.hold(2, .success(.null)) == true)
        #expect(replication.hold(3, .failure(refused)) == true)
        let released = replication.answered(.failure(refused))
        #expect(released.map(\.completion) == [2, 3])
        #expect(released.map(\.result.error?.code) == [.notReplicated, .server(prefix: "OOM")])
    }

    private func marked(_ name: String, _ arguments: String...) -> RedisCommand {
        var command = RedisCommand(name)
        for argument in arguments { command.append(argument) }
        command.mustBeReplicated = true
        return command
    }

    private func waits(_ redis: RedisServer) throws -> Int {
        let line = try redis.command("INFO", "commandstats").split(whereSeparator: \.isNewline)
            .first { $0.hasPrefix("cmdstat_wait:calls=") }
        return line.flatMap { Int($0.split(separator: "=")[1].prefix { $0 != "," }) } ?? 0
    }

    @Test("A thousand commands of one turn cost one WAIT, and the replica has each before it succeeds")
    func replicates() async throws {
        try await withPair { primary, replica in
            let configuration = try primary.configuration { $0.replicas = 1 }
            try await withClient(configuration) { client in
                let earlier = try waits(primary)
                let results = await client.send((0..<1000).map { marked("RPUSH", "list", "\($0)") })
                #expect(results.map { try? $0.get().int } == Array(1...1000))
                #expect(try replica.command("LLEN", "list") == "1000")
                #expect(try waits(primary) == earlier + 1)
                for number in 1000..<1050 {
                    _ = try await client.send(marked("RPUSH", "list", "\(number)"))
                    #expect(try replica.command("LLEN", "list") == "\(number + 1)")
                }
                #expect(try waits(primary) == earlier + 51)
                // Many at a time from many tasks: batches form by themselves.
                await withTaskGroup(of: Void.self) { group in
                    for task in 0..<100 {
                        group.addTask {
                            for _ in 0..<20 {
                                #expect((try? await client.send(marked("INCR", "n\(task)"))) != nil)
                            }
                        }
                    }
                }
                print("2000 commands of 100 tasks: \(try waits(primary) - earlier - 51) WAITs")
                #expect(try waits(primary) - earlier - 51 < 1000)
                // What is not marked is not waited for.
                let before = try waits(primary)
                _ = try await client.send(RedisCommand("INCR", "n"))
                #expect(try waits(primary) == before)
            }
        }
    }

    @Test("Without the replica a marked command fails as one that has run, others succeed; with it again all is well")
    func replicaGone() async throws {
        try await withPair { primary, replica in
            let configuration = try primary.configuration {
                $0.replicas = 1
                $0.commandTimeout = .seconds(10)
                $0.replicationTimeout = .seconds(2)
            }
            try await withClient(configuration) { client in
                try replica.suspend()
                let error = await #expect(throws: RedisError.self) { try await client.send(marked("INCR", "n")) }
                #expect(error?.code == .notReplicated)
                #expect(error?.mayHaveRun == true)
                #expect(try await client.send(RedisCommand("GET", "n")).int == 1)
                try replica.resume()
                try await eventually("the replica follows again") { try primary.command("WAIT", "1", "1000") == "1" }
                #expect(try await client.send(marked("INCR", "n")).int == 2)
                #expect(try replica.command("GET", "n") == "2")
            }
        }
    }

    @Test("When the primary dies before the replica's word is there, the command fails as one that may have run")
    func primaryGone() async throws {
        try await withPair { primary, replica in
            let configuration = try primary.configuration {
                $0.replicas = 1
                $0.replicationTimeout = .seconds(10)
            }
            try await withClient(configuration) { client in
                try replica.suspend()
                let outcomes = Outcomes()
                try await client.anyConnection.sendTogether([marked("INCR", "n"), marked("INCR", "n")], to: outcomes)
                try await eventually("it ran") { try primary.command("GET", "n") == "2" }
                #expect(outcomes.count == 0)
                try primary.kill()
                await outcomes.wait(for: 2)
                #expect(outcomes.areOf(0..<2))
                #expect(outcomes.all.allSatisfy { $0.result.error?.code == .disconnected })
                #expect(outcomes.all.allSatisfy { $0.result.error?.mayHaveRun == true })
                try replica.resume()
            }
        }
    }

    @Test(
        "A connection that is lost while a WAIT is due takes it along: the next one's answers are to its own commands"
    )
    func waitLost() async throws {
        try await withPair { primary, replica in
            let configuration = try primary.configuration {
                $0.replicas = 1
                $0.commandTimeout = .seconds(20)
                $0.replicationTimeout = .seconds(10)
            }
            try await withClient(configuration) { client in
                try replica.suspend()
                let outcomes = Outcomes()
                try await client.anyConnection.sendTogether([marked("INCR", "n")], to: outcomes)
                try await eventually("it ran") { try primary.command("GET", "n") == "1" }
                // Behind the first one's WAIT, and in want of one of its own.
                try await client.anyConnection.sendTogether([marked("INCR", "n")], to: outcomes)
                _ = try primary.command("CLIENT", "KILL", "TYPE", "normal")
                await outcomes.wait(for: 2)
                try await client.waitUntilReady(timeout: .seconds(30))
                for word in ["a", "b", "c"] {
                    #expect(try await client.send(RedisCommand("ECHO", word)).string == word)
                }
                try replica.resume()
            }
        }
    }

    /// A primary and a replica that is in step.
    private func withPair(_ body: (RedisServer, RedisServer) async throws -> Void) async throws {
        try await withRedis(extra: ["--repl-diskless-sync-delay", "0"]) { primary in
            try await withRedis(extra: ["--replicaof", "127.0.0.1 \(primary.port)"]) { replica in
                try await eventually("the replica follows") { try primary.command("WAIT", "1", "1000") == "1" }
                try await body(primary, replica)
            }
        }
    }
}
