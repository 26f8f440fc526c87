import Hiredis

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
