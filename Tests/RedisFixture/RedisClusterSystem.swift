import Foundation

/// A Redis Cluster for a test: three primaries with a third of the slots each, and if wanted a replica of each.
///
/// A dead primary is noticed after some 500 ms. All die with the test process. Use ``withClusterSystem(replicas:_:)``.
package final class RedisClusterSystem: Sendable {
    package static let slotCount = 16384
    /// The first primaries.
    package let primaries: [RedisServer]
    /// `replicas[n]` is of `primaries[n]`.
    package let replicas: [RedisServer]

    package var servers: [RedisServer] { primaries + replicas }

    /// `redis-cluster://127.0.0.1:PORT,…`
    package var url: String { "redis-cluster://\(primaries.map { "127.0.0.1:\($0.port)" }.joined(separator: ","))" }

    /// The same for the user that the programs have.
    package var programsURL: String { url.replacing("://", with: "://\(LeastRights.login)@", maxReplacements: 1) }

    private init(primaries: [RedisServer], replicas: [RedisServer]) {
        self.primaries = primaries
        self.replicas = replicas
    }

    /// Starts them and waits until each of them knows the whole cluster.
    ///
    /// - Parameter replicas: Whether each primary has one.
    package static func start(replicas: Bool = false) async throws -> RedisClusterSystem {
        var servers: [RedisServer] = []
        do {
            for _ in 0..<(replicas ? 6 : 3) { servers.append(try await startServer()) }
            for server in servers.dropFirst() {
                // The bus has a port of its own, as the usual one, 10000 above, may be past the last there is.
                try server.expect("OK", "CLUSTER", "MEET", "127.0.0.1", "\(servers[0].port)", "\(servers[0].busPort)")
            }
            let system = RedisClusterSystem(primaries: Array(servers[..<3]), replicas: Array(servers[3...]))
            for (number, primary) in system.primaries.enumerated() {
                let first = number * slotCount / 3
                let last = (number + 1) * slotCount / 3 - 1
                try primary.expect("OK", "CLUSTER", "ADDSLOTSRANGE", "\(first)", "\(last)")
                // Two servers must not have the same epoch; left to themselves they take a while to agree on that.
                try primary.expect("OK", "CLUSTER", "SET-CONFIG-EPOCH", "\(number + 1)", orContains: "ERR")
            }
            try await system.settle()
            for (replica, primary) in zip(system.replicas, system.primaries) {
                try await waiting(for: "a replica's acceptance") {
                    try replica.command("CLUSTER", "REPLICATE", primary.command("CLUSTER", "MYID")) == "OK"
                }
            }
            for replica in system.replicas {
                try await waiting(for: "a replica to follow") {
                    try replica.command("INFO", "replication").contains("master_link_status:up")
                }
            }
            try await system.settle()
            return system
        } catch {
            for server in servers { server.stop() }
            throw error
        }
    }

    private static func startServer() async throws -> RedisServer {
        let busPort = try LoopbackPort.free()
        return try await RedisServer.start(
            extra: [
                "--cluster-enabled", "yes", "--cluster-port", "\(busPort)", "--cluster-node-timeout", "500",
                // One primary's death stops its own keys only.
                "--cluster-require-full-coverage", "no",
                "--repl-diskless-sync-delay", "0",
            ],
            busPort: busPort
        )
    }

    /// Waits until each server knows all others, and all slots are served.
    package func settle() async throws {
        try await waiting(for: "the cluster to be whole") {
            try servers.allSatisfy { server in
                let info = try server.command("CLUSTER", "INFO")
                return info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:\(servers.count)")
                    && info.contains("cluster_slots_ok:\(RedisClusterSystem.slotCount)")
            }
        }
    }

    /// Waits, besides, until each replica is in step with its primary, so that the next failover can begin.
    package func settleReplicas() async throws {
        try await settle()
        try await waiting(for: "the replicas to follow their primaries") {
            try servers.count { server in
                try server.command("INFO", "replication").contains("master_link_status:up")
            } == replicas.count
        }
    }

    /// A replica of `primary`.
    package func replica(of primary: RedisServer) throws -> RedisServer {
        let found = servers.first { server in
            let lines = (try? server.command("ROLE"))?.split(separator: "\n") ?? []
            return lines.first == "slave" && lines.dropFirst(2).first == "\(primary.port)"
        }
        guard let found else { throw RedisServerError("A primary has no replica.") }
        return found
    }

    /// The primary that has `key`, as the servers that run say.
    package func owner(of key: String) throws -> RedisServer {
        for server in servers {
            // A server that does not have it says who does.
            guard let answer = try? server.command("EXISTS", key) else { continue }
            if Int(answer) != nil, try server.command("ROLE").hasPrefix("master") { return server }
            let port = answer.split(separator: ":").last.flatMap { Int($0) }
            if answer.hasPrefix("MOVED"), let owner = servers.first(where: { $0.port == port }) { return owner }
        }
        throw RedisServerError("Nobody has \(key).")
    }

    /// Moves the slot of `key` with all its keys from one primary to another, as redis-cli does: some keys at a time.
    ///
    /// - Parameter midway: Called when the slot is on its way and no key has moved yet.
    package func move(slot: Int, from: RedisServer, to: RedisServer, midway: () async throws -> Void = {}) async throws
    {
        let source = try from.command("CLUSTER", "MYID")
        let target = try to.command("CLUSTER", "MYID")
        try to.expect("OK", "CLUSTER", "SETSLOT", "\(slot)", "IMPORTING", source)
        try from.expect("OK", "CLUSTER", "SETSLOT", "\(slot)", "MIGRATING", target)
        try await midway()
        // In a script, because a key may be any bytes, and those would not survive redis-cli.
        let moveSome = """
            local keys = redis.call('CLUSTER', 'GETKEYSINSLOT', ARGV[1], 100)
            if #keys > 0 then
                redis.call('MIGRATE', '127.0.0.1', ARGV[2], '', 0, 5000, 'KEYS', unpack(keys))
            end
            return #keys
            """
        while true {
            let answer = try from.command("EVAL", moveSome, "0", "\(slot)", "\(to.port)")
            guard let moved = Int(answer) else { throw RedisServerError("MIGRATE: \(answer)") }
            if moved == 0 { break }
        }
        // The new owner first, so that there is one at all times.
        for server in [to, from] + primaries.filter({ $0 !== to && $0 !== from }) {
            // After a failover one of the first primaries may be a replica, which learns it from its primary.
            try server.expect("OK", "CLUSTER", "SETSLOT", "\(slot)", "NODE", target, orContains: "only with masters")
        }
    }

    package func stop() {
        for server in servers { server.stop() }
    }
}

/// Starts a private Redis Cluster, runs `body` with it, and stops it, also when `body` throws.
package func withClusterSystem<R>(
    replicas: Bool = false,
    _ body: (RedisClusterSystem) async throws -> R
) async throws -> R {
    let system = try await RedisClusterSystem.start(replicas: replicas)
    defer { system.stop() }
    return try await body(system)
}

extension RedisServer {
    fileprivate func expect(_ answer: String, _ args: String..., orContains other: String? = nil) throws {
        let got = try command(args)
        guard got == answer || other.map({ got.contains($0) }) ?? false else {
            throw RedisServerError("\(args.joined(separator: " ")): \(got)")
        }
    }
}
