import Hiredis

/// A sorted set that each partition has one of, read as one list: highest score first; same score: by id, descending.
///
/// A page is a snapshot of what many reads saw: what is written in between may show on two pages or on none.
struct MergedSets: Sendable {
    let redis: RedisClient
    /// The set of a partition.
    let key: @Sendable (Partition) -> String

    /// How many rows may be merged only to be passed over; beyond, a binary search finds where the page begins.
    private static let maxSkipped = 256

    /// How many members all sets have.
    func count() async throws(MessagingError) -> Int {
        try await integers(Partition.all.map { RedisCommand("ZCARD", key($0)) }).reduce(0, +)
    }

    /// How many members of each partition have `score` or a higher one.
    private func counts(since score: Int) async throws(MessagingError) -> [Int] {
        try await integers(Partition.all.map { RedisCommand("ZCOUNT", key($0), String(score), "+inf") })
    }

    private func integers(_ commands: [RedisCommand]) async throws(MessagingError) -> [Int] {
        try await redis.answers(to: commands).map { $0.int ?? 0 }
    }

    /// Merges the partitions' lists from where rank `offset` of all of them lies.
    ///
    /// - Complexity: Redis reads some `count` + 64 · 8 rows, and for a far `offset` up to 40 rounds of 64 counts, however
    ///   many members there are.
    func rows(from offset: Int, count: Int) async throws(MessagingError) -> [RankedID] {
        var ranks = [Int](repeating: 0, count: Partition.count)
        var skip = offset
        if offset > Self.maxSkipped {
            ranks = try await startingRanks(before: offset)
            skip = offset - ranks.reduce(0, +)
        }
        // Each partition gives a few rows at a time; the one that runs out gives more.
        let step = (skip + count) / Partition.count + 8
        var heads: [[RankedID]] = try await read(zip(Partition.all, ranks).map { ($0, $1, step) })
        var taken = [Int](repeating: 0, count: Partition.count)
        var rows: [RankedID] = []
        while rows.count < count {
            var first: Int?
            for index in heads.indices {
                if taken[index] == heads[index].count, heads[index].count == step {
                    ranks[index] += step
                    heads[index] = try await read([(Partition.all[index], ranks[index], step)])[0]
                    taken[index] = 0
                }
                guard taken[index] < heads[index].count else { continue }
                if let best = first, heads[best][taken[best]] >= heads[index][taken[index]] { continue }
                first = index
            }
            guard let first else { break }
            if skip > 0 { skip -= 1 } else { rows.append(heads[first][taken[first]]) }
            taken[first] += 1
        }
        return rows
    }

    /// Ranks, one for each partition, that pass over at most `offset` rows in all, and no row that belongs after one that
    /// is not passed over.
    private func startingRanks(before offset: Int) async throws(MessagingError) -> [Int] {
        let ends = try await redis.answers(
            to: Partition.all.flatMap { partition in
                [
                    RedisCommand("ZRANGE", key(partition), "0", "0", "WITHSCORES"),
                    RedisCommand("ZRANGE", key(partition), "-1", "-1", "WITHSCORES"),
                ]
            }
        )
        let scores = ends.compactMap { RankedID.list($0).first?.score }
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

    private func read(_ stretches: [(Partition, rank: Int, count: Int)]) async throws(MessagingError) -> [[RankedID]] {
        let commands = stretches.map { partition, rank, count in
            RedisCommand("ZREVRANGE", key(partition), String(rank), String(rank + count - 1), "WITHSCORES")
        }
        return try await redis.answers(to: commands).map(RankedID.list)
    }
}

/// An id and its place in an order.
struct RankedID: Comparable {
    let id: UniqueID
    /// ms since 1970.
    let score: Int

    /// As Redis orders a sorted set: by score, then by the bytes of the member. A UUID in lower case sorts as its number.
    static func < (a: RankedID, b: RankedID) -> Bool {
        (a.score, a.id.high, a.id.low) < (b.score, b.id.high, b.id.low)
    }

    /// Reads `id, score, id, score …`.
    static func list(_ reply: RedisReply) -> [RankedID] {
        let words = reply.array ?? []
        return stride(from: 0, to: words.count - 1, by: 2).compactMap { index in
            guard let id = words[index].string.flatMap({ UniqueID($0) }), let score = words[index + 1].int else {
                return nil
            }
            return RankedID(id: id, score: score)
        }
    }
}
