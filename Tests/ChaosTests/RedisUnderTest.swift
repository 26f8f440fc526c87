import RedisFixture
import Synchronization

/// The Redis of a run, whatever it is made of, and what can happen to it.
///
/// A fault that a topology does not know is not in the scenarios of that topology.
protocol RedisUnderTest: Sendable {
    /// For `REDIS_URL`.
    var url: String { get }
    /// The port a proxy stands in front of; `nil` where programs are told other addresses by Redis itself.
    var port: Int? { get }

    /// Runs one command on each primary.
    func onPrimaries(_ command: [String]) throws
    /// SIGSTOP, and SIGCONT, to a primary.
    func suspend() throws
    func resume() throws
    /// SIGKILL, and start again with the same data, of a primary.
    func kill() throws
    func restart() async throws
    /// SIGKILL of a primary that has a replica, which then comes back as a replica, without its data.
    ///
    /// - Parameter promoted: told when another one is the primary.
    func failOver(promoted: @Sendable () async throws -> Void) async throws
    func stop()
}

enum Topology: String, CaseIterable, Sendable {
    /// One redis-server, with an append-only file.
    case one
    /// A primary and a replica, and three sentinels.
    case sentinel
    /// Three primaries, each with a replica.
    case cluster

    /// - Parameter options: more of redis-server's arguments; for one server only.
    func start(_ options: [String]) async throws -> any RedisUnderTest {
        switch self {
        case .one: OneRedis(try await RedisServer.start(appendOnly: true, extra: options))
        case .sentinel: SentinelRedis(try await RedisSentinelSystem.start())
        case .cluster: ClusterRedis(try await RedisClusterSystem.start(replicas: true))
        }
    }
}

struct OneRedis: RedisUnderTest {
    private let server: RedisServer

    init(_ server: RedisServer) { self.server = server }

    var url: String { server.url }
    var port: Int? { server.port }

    func onPrimaries(_ command: [String]) throws {
        // A server that does not take orders at the moment is a fault as well.
        _ = try server.command(command)
    }

    func suspend() throws { try server.suspend() }
    func resume() throws { try server.resume() }
    func kill() throws { try server.kill() }
    func restart() async throws { try await server.restart() }
    func failOver(promoted: @Sendable () async throws -> Void) async throws {
        throw ChaosError("One Redis has nobody to fail over to.")
    }
    func stop() { server.stop() }
}

/// Redis as Sentinel keeps it: the primary may be another one after each fault.
final class SentinelRedis: RedisUnderTest {
    private let system: RedisSentinelSystem
    private let suspended = Mutex<RedisServer?>(nil)

    init(_ system: RedisSentinelSystem) { self.system = system }

    var url: String { system.url }
    var port: Int? { nil }

    func onPrimaries(_ command: [String]) throws { _ = try system.primary().command(command) }

    func suspend() throws {
        let primary = try system.primary()
        try primary.suspend()
        suspended.withLock { $0 = primary }
    }

    func resume() throws { try suspended.withLock { $0 }?.resume() }

    func kill() throws { try system.primary().kill() }
    func restart() async throws { try await system.settle() }

    func failOver(promoted: @Sendable () async throws -> Void) async throws {
        let old = try system.primary()
        try old.kill()
        _ = try await system.promotion(besides: old)
        try await promoted()
        // It has no file: whatever only it had is gone.
        try await old.restart()
        try await system.settle()
    }

    func stop() { system.stop() }
}

/// A Redis Cluster; faults meet one of its primaries.
final class ClusterRedis: RedisUnderTest {
    private let system: RedisClusterSystem
    private let suspended = Mutex<RedisServer?>(nil)

    init(_ system: RedisClusterSystem) { self.system = system }

    var url: String { system.url }
    var port: Int? { nil }

    private var primaries: [RedisServer] {
        system.servers.filter { (try? $0.command("ROLE"))?.hasPrefix("master") == true }
    }

    private func somePrimary() throws -> RedisServer {
        guard let primary = primaries.first else { throw ChaosError("The cluster has no primary.") }
        return primary
    }

    func onPrimaries(_ command: [String]) throws {
        for primary in primaries { _ = try primary.command(command) }
    }

    func suspend() throws {
        let primary = try somePrimary()
        try primary.suspend()
        suspended.withLock { $0 = primary }
    }

    func resume() throws { try suspended.withLock { $0 }?.resume() }

    func kill() throws { try somePrimary().kill() }
    func restart() async throws { try await system.settle() }

    func failOver(promoted: @Sendable () async throws -> Void) async throws {
        let old = try somePrimary()
        try old.kill()
        let deadline = ContinuousClock.now + .seconds(30)
        while primaries.count < system.primaries.count {
            guard ContinuousClock.now < deadline else { throw ChaosError("No replica was promoted.") }
            try await Task.sleep(for: .milliseconds(20))
        }
        try await promoted()
        try await old.restart()
        try await system.settle()
    }

    func stop() { system.stop() }
}

struct ChaosError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
