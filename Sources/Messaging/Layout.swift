package import Hiredis

/// The number of partitions, which ids and keys rest on and which therefore is fixed for the life of a deployment.
package enum Layout {
    /// Notes the number of partitions at a deployment's first start; later compares it. To be called before anything
    /// else is read or written.
    ///
    /// - Throws: ``MessagingError`` `.conflict` when the data in Redis is for another number: the program must not start.
    ///   `.storeUnavailable`.
    package static func check(in redis: RedisClient) async throws(MessagingError) {
        let ours = String(Partition.count)
        let replies = try await redis.answers(to: [
            RedisCommand("SET", Keyspace.layout, ours, "NX"), RedisCommand("GET", Keyspace.layout),
        ])
        guard let stored = replies.last?.string else { throw .unexpectedReply(to: Keyspace.layout) }
        guard stored == ours else {
            throw MessagingError(
                .conflict,
                "The data in this Redis is laid out for \(stored) partitions, this program for \(ours). Use the program "
                    + "that wrote it, or an empty Redis database."
            )
        }
    }
}
