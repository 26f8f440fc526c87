import Logging
package import NIOCore

/// The connection of one event loop to Redis, for commands: to one server, or to each primary of a Redis Cluster. It
/// connects again for ever; while there is no connection, commands fail at once.
///
/// Whatever is sent in one turn of the event loop leaves in one write, and answers come in the order of the commands.
/// Never send a command that waits in Redis (`BLPOP`, `XREAD BLOCK`, `SUBSCRIBE`): all others would wait behind it.
///
/// Owned by its event loop: unless it says otherwise, a method must be called there, and completions run there.
// @unchecked, guarded by `eventLoop`: all state is read and written there only; `submissions` is Sendable by itself.
package final class RedisConnection: @unchecked Sendable {
    package typealias Completion = (Result<RedisReply, RedisError>) -> Void

    package let eventLoop: any EventLoop
    private let target: Target

    private let submissions: RedisSubmissions
    /// What was last taken out of `submissions`: empty but while it is performed. Its memory is used again.
    private var taken: [RedisSubmission] = []

    private enum Target {
        case one(RedisNodeConnection)
        case cluster(RedisClusterRouter)
    }

    /// What the client keeps count of.
    enum Change {
        case opened
        case lost(RedisError)
        case failed(RedisError)
    }

    init(
        configuration: RedisConfiguration,
        eventLoop: any EventLoop,
        logger: Logger,
        onChange: @escaping @Sendable (Change) -> Void
    ) {
        self.eventLoop = eventLoop
        self.submissions = RedisSubmissions(limit: configuration.maxQueuedCommands)
        if case .cluster(let seeds) = configuration.address {
            target = .cluster(
                RedisClusterRouter(
                    configuration: configuration,
                    seeds: seeds,
                    eventLoop: eventLoop,
                    logger: logger,
                    onChange: onChange
                )
            )
        } else {
            target = .one(
                RedisNodeConnection(
                    configuration: configuration,
                    eventLoop: eventLoop,
                    logger: logger,
                    onChange: onChange
                )
            )
        }
    }

    /// Whether it is to a Redis Cluster: all keys of a command must be in one slot.
    package var isOfCluster: Bool {
        if case .cluster = target { true } else { false }
    }

    /// Whether a command sent now would be written, whatever its key.
    package var isReady: Bool {
        switch target {
        case .one(let node): node.isReady
        case .cluster(let router): router.isReady
        }
    }

    /// Whether a command for `key`, sent now, would be written: on a Redis Cluster its server may be there while others
    /// are not.
    package func isReady(for key: String) -> Bool {
        switch target {
        case .one(let node): node.isReady
        case .cluster(let router): router.isReady(for: key)
        }
    }

    /// Told, on the event loop, that the connection to a server was opened or lost; on a Redis Cluster also that slots
    /// have come to one that is open. What failed before can be tried again then.
    package var onServerChange: (_ isOpen: Bool) -> Void {
        get {
            switch target {
            case .one(let node): node.onServerChange
            case .cluster(let router): router.onServerChange
            }
        }
        set {
            switch target {
            case .one(let node): node.onServerChange = newValue
            case .cluster(let router): router.onServerChange = newValue
            }
        }
    }

    /// Redis's `run_id` as of the last connect; it changes when the server restarts or another one takes over. `nil`
    /// before the first connect, and if this user may not run `INFO`.
    ///
    /// `nil` on a Redis Cluster, where each server has its own: use ``RedisCommand/appendRunID()``.
    package var runID: String? {
        if case .one(let node) = target { node.runID } else { nil }
    }

    /// Sends `command` at the end of this turn of the event loop, together with all others of the turn.
    ///
    /// `completion` is called exactly once, on the event loop; before this returns if the command cannot be sent.
    /// It fails with a ``RedisError``:
    /// - `.unavailable`: no connection, or on a Redis Cluster none to the server of this key, or its slot was on its way
    ///   to another server for `commandTimeout`, or `maxQueuedCommands` or `maxQueuedBytes` are reached. Not sent.
    /// - `.timedOut`: no answer within `commandTimeout`. It may have run.
    /// - `.disconnected`: the connection was lost first. It may have run.
    /// - `.notReplicated`: it has run, but not as many replicas have it as ``RedisCommand/mustBeReplicated`` asks for.
    /// - `.server`: Redis's own error.
    ///
    /// A script that this connection has not sent yet is sent in full, so that pipelined scripts run in order also
    /// right after a restart of Redis. Only for commands in flight during a `SCRIPT FLUSH` may the order change.
    package func send(_ command: RedisCommand, _ completion: @escaping Completion) {
        switch target {
        case .one(let node): node.send(command, completion)
        case .cluster(let router): router.send(command, completion)
        }
    }

    /// Starts to connect.
    func start() {
        switch target {
        case .one(let node): node.start()
        case .cluster(let router): router.start()
        }
    }

    /// Takes no new commands, lets those in flight be answered or pass their deadline, then closes.
    func close() -> EventLoopFuture<Void> {
        switch target {
        case .one(let node): node.close()
        case .cluster(let router): router.close()
        }
    }

    // MARK: - From other threads

    /// Hands commands over from any thread. A batch of submissions costs one wake-up of the event loop.
    func submit(_ submission: RedisSubmission) {
        switch submissions.append(submission) {
        case .queued: break
        case .first: eventLoop.execute { self.performSubmissions() }
        case .full: submission.fail(.queueFull)
        }
    }

    private func performSubmissions() {
        submissions.take(into: &taken)
        for submission in taken { perform(submission) }
        // One burst must not hold its memory for ever.
        taken.removeAll(keepingCapacity: taken.count <= 4096)
    }

    /// As ``submit(_:)``, on the event loop.
    func perform(_ submission: RedisSubmission) {
        switch submission {
        case .one(let command, let continuation):
            send(command) { continuation.resume(returning: $0) }
        case .many(let commands, let continuation):
            let results = RedisResults(count: commands.count, continuation)
            for (index, command) in commands.enumerated() {
                send(command) { results.set($0, at: index) }
            }
        }
    }
}
