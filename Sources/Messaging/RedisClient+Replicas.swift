import Hiredis

/// What a failover must not undo.
extension RedisClient {
    /// How long a replica may take to confirm. Commands behind it on the same connection wait as long.
    private static let replicaTimeout = Duration.seconds(1)

    /// Sends a command and, where Redis has replicas, waits until one of them has its effect, whatever `DURABILITY` is.
    ///
    /// - Throws: ``MessagingError`` `.storeUnavailable`; also when the command was run and no replica confirmed it. Then
    ///   the message says so, and the command is to be repeated.
    /// - Complexity: Two round trips; with replicas also one between Redis and its fastest replica.
    ///
    /// Source: [WAIT](https://redis.io/docs/latest/commands/wait/), which is about the writes of its own connection.
    func lastingAnswer(to command: RedisCommand) async throws(MessagingError) -> RedisReply {
        // With `DURABILITY=replicated` the answer comes after that anyway.
        guard replicas == 0, try await hasReplicas(for: command) else { return try await answer(to: command) }
        var wait = RedisCommand("WAIT", "1", "\(Self.replicaTimeout.milliseconds)")
        wait.goes(with: command)
        let results = await send([command, wait])
        let reply = try results[0].orThrow()
        if case .success(let confirmed) = results[1], (confirmed.int ?? 0) >= 1 { return reply }
        let cause: RedisError? = if case .failure(let cause) = results[1] { cause } else { nil }
        throw MessagingError(notReplicated: cause)
    }

    private func hasReplicas(for command: RedisCommand) async throws(MessagingError) -> Bool {
        do {
            var info = RedisCommand("INFO", "replication")
            info.goes(with: command)
            let text = try await send(info).string ?? ""
            let line = text.split(whereSeparator: \.isNewline).first { $0.hasPrefix("connected_slaves:") }
            return line.flatMap { Int($0.dropFirst("connected_slaves:".count)) } ?? 0 > 0
        } catch {
            // A user that may not run INFO: nothing is known about replicas.
            if case .server = error.code { return false }
            throw MessagingError(error)
        }
    }
}
