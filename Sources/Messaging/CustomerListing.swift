import Hiredis

/// What narrows a listing of customers; `nil` does not.
package struct CustomerFilter: Sendable {
    /// Contained in the name, both folded (``Swift/String/foldedForSearch``).
    package var name: String?
    /// The primary channel.
    package var channel: CustomerChannel?
    package var active: Bool?
    /// One of the tags, exactly.
    package var tag: String?

    package init(name: String? = nil, channel: CustomerChannel? = nil, active: Bool? = nil, tag: String? = nil) {
        self.name = name
        self.channel = channel
        self.active = active
        self.tag = tag
    }

    var isEmpty: Bool { name == nil && channel == nil && active == nil && tag == nil }
}

/// Pages of customers over all partitions, newest interaction first; same millisecond: by id, descending.
///
/// Each partition has its customers in a sorted set by `lastInteractionAt`; see ``MergedSets``.
struct CustomerListing {
    let redis: RedisClient

    /// How many customers one script call looks at: it holds up Redis for less than two milliseconds.
    private static let chunk = 500
    /// How many partitions are asked in one go, so that other requests' commands wait behind few.
    private static let group = 16

    /// - Parameters:
    ///   - number: from 0.
    ///   - size: 1 to ``Page/maxSize``.
    func page(_ number: Int, size: Int, matching filter: CustomerFilter) async throws(MessagingError) -> Page<Customer>
    {
        let rows: [RankedID]
        let total: Int
        if filter.isEmpty {
            let all = MergedSets(redis: redis, key: Keyspace.customers(in:))
            total = try await all.count()
            rows = number * size < total ? try await all.rows(from: number * size, count: size) : []
        } else {
            (rows, total) = try await matches(of: filter, from: number * size, count: size)
        }
        let records = try await redis.answers(to: rows.map { RedisCommand("HGETALL", Keyspace.customer($0.id)) })
        let content = zip(rows, records).compactMap { row, record in
            RecordFields(record.array ?? []).flatMap { Customer(id: row.id, fields: $0) }
        }
        return Page(content: content, totalElements: total, page: number, size: size)
    }

    /// Looks at every customer.
    ///
    /// - Complexity: Linear in the number of customers.
    private func matches(
        of filter: CustomerFilter,
        from offset: Int,
        count: Int
    ) async throws(MessagingError) -> (rows: [RankedID], total: Int) {
        let needed = offset + count
        var rows: [RankedID] = []
        var total = 0
        for start in stride(from: 0, to: Partition.count, by: Self.group) {
            var unfinished = Array(Partition.all[start..<min(start + Self.group, Partition.count)])
            var rank = 0
            while !unfinished.isEmpty {
                let replies = try await redis.answers(to: unfinished.map { scan($0, from: rank, for: filter) })
                var more: [Partition] = []
                for (partition, reply) in zip(unfinished, replies) {
                    guard let looked = reply.array?.first?.int else {
                        throw .unexpectedReply(to: Scripts.scanCustomers.name)
                    }
                    let found = RankedID.list(.array(Array(reply.array?.dropFirst() ?? [])))
                    total += found.count
                    rows += found
                    if looked == Self.chunk { more.append(partition) }
                }
                unfinished = more
                rank += Self.chunk
                // Only the newest can be on the page: the rest is counted and let go.
                if rows.count > 2 * needed + 10_000 { rows = Array(rows.sorted(by: >).prefix(needed)) }
            }
        }
        return (Array(rows.sorted(by: >).prefix(needed).dropFirst(offset)), total)
    }

    private func scan(_ partition: Partition, from rank: Int, for filter: CustomerFilter) -> RedisCommand {
        var command = RedisCommand(evaluating: Scripts.scanCustomers, keys: [Keyspace.prefix(partition)])
        command.append(rank)
        command.append(Self.chunk)
        command.append(filter.name?.foldedForSearch ?? "")
        command.append(filter.channel?.rawValue ?? "")
        command.append(filter.active.map { $0 ? "1" : "0" } ?? "")
        command.append(filter.tag ?? "")
        return command
    }
}
