import Messaging
import RedisFixture
import Synchronization

/// The Redis of a run, whatever it is made of, and what can happen to it.
///
/// A fault that a topology does not know is not in the scenarios of that topology.
protocol RedisUnderTest: Sendable {
    /// For `REDIS_URL`.
    var url: String { get }
    /// The one server that there is; `nil` where there are several.
    var server: RedisServer? { get }

    /// Runs one command on each primary.
    func onPrimaries(_ command: [String]) throws
    /// Whether primaries refuse writes, for another reason than memory or disk.
    func setRefusing(_ refuses: Bool) throws
    /// Lets a replica take a primary's place. The old primary is a replica in the end.
    ///
    /// - Parameter promoted: told when another one is the primary.
    func failOver(_ cause: Failover, promoted: @Sendable () async throws -> Void) async throws
    /// Moves the slots of these partitions to another primary, one after the other.
    func move(_ partitions: [Partition]) async throws
    func stop()
}

/// Why a replica becomes the primary.
enum Failover: String, Sendable {
    /// The primary gets SIGKILL, and comes back without its data.
    case killed = "primary killed"
    /// The same, and its replica has missed the last half a second.
    case killedAhead = "primary killed, its replica behind"
    /// Somebody wants it so.
    case planned = "planned"
    /// The primary gets SIGSTOP, and goes on as a primary when it wakes up.
    case suspended = "primary suspended"
}

enum Topology: String, CaseIterable, Sendable {
    /// One redis-server, with an append-only file.
    case one
    /// A primary and two replicas, so that one is left after a failover, and three sentinels.
    case sentinel
    /// Three primaries, each with a replica.
    case cluster

    /// - Parameter options: more of redis-server's arguments; for one server only.
    func start(_ options: [String]) async throws -> any RedisUnderTest {
        switch self {
        case .one: OneRedis(try await RedisServer.start(appendOnly: true, extra: options))
        // A primary that is only slow for a moment, as on a busy machine, is not to be taken for dead: what that does is a
        // scenario of its own (`suspended`).
        case .sentinel: SentinelRedis(try await RedisSentinelSystem.start(replicas: 2, downAfter: .milliseconds(1500)))
        case .cluster: ClusterRedis(try await RedisClusterSystem.start(replicas: true))
        }
    }
}

struct OneRedis: RedisUnderTest {
    private let redis: RedisServer

    init(_ server: RedisServer) { redis = server }

    var url: String { redis.programsURL }
    var server: RedisServer? { redis }

    func onPrimaries(_ command: [String]) throws {
        // A server that does not take orders at the moment is a fault as well.
        _ = try redis.command(command)
    }

    /// A replica of nobody: nobody listens on port 1.
    func setRefusing(_ refuses: Bool) throws {
        try onPrimaries(["REPLICAOF"] + (refuses ? ["127.0.0.1", "1"] : ["NO", "ONE"]))
    }

    func failOver(_ cause: Failover, promoted: @Sendable () async throws -> Void) async throws {
        throw ChaosError("One Redis has nobody to fail over to.")
    }

    func move(_ partitions: [Partition]) async throws { throw ChaosError("One Redis has all slots.") }

    func stop() { redis.stop() }
}

/// Redis as Sentinel keeps it: the primary may be another one after each fault.
struct SentinelRedis: RedisUnderTest {
    private let system: RedisSentinelSystem

    init(_ system: RedisSentinelSystem) { self.system = system }

    var url: String { system.programsURL }
    var server: RedisServer? { nil }

    func onPrimaries(_ command: [String]) throws { _ = try system.primary().command(command) }

    func setRefusing(_ refuses: Bool) throws { try onPrimaries(Self.wantingReplicas(refuses)) }

    /// More replicas than there are, or none.
    fileprivate static func wantingReplicas(_ wants: Bool) -> [String] {
        ["CONFIG", "SET", "min-replicas-to-write", wants ? "9" : "0"]
    }

    func failOver(_ cause: Failover, promoted: @Sendable () async throws -> Void) async throws {
        try await system.settle()
        // A replica that is not there yet would be a second fault.
        try await system.replicated()
        let old = try system.primary()
        switch cause {
        case .killed: try old.kill()
        case .killedAhead:
            for replica in system.servers where replica !== old {
                _ = try replica.command("REPLICAOF", "127.0.0.1", "1")
            }
            try await Task.sleep(for: .milliseconds(500))
            try old.kill()
        case .planned: try await system.failOver()
        case .suspended: try old.suspend()
        }
        let new = try await system.promotion(besides: old)
        try await promoted()
        switch cause {
        case .killed, .killedAhead:
            // Whatever only it had is gone. Were it a primary when it comes back, and taken for one, all would be.
            try await system.agreement(on: new)
            try await old.replace(following: new)
        case .planned: break
        case .suspended: try await Self.wakeUp(old)
        }
    }

    /// Lets an old primary go on, and some time for what it does then.
    fileprivate static func wakeUp(_ server: RedisServer) async throws {
        try await Task.sleep(for: .seconds(1))
        try server.resume()
        try await Task.sleep(for: .seconds(3))
    }

    func move(_ partitions: [Partition]) async throws { throw ChaosError("There is one primary.") }

    func stop() { system.stop() }
}

/// A Redis Cluster; faults meet one of its primaries, each time another one.
final class ClusterRedis: RedisUnderTest {
    private let system: RedisClusterSystem
    private let turn = Mutex(0)

    init(_ system: RedisClusterSystem) { self.system = system }

    var url: String { system.programsURL }
    var server: RedisServer? { nil }

    private var primaries: [RedisServer] {
        system.servers.filter { (try? $0.command("ROLE"))?.hasPrefix("master") == true }
    }

    private func nextPrimary() throws -> RedisServer {
        let primaries = primaries
        guard !primaries.isEmpty else { throw ChaosError("The cluster has no primary.") }
        return turn.withLock { turn in
            turn += 1
            return primaries[turn % primaries.count]
        }
    }

    func onPrimaries(_ command: [String]) throws {
        for primary in primaries { _ = try primary.command(command) }
    }

    func setRefusing(_ refuses: Bool) throws { try onPrimaries(SentinelRedis.wantingReplicas(refuses)) }

    func failOver(_ cause: Failover, promoted: @Sendable () async throws -> Void) async throws {
        try await system.settleReplicas()
        let old = try nextPrimary()
        let replica = try system.replica(of: old)
        switch cause {
        case .killed: try old.kill()
        case .killedAhead: throw ChaosError("A replica in a cluster cannot be kept behind.")
        case .planned: _ = try replica.command("CLUSTER", "FAILOVER")
        case .suspended: try old.suspend()
        }
        let deadline = ContinuousClock.now + .seconds(30)
        while try !replica.command("ROLE").hasPrefix("master") {
            guard ContinuousClock.now < deadline else { throw ChaosError("No replica was promoted.") }
            try await Task.sleep(for: .milliseconds(10))
        }
        try await promoted()
        switch cause {
        case .killed, .killedAhead: try await old.restart()
        case .planned: break
        case .suspended: try await SentinelRedis.wakeUp(old)
        }
    }

    func move(_ partitions: [Partition]) async throws {
        for partition in partitions {
            let key = Keyspace.prefix(partition)
            let slot = try primaries.first.flatMap { Int(try $0.command("CLUSTER", "KEYSLOT", key)) }
            let owner = try system.owner(of: key)
            guard let slot, let target = primaries.first(where: { $0 !== owner }) else {
                throw ChaosError("The cluster has too few primaries.")
            }
            try await system.move(slot: slot, from: owner, to: target)
        }
    }

    func stop() { system.stop() }
}

struct ChaosError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
