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
/// Each partition has its customers in a sorted set by `lastInteractionAt`. A page is a snapshot of what many reads saw:
/// a customer who writes in between may show on two pages or on none.
struct CustomerListing {
    let redis: RedisClient

    /// How many customers one script call looks at: it holds up Redis for less than two milliseconds.
    private static let chunk = 500
    /// How many partitions are asked in one go, so that other requests' commands wait behind few.
    private static let group = 16
    /// How many rows may be merged only to be passed over; beyond, a binary search finds where the page begins.
    private static let maxSkipped = 256

    /// - Parameters:
    ///   - number: from 0.
    ///   - size: 1 to ``Page/maxSize``.
    func page(_ number: Int, size: Int, matching filter: CustomerFilter) async throws(MessagingError) -> Page<Customer>
    {
        let rows: [Row]
        let total: Int
        if filter.isEmpty {
            total = try await counts().reduce(0, +)
            rows = number * size < total ? try await all(from: number * size, count: size) : []
        } else {
            (rows, total) = try await matches(of: filter, from: number * size, count: size)
        }
        let records = try await redis.answers(to: rows.map { RedisCommand("HGETALL", Keyspace.customer($0.id)) })
        let content = zip(rows, records).compactMap { row, record in
            RecordFields(record.array ?? []).flatMap { Customer(id: row.id, fields: $0) }
        }
        return Page(content: content, totalElements: total, page: number, size: size)
    }

    // MARK: - All customers

    private func counts() async throws(MessagingError) -> [Int] {
        try await integers(Partition.all.map { RedisCommand("ZCARD", Keyspace.customers(in: $0)) })
    }

    /// How many customers of each partition had their last interaction at `score` or later.
    private func counts(since score: Int) async throws(MessagingError) -> [Int] {
        try await integers(
            Partition.all.map { RedisCommand("ZCOUNT", Keyspace.customers(in: $0), String(score), "+inf") }
        )
    }

    private func integers(_ commands: [RedisCommand]) async throws(MessagingError) -> [Int] {
        try await redis.answers(to: commands).map { $0.int ?? 0 }
    }

    /// Merges the partitions' lists from where rank `offset` of all of them lies.
    ///
    /// - Complexity: Redis reads some `count` + 64 · 8 rows, and for a far `offset` up to 40 rounds of 64 counts, however
    ///   many customers there are.
    private func all(from offset: Int, count: Int) async throws(MessagingError) -> [Row] {
        var ranks = [Int](repeating: 0, count: Partition.count)
        var skip = offset
        if offset > Self.maxSkipped {
            ranks = try await startingRanks(before: offset)
            skip = offset - ranks.reduce(0, +)
        }
        // Each partition gives a few rows at a time; the one that runs out gives more.
        let step = (skip + count) / Partition.count + 8
        var heads: [[Row]] = try await read(zip(Partition.all, ranks).map { ($0, $1, step) })
        var taken = [Int](repeating: 0, count: Partition.count)
        var rows: [Row] = []
        while rows.count < count {
            var newest: Int?
            for index in heads.indices {
                if taken[index] == heads[index].count, heads[index].count == step {
                    ranks[index] += step
                    heads[index] = try await read([(Partition.all[index], ranks[index], step)])[0]
                    taken[index] = 0
                }
                guard taken[index] < heads[index].count else { continue }
                if let best = newest, heads[best][taken[best]] >= heads[index][taken[index]] { continue }
                newest = index
            }
            guard let newest else { break }
            if skip > 0 { skip -= 1 } else { rows.append(heads[newest][taken[newest]]) }
            taken[newest] += 1
        }
        return rows
    }

    /// Ranks, one for each partition, that pass over at most `offset` rows in all, and no row that belongs after one that
    /// is not passed over.
    private func startingRanks(before offset: Int) async throws(MessagingError) -> [Int] {
        let ends = try await redis.answers(
            to: Partition.all.flatMap { partition in
                let key = Keyspace.customers(in: partition)
                return [
                    RedisCommand("ZRANGE", key, "0", "0", "WITHSCORES"),
                    RedisCommand("ZRANGE", key, "-1", "-1", "WITHSCORES"),
                ]
            }
        )
        let scores = ends.compactMap { Row.list($0).first?.score }
        // More than `offset` rows are at `tooEarly` or later, at most `offset` at `late` or later.
        var tooEarly = scores.min() ?? 0
        var late = (scores.max() ?? 0) + 1
        var ranks = [Int](repeating: 0, count: Partition.count)
        while late - tooEarly > 1, offset - ranks.reduce(0, +) > Self.maxSkipped {
            let middle = tooEarly + (late - tooEarly) / 2
            let counts = try await counts(since: middle)
            if counts.reduce(0, +) <= offset {
                late = middle
                ranks = counts
            } else {
                tooEarly = middle
            }
        }
        return ranks
    }

    private func read(_ stretches: [(Partition, rank: Int, count: Int)]) async throws(MessagingError) -> [[Row]] {
        let commands = stretches.map { partition, rank, count in
            RedisCommand(
                "ZREVRANGE",
                Keyspace.customers(in: partition),
                String(rank),
                String(rank + count - 1),
                "WITHSCORES"
            )
        }
        return try await redis.answers(to: commands).map(Row.list)
    }

    // MARK: - Those that match

    /// Looks at every customer.
    ///
    /// - Complexity: Linear in the number of customers.
    private func matches(
        of filter: CustomerFilter,
        from offset: Int,
        count: Int
    ) async throws(MessagingError) -> (rows: [Row], total: Int) {
        let needed = offset + count
        var rows: [Row] = []
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
                    let found = Row.list(.array(Array(reply.array?.dropFirst() ?? [])))
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

/// A customer's place in the order.
private struct Row: Comparable {
    let id: UniqueID
    /// `lastInteractionAt` in ms.
    let score: Int

    /// As Redis orders a sorted set: by score, then by the bytes of the member. A UUID in lower case sorts as its number.
    static func < (a: Row, b: Row) -> Bool {
        (a.score, a.id.high, a.id.low) < (b.score, b.id.high, b.id.low)
    }

    /// Reads `id, score, id, score …`.
    static func list(_ reply: RedisReply) -> [Row] {
        let words = reply.array ?? []
        return stride(from: 0, to: words.count - 1, by: 2).compactMap { index in
            guard let id = words[index].string.flatMap({ UniqueID($0) }), let score = words[index + 1].int else {
                return nil
            }
            return Row(id: id, score: score)
        }
    }
}
