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
}

/// Pages of customers over all partitions, newest interaction first; same millisecond: by id, descending.
///
/// What is looked through is this process's copy of what customers are listed by, brought up to date for each page
/// (``CustomerIndex``): what was written before the page was asked for is seen. A customer who writes while somebody pages
/// through may show on two pages or on none.
struct CustomerListing {
    let redis: RedisClient
    let index: CustomerIndex

    /// - Parameters:
    ///   - number: from 0.
    ///   - size: 1 to ``Page/maxSize``.
    /// - Complexity: Linear in the number of customers, some nanoseconds for each, in this process; Redis is asked what has
    ///   changed, and for the page's records.
    func page(_ number: Int, size: Int, matching filter: CustomerFilter) async throws(MessagingError) -> Page<Customer>
    {
        let tables = try await index.current()
        let filter = PreparedFilter(filter)
        let matches = CustomerMatches(tables: tables, rows: tables.map { $0.rows(matching: filter) })
        let first = number * size
        let ids = matches.ids(at: min(first, matches.count)..<min(first + size, matches.count))
        let records = try await redis.answers(to: ids.map { RedisCommand("HGETALL", Keyspace.customer($0)) })
        let content = zip(ids, records).compactMap { id, record in
            RecordFields(record.array ?? []).flatMap { Customer(id: id, fields: $0) }
        }
        return Page(content: content, totalElements: matches.count, page: number, size: size)
    }
}

/// The rows of all partitions that match a filter.
struct CustomerMatches {
    let tables: [CustomerTable]
    /// For each table.
    let rows: [RowSet]
    let count: Int

    /// How many rows are sorted to find those of a page.
    private static let maxSorted = 4096
    private static let buckets = 4096

    init(tables: [CustomerTable], rows: [RowSet]) {
        self.tables = tables
        self.rows = rows
        count = rows.reduce(0) { $0 + $1.count }
    }

    /// The customers at `ranks` of the list.
    ///
    /// - Parameter ranks: Within 0 to ``count``.
    func ids(at ranks: Range<Int>) -> [UniqueID] {
        if ranks.isEmpty { return [] }
        // The rows of the page are those from `low` to `high`, less some at both ends; `newer` ones come before.
        var (low, high) = bounds()
        var newer = 0
        var inside = count
        while inside > Self.maxSorted, low < high {
            // Counts rows by stretches of time, the newest first, and goes on with those that the page touches.
            var shift = 0
            while (high - low) >> shift >= Self.buckets { shift += 1 }
            let counts = counts(from: low, through: high, shift: shift)
            var first = 0
            while newer + counts[first] <= ranks.lowerBound {
                newer += counts[first]
                first += 1
            }
            var last = first
            inside = counts[first]
            while newer + inside < ranks.upperBound {
                last += 1
                inside += counts[last]
            }
            let span = high - low
            (low, high) = (max(low, high - ((last + 1) << shift) + 1), high - (first << shift))
            // The page lies across a long time in which nobody wrote: there is nothing more to narrow.
            if high - low > span / 2 { break }
        }
        var sorted: [(time: Int, id: UniqueID)] = []
        sorted.reserveCapacity(inside)
        forEachTime { time, table, row in
            if time >= low, time <= high { sorted.append((time, tables[table].ids[row])) }
        }
        sorted.sort { ($0.time, $0.id.high, $0.id.low) > ($1.time, $1.id.high, $1.id.low) }
        return sorted[(ranks.lowerBound - newer)..<(ranks.upperBound - newer)].map(\.id)
    }

    private func bounds() -> (low: Int, high: Int) {
        var low = Int.max
        var high = Int.min
        forEachTime { time, _, _ in
            low = min(low, time)
            high = max(high, time)
        }
        return (low, high)
    }

    private func counts(from low: Int, through high: Int, shift: Int) -> [Int] {
        var counts = [Int](repeating: 0, count: Self.buckets)
        counts.withUnsafeMutableBufferPointer { counts in
            forEachTime { time, _, _ in
                if time >= low, time <= high { counts[(high - time) >> shift] += 1 }
            }
        }
        return counts
    }

    @inline(__always)
    private func forEachTime(_ body: (_ time: Int, _ table: Int, _ row: Int) -> Void) {
        for table in tables.indices {
            tables[table].times.withUnsafeBufferPointer { times in
                rows[table].forEach { body(times[$0], table, $0) }
            }
        }
    }
}
