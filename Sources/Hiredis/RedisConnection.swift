import Logging
package import NIOCore

/// The connection of one event loop to Redis, for commands. It connects again for ever; while there is no connection,
/// commands fail at once.
///
/// Whatever is sent in one turn of the event loop leaves in one write, and answers come in the order of the commands.
/// Never send a command that waits in Redis (`BLPOP`, `XREAD BLOCK`, `SUBSCRIBE`): all others would wait behind it.
///
/// Owned by its event loop: unless it says otherwise, a method must be called there, and completions run there.
// @unchecked: all state is read and written on `eventLoop` only; `submissions` is Sendable by itself.
package final class RedisConnection: @unchecked Sendable {
    package typealias Completion = (Result<RedisReply, RedisError>) -> Void

    package let eventLoop: any EventLoop
    private let node: RedisNodeConnection

    private let submissions: RedisSubmissions
    /// What was last taken out of `submissions`: empty but while it is performed. Its memory is used again.
    private var taken: [RedisSubmission] = []

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
        self.node = RedisNodeConnection(
            configuration: configuration,
            eventLoop: eventLoop,
            logger: logger,
            onChange: onChange
        )
    }

    /// Whether a command sent now would be written.
    package var isReady: Bool { node.isReady }

    /// Redis's `run_id` as of the last connect; it changes when the server restarts or another one takes over. `nil`
    /// before the first connect, and if this user may not run `INFO`.
    package var runID: String? { node.runID }

    /// Sends `command` at the end of this turn of the event loop, together with all others of the turn.
    ///
    /// `completion` is called exactly once, on the event loop; before this returns if the command cannot be sent.
    /// It fails with a ``RedisError``:
    /// - `.unavailable`: no connection, or `maxQueuedCommands` or `maxQueuedBytes` are reached. Not sent.
    /// - `.timedOut`: no answer within `commandTimeout`. It may have run.
    /// - `.disconnected`: the connection was lost first. It may have run.
    /// - `.notReplicated`: it has run, but not as many replicas have it as ``RedisCommand/mustBeReplicated`` asks for.
    /// - `.server`: Redis's own error.
    ///
    /// A script that this connection has not sent yet is sent in full, so that pipelined scripts run in order also
    /// right after a restart of Redis. Only for commands in flight during a `SCRIPT FLUSH` may the order change.
    package func send(_ command: RedisCommand, _ completion: @escaping Completion) {
        node.send(command, completion)
    }

    /// Starts to connect.
    func start() {
        node.start()
    }

    /// Takes no new commands, lets those in flight be answered or pass their deadline, then closes.
    func close() -> EventLoopFuture<Void> {
        node.close()
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
