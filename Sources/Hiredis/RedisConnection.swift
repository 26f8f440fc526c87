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
    /// Redis's `run_id` as of the last connect; it changes when the server restarts or another one takes over. `nil`
    /// before the first connect, and if this user may not run `INFO`.
    package private(set) var runID: String?

    private let configuration: RedisConfiguration
    private let link: RedisLink<RedisConnection>
    private let onChange: @Sendable (Change) -> Void
    private var pipeline: RedisPipeline<Completion>
    /// The commands of this turn; written and emptied by `flush`, its memory used again.
    private var unsent = ByteBuffer()
    /// The deadline of the commands of this turn; `nil` while none is waiting for `flush`. Reading the clock for each
    /// command would cost more than queueing it.
    private var turnDeadline: NIODeadline?
    /// By ``RedisScript/index``: whether this server got the script in full on this connection.
    private var scriptsSent: [Bool] = []
    private var sweep: RepeatedTask?
    private var draining: EventLoopPromise<Void>?

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
        self.configuration = configuration
        self.eventLoop = eventLoop
        self.onChange = onChange
        self.link = RedisLink(configuration: configuration, eventLoop: eventLoop, logger: logger)
        self.submissions = RedisSubmissions(limit: configuration.maxQueuedCommands)
        self.pipeline = RedisPipeline(
            maxCommands: configuration.maxQueuedCommands,
            maxBytes: configuration.maxQueuedBytes
        )
    }

    /// Whether a command sent now would be written.
    package var isReady: Bool {
        eventLoop.preconditionInEventLoop()
        return link.isOpen && draining == nil
    }

    /// Sends `command` at the end of this turn of the event loop, together with all others of the turn.
    ///
    /// `completion` is called exactly once, on the event loop; before this returns if the command cannot be sent.
    /// It fails with a ``RedisError``:
    /// - `.unavailable`: no connection, or `maxQueuedCommands` or `maxQueuedBytes` are reached. Not sent.
    /// - `.timedOut`: no answer within `commandTimeout`. It may have run.
    /// - `.disconnected`: the connection was lost first. It may have run.
    /// - `.server`: Redis's own error.
    ///
    /// A script that this connection has not sent yet is sent in full, so that pipelined scripts run in order also
    /// right after a restart of Redis. Only for commands in flight during a `SCRIPT FLUSH` may the order change.
    package func send(_ command: RedisCommand, _ completion: @escaping Completion) {
        eventLoop.preconditionInEventLoop()
        guard link.isOpen, draining == nil else {
            return completion(.failure(draining == nil ? .notConnected : .closing))
        }
        guard pipeline.hasRoom(forBytes: command.storage.count) else { return completion(.failure(.queueFull)) }
        var inFull = false
        if let script = command.script { inFull = noteSent(script) }
        enqueue(command, inFull: inFull, completion)
    }

    /// - Returns: Whether this connection sends the script for the first time.
    private func noteSent(_ script: RedisScript) -> Bool {
        if scriptsSent.count <= script.index {
            scriptsSent.append(contentsOf: repeatElement(false, count: script.index + 1 - scriptsSent.count))
        }
        defer { scriptsSent[script.index] = true }
        return !scriptsSent[script.index]
    }

    private func enqueue(_ command: RedisCommand, inFull: Bool, _ completion: @escaping Completion) {
        guard HiredisEncoder.append(command, inFull: inFull, to: &unsent) else {
            return completion(.failure(.queueFull))
        }
        pipeline.append(
            RedisPipeline.Entry(
                completion: completion,
                deadline: deadlineOfThisTurn(),
                bytes: command.storage.count,
                scriptCommand: inFull || command.script == nil ? nil : command
            )
        )
    }

    private func deadlineOfThisTurn() -> NIODeadline {
        if let turnDeadline { return turnDeadline }
        let deadline = NIODeadline.now() + TimeAmount(configuration.commandTimeout)
        turnDeadline = deadline
        eventLoop.execute { self.flush() }
        return deadline
    }

    private func flush() {
        turnDeadline = nil
        guard unsent.readableBytes > 0 else { return }
        // False if the other side closed in this very turn: then nothing leaves, and `linkLost` follows.
        if link.write(unsent) { pipeline.markWritten() }
        // One burst must not hold its memory for ever.
        if unsent.capacity > 1024 * 1024 { unsent = ByteBuffer() } else { unsent.clear() }
    }

    /// Looks for overdue answers. One of them ends the connection, or its late answer would go to the next command.
    private func sweepDeadlines() {
        guard pipeline.isOverdue(at: .now()) else { return }
        link.drop(
            RedisError(
                .timedOut,
                "Redis gave no answer within \(configuration.commandTimeout).",
                mayHaveRun: true
            )
        )
    }

    // MARK: - Life

    /// Starts to connect.
    func start() {
        eventLoop.preconditionInEventLoop()
        link.start(owner: self)
    }

    /// Takes no new commands, lets those in flight be answered or pass their deadline, then closes.
    func close() -> EventLoopFuture<Void> {
        eventLoop.preconditionInEventLoop()
        if let draining { return draining.futureResult }
        let promise = eventLoop.makePromise(of: Void.self)
        draining = promise
        closeIfDrained()
        return promise.futureResult
    }

    private func closeIfDrained() {
        guard let draining, pipeline.isEmpty, !link.isClosed else { return }
        link.close().cascade(to: draining)
    }
}

extension RedisConnection: RedisLinkOwner {
    func linkOpened(_ socket: HiredisSocket) {
        runID = socket.runID
        scriptsSent.removeAll(keepingCapacity: true)
        // A quarter of the time-out is how late a deadline may be noticed.
        let interval = TimeAmount(max(configuration.commandTimeout / 4, .milliseconds(1)))
        sweep = eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in self.sweepDeadlines() }
        onChange(.opened)
    }

    func linkReceived(_ reply: HiredisReply) {
        guard let entry = pipeline.answerFirst() else {
            return link.drop(
                RedisError(.protocolViolation, "Redis sent an answer that nothing had asked for.", mayHaveRun: true)
            )
        }
        if let command = entry.scriptCommand, reply.isNoScript {
            return enqueue(command, inFull: true, entry.completion)
        }
        entry.completion(reply.result())
        closeIfDrained()
    }

    func linkLost(_ error: RedisError) {
        sweep?.cancel()
        sweep = nil
        unsent.clear()
        onChange(.lost(error))
        for (completion, fate) in pipeline.removeAll(at: .now()) {
            completion(.failure(error.ofCommand(fate)))
        }
        closeIfDrained()
    }

    func linkFailed(_ error: RedisError) {
        onChange(.failed(error))
    }
}

// MARK: - From other threads

extension RedisConnection {
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

extension HiredisReply {
    fileprivate var isNoScript: Bool { isError && bytes.starts(with: "NOSCRIPT".utf8) }
}

extension RedisError {
    /// What a single command is told when the connection ended because of this error.
    fileprivate func ofCommand<Completion>(_ fate: RedisPipeline<Completion>.Fate) -> RedisError {
        switch fate {
        case .unwritten: RedisError(.unavailable, message, mayHaveRun: false)
        case .expired: RedisError(.timedOut, message, mayHaveRun: true)
        case .written:
            RedisError(
                .disconnected,
                code == .disconnected ? message : "The connection to Redis was given up: \(message)",
                mayHaveRun: true
            )
        }
    }
}
