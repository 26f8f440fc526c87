/// Holds answers back until a replica has what they acknowledge: group commit with one `WAIT` per batch.
///
/// While one `WAIT` is on its way the next batch gathers; then one more `WAIT` is for all of that. As Redis answers in
/// order, a `WAIT`'s answer is for exactly those answers that came before it. Redis lets a connection that waits run
/// nothing else, so what is sent behind a `WAIT` takes as long as the replica takes, at most the time-out.
///
/// It does nothing itself; ``RedisNodeConnection`` carries it out. `Completion` is a callback in the program and a number
/// in tests.
///
/// Source: [WAIT](https://redis.io/docs/latest/commands/wait/).
package struct RedisReplication<Completion> {
    package typealias Held = (completion: Completion, result: Result<RedisReply, RedisError>)

    private let replicas: Int
    private let timeout: Duration
    /// Whether something was sent that no `WAIT` was sent behind.
    package private(set) var isUncovered = false
    private var isWaiting = false
    private var held: [Held] = []

    /// - Returns: `nil` if no replica must have anything.
    package init?(_ configuration: RedisConfiguration) {
        guard configuration.replicas > 0 else { return nil }
        replicas = configuration.replicas
        // The commands behind a WAIT must be answered before their own deadline.
        timeout = max(min(configuration.replicationTimeout, configuration.commandTimeout / 2), .milliseconds(1))
    }

    package var isEmpty: Bool { held.isEmpty }

    /// A command was sent that a replica must have.
    package mutating func noteSent() {
        isUncovered = true
    }

    /// The `WAIT` to send behind all that was sent so far, if one is due.
    package mutating func nextWait() -> RedisCommand? {
        guard isUncovered, !isWaiting else { return nil }
        isUncovered = false
        isWaiting = true
        var command = RedisCommand("WAIT")
        command.append(replicas)
        let (seconds, attoseconds) = timeout.components
        command.append(Int(seconds) * 1000 + Int(attoseconds / 1_000_000_000_000_000))
        return command
    }

    /// - Returns: `false` if it need not be held: nothing succeeded that could be lost.
    package mutating func hold(_ completion: Completion, _ result: Result<RedisReply, RedisError>) -> Bool {
        if held.isEmpty, case .failure = result { return false }
        held.append((completion, result))
        return true
    }

    /// The answer to `WAIT` is there: how many replicas have it all.
    ///
    /// - Returns: Whom to tell what, in order.
    package mutating func answered(_ reply: Result<RedisReply, RedisError>) -> [Held] {
        isWaiting = false
        let released = removeAll()
        guard case .success(let count) = reply, let count = count.int, count >= replicas else {
            let reason = if case .failure(let error) = reply { error.message } else { "no answer from one in time" }
            let failure = RedisError(
                .notReplicated,
                "Redis has it, but not as many replicas as must: \(reason).",
                mayHaveRun: true
            )
            return released.map { ($0.completion, $0.result.flatMap { _ in .failure(failure) }) }
        }
        return released
    }

    /// No `WAIT` will be answered any more: the connection ended.
    package mutating func removeAll() -> [Held] {
        defer { held.removeAll(keepingCapacity: held.count <= 4096) }
        return held
    }

    /// The next connection begins with nothing sent.
    package mutating func reset() {
        isUncovered = false
        isWaiting = false
    }
}
