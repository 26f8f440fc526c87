import Hiredis

/// The fields of a hash, as `HGETALL` and scripts answer them: field, value, field, value …
struct RecordFields {
    private var values: [String: String] = [:]

    /// - Returns: `nil` when `pairs` is empty: there is no such record.
    init?(_ pairs: some Collection<RedisReply>) {
        guard pairs.count >= 2 else { return nil }
        var iterator = pairs.makeIterator()
        while let field = iterator.next()?.string, let value = iterator.next()?.string { values[field] = value }
    }

    subscript(field: String) -> String? { values[field] }

    func timestamp(_ field: String) -> Timestamp? {
        values[field].flatMap { Int($0) }.map { Timestamp(milliseconds: $0) }
    }
}

extension RedisClient {
    /// Sends a command, with Redis's error as the cause of the domain's.
    func answer(to command: RedisCommand) async throws(MessagingError) -> RedisReply {
        do { return try await send(command) } catch { throw MessagingError(error) }
    }

    /// Sends commands in one write; the first failure is thrown.
    func answers(to commands: [RedisCommand]) async throws(MessagingError) -> [RedisReply] {
        var replies: [RedisReply] = []
        replies.reserveCapacity(commands.count)
        for result in await send(commands) { replies.append(try result.orThrow()) }
        return replies
    }
}
