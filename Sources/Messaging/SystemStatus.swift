package import Hiredis

/// How the whole system does at a moment.
package struct SystemStatus: Sendable {
    /// By id.
    package let gateways: [Gateway]
    package let waiting: Int
    /// Since when the longest waits.
    package let longestWaitingSince: Timestamp?
    /// Messages that gateways stored since the deployment began; about, where Redis was away.
    package let messages: Int
    /// The memory of the Redis that has the agents; `nil` if it may not be asked.
    package let redisMemoryBytes: Int?

    /// A gateway: the figures of its event loops, added up. Of lags the longest counts.
    package struct Gateway: Sendable {
        package let id: String
        package internal(set) var figures: GatewayFigures
    }
}

/// Reads how the system does.
package struct SystemStatusStore: Sendable {
    private let redis: RedisClient

    package init(redis: RedisClient) { self.redis = redis }

    /// - Throws: ``MessagingError`` `.storeUnavailable`.
    /// - Complexity: Two round trips of some 130 short commands, and one for each event loop of each gateway.
    package func status() async throws(MessagingError) -> SystemStatus {
        var memory = RedisCommand("INFO", "memory")
        memory.goes(with: RedisCommand("GET", Keyspace.messageCount))
        let first = [
            RedisCommand("HKEYS", Keyspace.leases(in: .ofAgents)), RedisCommand("GET", Keyspace.messageCount),
        ]
        let queues = Partition.all.flatMap { partition in
            let key = Keyspace.waiting(in: partition)
            return [RedisCommand("ZCARD", key), RedisCommand("ZRANGE", key, "0", "0", "WITHSCORES")]
        }
        let results = await redis.send(first + queues + [memory])
        // A user may be forbidden to ask for INFO.
        let info = (try? results[results.count - 1].get())?.string
        var replies: [RedisReply] = []
        for result in results.dropLast() { replies.append(try result.orThrow()) }

        let waiting = stride(from: 2, to: replies.count, by: 2).map { replies[$0].int ?? 0 }
        let since = stride(from: 3, to: replies.count, by: 2).compactMap { RankedID.list(replies[$0]).first?.score }
        return SystemStatus(
            gateways: try await gateways((replies[0].array ?? []).compactMap(\.string)),
            waiting: waiting.reduce(0, +),
            longestWaitingSince: since.min().map { Timestamp(milliseconds: $0) },
            messages: replies[1].int ?? 0,
            redisMemoryBytes: info.flatMap(Self.usedMemory)
        )
    }

    /// Those of `mailboxes` that wrote figures lately, by gateway.
    private func gateways(_ mailboxes: [String]) async throws(MessagingError) -> [SystemStatus.Gateway] {
        let records = try await redis.answers(to: mailboxes.map { RedisCommand("GET", Keyspace.figures(of: $0)) })
        var gateways: [String: SystemStatus.Gateway] = [:]
        for (mailbox, record) in zip(mailboxes, records) {
            guard let figures = record.string.flatMap({ GatewayFigures(record: $0) }),
                let id = mailbox.split(separator: ".").first.map(String.init)
            else { continue }
            guard var all = gateways[id]?.figures else {
                gateways[id] = SystemStatus.Gateway(id: id, figures: figures)
                continue
            }
            all.connections += figures.connections
            all.customers += figures.customers
            all.agents += figures.agents
            all.lagMilliseconds = max(all.lagMilliseconds, figures.lagMilliseconds)
            all.startedAt = min(all.startedAt, figures.startedAt)
            all.isDraining = all.isDraining || figures.isDraining
            all.messagesPerTenSeconds += figures.messagesPerTenSeconds
            gateways[id]?.figures = all
        }
        return gateways.values.sorted { $0.id < $1.id }
    }

    private static func usedMemory(_ info: String) -> Int? {
        let line = info.split(whereSeparator: \.isNewline).first { $0.hasPrefix("used_memory:") }
        return line.flatMap { Int($0.dropFirst("used_memory:".count)) }
    }
}
