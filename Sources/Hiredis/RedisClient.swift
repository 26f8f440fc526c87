package import Logging
package import NIOCore
import NIOPosix
import ServiceLifecycle
import Synchronization

/// Redis for a whole program: one ``RedisConnection`` on each event loop.
///
/// Code on an event loop takes its own connection and gets answers there, without a hop. Async code calls `send`.
package final class RedisClient: Service, Sendable {
    private let configuration: RedisConfiguration
    private let connections: [RedisConnection]
    private let indexByLoop: [ObjectIdentifier: Int]
    private let readiness: RedisReadiness
    private let next = Atomic<Int>(0)

    /// Makes the connections but opens none: that is for ``run()``.
    package init(configuration: RedisConfiguration, eventLoopGroup: any EventLoopGroup, logger: Logger) {
        let loops = Array(eventLoopGroup.makeIterator())
        let readiness = RedisReadiness(connections: loops.count)
        self.configuration = configuration
        self.readiness = readiness
        self.indexByLoop = Dictionary(
            uniqueKeysWithValues: loops.enumerated().map { (ObjectIdentifier($1), $0) }
        )
        self.connections = loops.map { loop in
            RedisConnection(
                configuration: configuration,
                eventLoop: loop,
                logger: logger,
                onChange: { readiness.note($0) }
            )
        }
    }

    /// Whether it is for a Redis Cluster, of which a part may be away.
    package var isOfCluster: Bool {
        if case .cluster = configuration.address { true } else { false }
    }

    /// As ``RedisConfiguration/replicas``.
    package var replicas: Int { configuration.replicas }

    /// The connection of `eventLoop`, which must be one of this client's group. Any thread.
    package func connection(for eventLoop: any EventLoop) -> RedisConnection {
        guard let index = indexByLoop[ObjectIdentifier(eventLoop)] else {
            preconditionFailure("This event loop is not of the group that the Redis client was made for.")
        }
        return connections[index]
    }

    /// Sends a command on the current event loop's connection, or, off the event loops, on the next one in turn.
    ///
    /// Not ended by cancellation: the answer or the deadline comes within `commandTimeout`.
    ///
    /// - Throws: As ``RedisConnection/send(_:_:)``.
    package func send(_ command: RedisCommand) async throws(RedisError) -> RedisReply {
        // Unsafe, not checked: the pipeline completes each command exactly once, which tests hold it to, and checking
        // costs an allocation for each command.
        try await withUnsafeContinuation { continuation in
            submit(.one(command, continuation))
        }.get()
    }

    /// Sends commands in order on one connection, all together, and collects their results in the same order.
    ///
    /// Each succeeds or fails by itself; this is no transaction.
    package func send(_ commands: [RedisCommand]) async -> [Result<RedisReply, RedisError>] {
        if commands.isEmpty { return [] }
        return await withUnsafeContinuation { continuation in
            submit(.many(commands, continuation))
        }
    }

    private func submit(_ submission: RedisSubmission) {
        if let loop = MultiThreadedEventLoopGroup.currentEventLoop, let index = indexByLoop[ObjectIdentifier(loop)] {
            connections[index].perform(submission)
        } else {
            let turn = next.wrappingAdd(1, ordering: .relaxed).oldValue
            connections[turn % connections.count].submit(submission)
        }
    }

    /// Whether every event loop's connection is open. Any thread.
    package var isReady: Bool { readiness.isReady }

    /// Waits until every event loop's connection is open.
    ///
    /// - Throws: ``RedisError`` `.unavailable` when `timeout` is over or the task is cancelled; its message has the
    ///   reason why the last attempt failed. Connecting goes on.
    package func waitUntilReady(timeout: Duration) async throws(RedisError) {
        try await readiness.wait(for: configuration.address, timeout: timeout)
    }

    /// Connects, and stays until graceful shutdown or cancellation; then lets what is in flight be answered and closes.
    ///
    /// Takes at most `commandTimeout` to end, and a little. To be run once.
    package func run() async throws {
        for connection in connections {
            connection.eventLoop.execute { connection.start() }
        }
        // Throws on cancellation; both mean: end now.
        try? await gracefulShutdown()
        let closings = connections.map { connection in
            connection.eventLoop.flatSubmit { connection.close() }
        }
        for closing in closings { try await closing.get() }
    }
}
