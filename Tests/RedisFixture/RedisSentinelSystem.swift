import Foundation

/// A primary, replicas of it, and three sentinels that watch them under the name `mymaster`, for a test.
///
/// A dead primary is noticed after `downAfter`. All die with the test process. Use ``withSentinelSystem(replicas:_:)``.
package final class RedisSentinelSystem: Sendable {
    /// The servers, the first primary first.
    package let servers: [RedisServer]
    package let sentinels: [RedisServer]

    private init(servers: [RedisServer], sentinels: [RedisServer]) {
        self.servers = servers
        self.sentinels = sentinels
    }

    /// `redis-sentinel://127.0.0.1:PORT,…/mymaster`
    package var url: String {
        "redis-sentinel://\(sentinels.map { "127.0.0.1:\($0.port)" }.joined(separator: ","))/mymaster"
    }

    /// The same for the user that the programs have; the sentinels know no users.
    package var programsURL: String { url.replacing("://", with: "://\(LeastRights.login)@", maxReplacements: 1) }

    /// Starts them and waits until each sentinel knows all others and all replicas.
    package static func start(
        replicas: Int = 1,
        downAfter: Duration = .milliseconds(500)
    ) async throws -> RedisSentinelSystem {
        var servers: [RedisServer] = []
        var sentinels: [RedisServer] = []
        do {
            // An empty data set reaches a replica without the pause that is there to gather more replicas.
            let extra = ["--repl-diskless-sync-delay", "0"]
            servers.append(try await RedisServer.start(extra: extra))
            for _ in 0..<replicas {
                servers.append(
                    try await RedisServer.start(extra: extra + ["--replicaof", "127.0.0.1 \(servers[0].port)"])
                )
            }
            for _ in 0..<3 {
                let sentinel = try await RedisServer.startSentinel()
                sentinels.append(sentinel)
                let milliseconds = Int(downAfter / .milliseconds(1))
                for command in [
                    ["MONITOR", "mymaster", "127.0.0.1", "\(servers[0].port)", "2"],
                    ["SET", "mymaster", "down-after-milliseconds", "\(milliseconds)"],
                    // How long until the next try if one fails is twice this.
                    ["SET", "mymaster", "failover-timeout", "5000"],
                    ["SET", "mymaster", "parallel-syncs", "2"],
                ] {
                    let answer = try sentinel.command(["SENTINEL"] + command)
                    guard answer == "OK" else { throw RedisServerError("SENTINEL \(command): \(answer)") }
                }
            }
            let system = RedisSentinelSystem(servers: servers, sentinels: sentinels)
            try await system.settle()
            return system
        } catch {
            for server in sentinels + servers { server.stop() }
            throw error
        }
    }

    /// Waits until the sentinels agree on all there is, and each replica is in step with its primary, so that a failover
    /// can begin.
    package func settle() async throws {
        try await waiting(for: "the sentinels to know each other and all replicas") {
            try sentinels.allSatisfy { sentinel in
                let state = try sentinel.fields("SENTINEL", "MASTER", "mymaster")
                return state["num-other-sentinels"] == "2" && state["num-slaves"] == "\(servers.count - 1)"
                    && state["flags"] == "master"
            }
        }
        try await waiting(for: "the replicas to follow the primary") {
            try sentinels.allSatisfy { sentinel in
                let lines = try sentinel.command(["SENTINEL", "REPLICAS", "mymaster"]).split(separator: "\n")
                func count(_ name: String, _ value: String) -> Int {
                    zip(lines, lines.dropFirst()).count { $0 == name && $1 == value }
                }
                return count("flags", "slave") == servers.count - 1
                    && count("master-link-status", "ok") == servers.count - 1
            }
        }
    }

    /// Waits until all replicas have what the primary has now: what the sentinels say of them is up to 10 s old.
    package func replicated() async throws {
        let primary = try primary()
        let written = try Self.replication(of: primary)["master_repl_offset"].flatMap { Int($0) } ?? .max
        try await waiting(for: "the replicas to have what the primary has") {
            try servers.filter { $0 !== primary }.allSatisfy { replica in
                let state = try Self.replication(of: replica)
                return state["master_link_status"] == "up"
                    && state["slave_repl_offset"].flatMap { Int($0) } ?? 0 >= written
            }
        }
    }

    private static func replication(of server: RedisServer) throws -> [String: String] {
        let lines = try server.command("INFO", "replication").split(whereSeparator: \.isNewline)
        return Dictionary(
            lines.compactMap { line in
                let parts = line.split(separator: ":", maxSplits: 1)
                return parts.count == 2 ? (String(parts[0]), String(parts[1])) : nil
            },
            uniquingKeysWith: { $1 }
        )
    }

    /// The server that the first sentinel calls the primary.
    package func primary() throws -> RedisServer {
        let answer = try sentinels[0].command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster")
        let port = answer.split(separator: "\n").last.flatMap { Int($0) }
        guard let server = servers.first(where: { $0.port == port }) else {
            throw RedisServerError("The sentinel knows no primary: \(answer)")
        }
        return server
    }

    /// Waits until one of the others calls itself primary.
    package func promotion(besides old: RedisServer) async throws -> RedisServer {
        var promoted: RedisServer?
        try await waiting(for: "a replica's promotion", every: .milliseconds(5)) {
            promoted = servers.first { $0 !== old && (try? $0.command("ROLE"))?.hasPrefix("master") == true }
            return promoted != nil
        }
        guard let promoted else { throw RedisServerError("No replica was promoted.") }
        return promoted
    }

    /// Waits until all sentinels call `server` the primary.
    package func agreement(on server: RedisServer) async throws {
        try await waiting(for: "the sentinels to agree") {
            try sentinels.allSatisfy { sentinel in
                try sentinel.command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster").hasSuffix("\(server.port)")
            }
        }
    }

    /// Asks for a failover although nothing is wrong.
    package func failOver() async throws {
        // For some seconds after the last failover they refuse.
        try await waiting(for: "a failover to begin") {
            try sentinels[0].command("SENTINEL", "FAILOVER", "mymaster") == "OK"
        }
    }

    package func stop() {
        for server in sentinels + servers { server.stop() }
    }
}

/// Starts a private Sentinel system, runs `body` with it, and stops it, also when `body` throws.
package func withSentinelSystem<R>(
    replicas: Int = 1,
    _ body: (RedisSentinelSystem) async throws -> R
) async throws -> R {
    let system = try await RedisSentinelSystem.start(replicas: replicas)
    defer { system.stop() }
    return try await body(system)
}

extension RedisServer {
    /// Runs redis-cli and reads its answer as names and values in turn.
    func fields(_ args: String...) throws -> [String: String] {
        let lines = try command(args).split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        return Dictionary(
            stride(from: 0, to: lines.count - 1, by: 2).map { (lines[$0], lines[$0 + 1]) },
            uniquingKeysWith: { first, _ in first }
        )
    }
}

/// Asks again and again until `condition` holds, at most 60 s.
func waiting(
    for what: String,
    every pause: Duration = .milliseconds(50),
    _ condition: () throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + .seconds(60)
    while try !condition() {
        guard ContinuousClock.now < deadline else { throw RedisServerError("Waited in vain for \(what).") }
        try await Task.sleep(for: pause)
    }
}
