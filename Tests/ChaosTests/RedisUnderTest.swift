import RedisFixture

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
    /// SIGKILL of a primary that has a replica; returns when another one is the primary.
    func failOver() async throws
    func stop()
}

enum Topology: String, CaseIterable, Sendable {
    /// One redis-server.
    case one

    func start(_ options: [String]) async throws -> any RedisUnderTest {
        switch self {
        case .one: OneRedis(try await RedisServer.start(appendOnly: true, extra: options))
        }
    }
}

/// One redis-server, with an append-only file.
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
    func failOver() async throws { throw ChaosError("One Redis has nobody to fail over to.") }
    func stop() { server.stop() }
}

struct ChaosError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
