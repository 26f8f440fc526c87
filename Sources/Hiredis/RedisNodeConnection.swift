import Logging
import NIOCore

/// The connection of one event loop to one Redis, for commands. It connects again for ever; while there is no connection,
/// commands fail at once.
///
/// Whatever is sent in one turn of the event loop leaves in one write, and answers come in the order of the commands.
///
/// Found by Sentinel, it gives a server up that turns out to be a replica, to look for the primary anew.
///
/// Owned by its event loop: every method must be called there, and completions run there.
// @unchecked, guarded by `eventLoop`: all state is read and written there only.
final class RedisNodeConnection: @unchecked Sendable {
    typealias Completion = RedisConnection.Completion

    let eventLoop: any EventLoop
    private(set) var runID: String?
    private var runIDBytes: [UInt8] = []

    private let configuration: RedisConfiguration
    private let link: RedisLink<RedisNodeConnection>
    private let onChange: @Sendable (RedisConnection.Change) -> Void
    /// As ``RedisConnection/onServerChange``.
    var onServerChange: (_ isOpen: Bool) -> Void = { _ in }
    private var pipeline: RedisPipeline<Completion>
    /// The commands of this turn; written and emptied by `flush`, its memory used again.
    private var unsent = ByteBuffer()
    /// The deadline of the commands of this turn; `nil` while none is waiting for `flush`. Reading the clock for each
    /// command would cost more than queueing it.
    private var turnDeadline: NIODeadline?
    /// By ``RedisScript/index``: whether this server got the script in full on this connection.
    private var scriptsSent: [Bool] = []
    /// While Redis turns out to have lost its scripts: what runs once all that was sent before is answered.
    private var rescripting: Rescripting?
    private var sweep: RepeatedTask?
    private var draining: EventLoopPromise<Void>?

    /// The answers that a replica must have first; `nil` if none must.
    private var replication: RedisReplication<Completion>?

    init(
        configuration: RedisConfiguration,
        eventLoop: any EventLoop,
        logger: Logger,
        onChange: @escaping @Sendable (RedisConnection.Change) -> Void
    ) {
        self.configuration = configuration
        self.eventLoop = eventLoop
        self.onChange = onChange
        self.link = RedisLink(configuration: configuration, eventLoop: eventLoop, logger: logger)
        self.replication = RedisReplication(configuration)
        self.pipeline = RedisPipeline(
            maxCommands: configuration.maxQueuedCommands,
            maxBytes: configuration.maxQueuedBytes
        )
    }

    /// Scripts that Redis did not have are sent in full only when everything behind them is answered, too, and new
    /// commands wait for that. Otherwise one that was sent meanwhile would find the script loaded, and overtake those that
    /// are still to be refused.
    private struct Rescripting {
        /// How many answers are to come before.
        var awaited: Int
        /// In the order in which they were sent.
        var refused: [(RedisCommand, Completion)] = []
        var new: [(RedisCommand, Completion)] = []
        var newBytes = 0
    }

    var isReady: Bool {
        eventLoop.preconditionInEventLoop()
        return link.isOpen && draining == nil
    }

    /// As ``RedisConnection/send(_:_:)``.
    func send(_ command: RedisCommand, _ completion: @escaping Completion) {
        eventLoop.preconditionInEventLoop()
        guard link.isOpen, draining == nil else {
            return completion(.failure(draining == nil ? .notConnected : .closing))
        }
        guard hasRoom(for: command) else { return completion(.failure(.queueFull)) }
        guard command.mustBeReplicated, replication != nil else { return submit(command, completion) }
        submit(command) { self.hold($0, completion) }
    }

    private func hasRoom(for command: RedisCommand) -> Bool {
        guard let rescripting else { return pipeline.hasRoom(forBytes: command.storage.count) }
        return rescripting.new.count < configuration.maxQueuedCommands
            && rescripting.newBytes + command.storage.count <= configuration.maxQueuedBytes
    }

    private func submit(_ command: RedisCommand, _ completion: @escaping Completion) {
        if rescripting != nil {
            rescripting?.new.append((command, completion))
            rescripting?.newBytes += command.storage.count
            return
        }
        if command.mustBeReplicated { replication?.noteSent() }
        enqueue(command, inFull: command.script.map(noteSent) ?? false, completion)
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
        guard
            HiredisEncoder.append(
                command,
                inFull: inFull,
                onCluster: configuration.isOfCluster,
                runID: runIDBytes,
                to: &unsent
            )
        else {
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
        // On a connection that is gone it would stay in the pipeline, and take the first answer of the next connection.
        if link.isOpen, let wait = replication?.nextWait() { enqueue(wait, inFull: false, answeredWait) }
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

    // MARK: - Replication

    /// The answer to a command that a replica must have.
    private func hold(_ result: Result<RedisReply, RedisError>, _ completion: @escaping Completion) {
        if replication?.hold(completion, result) != true { completion(result) }
    }

    private func answeredWait(_ reply: Result<RedisReply, RedisError>) {
        for (completion, result) in replication?.answered(reply) ?? [] { completion(result) }
        // What was sent meanwhile gets a WAIT of its own, when this turn ends.
        if replication?.isUncovered == true { _ = deadlineOfThisTurn() }
    }

    // MARK: - Failover

    private var isFoundBySentinel: Bool {
        if case .sentinel = configuration.address { true } else { false }
    }

    /// Not at once: the answers to the commands behind this one may be here already, and say what became of those.
    private func giveUpReplica() {
        eventLoop.execute {
            self.link.drop(RedisError(.disconnected, "Redis became a replica.", mayHaveRun: true))
        }
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
        guard let draining, pipeline.isEmpty, rescripting == nil, replication?.isEmpty ?? true, !link.isClosed else {
            return
        }
        link.close().cascade(to: draining)
    }
}

extension RedisNodeConnection: RedisLinkOwner {
    func linkOpened(_ socket: HiredisSocket) {
        runID = socket.runID
        runIDBytes = Array((runID ?? "").utf8)
        replication?.reset()
        scriptsSent.removeAll(keepingCapacity: true)
        // A quarter of the time-out is how late a deadline may be noticed.
        let interval = TimeAmount(max(configuration.commandTimeout / 4, .milliseconds(1)))
        sweep = eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in self.sweepDeadlines() }
        onChange(.opened)
        onServerChange(true)
    }

    func linkReceived(_ reply: HiredisReply) {
        guard let entry = pipeline.answerFirst() else {
            return link.drop(
                RedisError(.protocolViolation, "Redis sent an answer that nothing had asked for.", mayHaveRun: true)
            )
        }
        if rescripting != nil { rescripting?.awaited -= 1 }
        if let command = entry.scriptCommand, reply.isNoScript {
            if rescripting == nil { rescripting = Rescripting(awaited: pipeline.count) }
            rescripting?.refused.append((command, entry.completion))
        } else {
            let result = reply.result()
            if case .failure(let error) = result, isFoundBySentinel, error.meansReplica { giveUpReplica() }
            entry.completion(result)
        }
        if rescripting?.awaited == 0 { sendAgain() }
        closeIfDrained()
    }

    private func sendAgain() {
        guard let waiting = rescripting else { return }
        rescripting = nil
        scriptsSent.removeAll(keepingCapacity: true)
        for (command, completion) in waiting.refused + waiting.new { submit(command, completion) }
    }

    func linkLost(_ error: RedisError) {
        sweep?.cancel()
        sweep = nil
        unsent.clear()
        // Nothing is left for a WAIT to cover.
        replication?.reset()
        onChange(.lost(error))
        // Those that were answered already were sent first.
        for (completion, _) in replication?.removeAll() ?? [] {
            completion(.failure(RedisError(.disconnected, error.message, mayHaveRun: true)))
        }
        for (completion, fate) in pipeline.removeAll(at: .now()) {
            completion(.failure(error.ofCommand(fate)))
        }
        let waiting = rescripting
        rescripting = nil
        for (_, completion) in (waiting?.refused ?? []) + (waiting?.new ?? []) {
            completion(.failure(error.ofCommand(RedisPipeline<Completion>.Fate.unwritten)))
        }
        if draining == nil { onServerChange(false) }
        closeIfDrained()
    }

    func linkFailed(_ error: RedisError) {
        onChange(.failed(error))
    }
}

extension HiredisReply {
    fileprivate var isNoScript: Bool { isError && bytes.starts(with: "NOSCRIPT".utf8) }
}

extension RedisError {
    /// Whether this is what a server says that was the primary before.
    fileprivate var meansReplica: Bool {
        [.server(prefix: "READONLY"), .server(prefix: "MASTERDOWN"), .server(prefix: "UNBLOCKED")].contains(code)
    }

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
