import Hiredis

/// This process's copy of what all customers are listed by, and how it is kept up to date.
///
/// Redis has the truth: the records, and for each partition the ids in the order of creation, the times of the last
/// interaction, and what tells that something has changed (``Keyspace/customerIDs(in:)`` and those that follow it). All
/// that is written by the scripts that write the records. Before each use the copy asks each partition what has changed
/// since, and reads that. Nothing is kept of a server that was restarted or replaced, as it may have lost the last writes.
///
/// - Complexity: Up to date, one round trip and half a millisecond of Redis; from nothing, some 3 µs of Redis for each
///   customer, in commands of less than a millisecond. Some 80 bytes of this process for each customer.
actor CustomerIndex {
    private let redis: RedisClient
    private var tables = [CustomerTable](repeating: CustomerTable(), count: Partition.count)
    private var running: Task<MessagingError?, Never>?
    private var waiting: Task<MessagingError?, Never>?

    /// How many rows share a mark, as in `customer_rows.lua`.
    fileprivate static let markedRows = 128
    fileprivate static let markBytes = 8
    /// How many rows of a partition are read at a time.
    private static let stretch = 512
    /// How many records one script reads.
    private static let recordsPerScript = 128
    /// How many customers one script gives rows to.
    private static let rowsPerScript = 50

    init(redis: RedisClient) { self.redis = redis }

    /// The copy, with all that was written before this was called.
    func current() async throws(MessagingError) -> [CustomerTable] {
        // One that already runs may have read before that: the next one is shared by all who come until it begins.
        let refresh: Task<MessagingError?, Never>
        if let waiting {
            refresh = waiting
        } else {
            let before = running
            // Not a child of one caller's task: the others need it too.
            refresh = Task {
                _ = await before?.value
                return await self.runWaiting()
            }
            waiting = refresh
        }
        if let error = await refresh.value { throw error }
        return tables
    }

    private func runWaiting() async -> MessagingError? {
        running = waiting
        waiting = nil
        do throws(MessagingError) {
            while try await readStep() {}
            return nil
        } catch {
            return error
        }
    }

    /// Gives rows to the customers that were stored before there were rows.
    ///
    /// A step at a time, each of them whole, so it may be stopped at any point, and several processes may do it at once.
    ///
    /// - Parameter onProgress: Called after each eighth of the partitions with how many were done, by this process and
    ///   others.
    func indexStored(onProgress: @Sendable (_ done: Int, _ left: Int) -> Void = { _, _ in })
        async throws(MessagingError)
    {
        let counts = try await redis.answers(
            to: Partition.all.map { RedisCommand("ZCARD", Keyspace.customers(in: $0)) }
        )
        var left = counts.map { $0.int ?? 0 }
        let all = left.reduce(0, +)
        if all == 0 { return }
        for partition in Partition.all {
            if left[partition.number] > 0 { try await indexStored(in: partition) }
            left[partition.number] = 0
            let sum = left.reduce(0, +)
            if partition.number % 8 == 7 { onProgress(all - sum, sum) }
        }
    }

    private func indexStored(in partition: Partition) async throws(MessagingError) {
        var left = 1
        while left > 0 {
            var command = RedisCommand(evaluating: Scripts.indexCustomers, keys: [Keyspace.prefix(partition)])
            command.append(Self.rowsPerScript)
            guard let count = try await redis.answer(to: command).int else {
                throw .unexpectedReply(to: Scripts.indexCustomers.name)
            }
            left = count
        }
    }

    // MARK: - Bringing the copy up to date

    /// What has changed in a partition, and what of it is read in this step.
    private struct Step {
        let partition: Partition
        let update: CustomerTable.Update
        /// Rows whose record is to be read again.
        let edited: [Int]
        /// Rows that are new to the copy.
        let added: Range<Int>
        /// Rows whose time is to be read, the added ones among them.
        let touched: [Range<Int>]
    }

    /// - Returns: Whether there are more rows than were read.
    private func readStep() async throws(MessagingError) -> Bool {
        var steps: [Step] = []
        var isBehind = false
        for (partition, changes) in zip(Partition.all, try await readChanges()) {
            if changes.unindexed > 0 {
                try await indexStored(in: partition)
                isBehind = true
            }
            let table = tables[partition.number]
            if changes.server != table.server || !changes.isComplete || changes.rows < table.ids.count {
                tables[partition.number] = CustomerTable(server: changes.server, lastEdit: changes.lastEdit)
            }
            let step = step(for: partition, after: changes)
            if step.added.upperBound < changes.rows { isBehind = true }
            if step.added.isEmpty, step.touched.isEmpty, step.edited.isEmpty { continue }
            steps.append(step)
        }
        try await read(steps)
        return isBehind
    }

    private func step(for partition: Partition, after changes: ListChanges) -> Step {
        let table = tables[partition.number]
        let known = table.ids.count
        let added = known..<min(changes.rows, known + Self.stretch)
        var touched: [Range<Int>] = []
        for block in 0..<((known + Self.markedRows - 1) / Self.markedRows) {
            let mark = (block * Self.markBytes)..<((block + 1) * Self.markBytes)
            guard table.touches[mark] != changes.touches[mark] else { continue }
            let rows = (block * Self.markedRows)..<min((block + 1) * Self.markedRows, known)
            // Reading a block in between costs less than another command.
            if let last = touched.last, rows.lowerBound - last.upperBound <= Self.markedRows {
                touched[touched.count - 1] = last.lowerBound..<rows.upperBound
            } else {
                touched.append(rows)
            }
        }
        if !added.isEmpty { touched.append(added) }
        return Step(
            partition: partition,
            update: CustomerTable.Update(lastEdit: changes.lastEdit, touches: changes.touches),
            edited: Array(Set(changes.edited.filter { $0 < known })),
            added: added,
            touched: touched
        )
    }

    private func readChanges() async throws(MessagingError) -> [ListChanges] {
        let commands = Partition.all.map { partition in
            var command = RedisCommand(evaluating: Scripts.customerChanges, keys: [Keyspace.prefix(partition)])
            command.appendRunID()
            command.append(tables[partition.number].lastEdit)
            return command
        }
        return try await redis.answers(to: commands).map { reply throws(MessagingError) in
            guard let changes = ListChanges(reply) else { throw .unexpectedReply(to: Scripts.customerChanges.name) }
            return changes
        }
    }

    /// Reads what `steps` ask for and puts it into the tables, all or nothing.
    private func read(_ steps: [Step]) async throws(MessagingError) {
        var columns: [RedisCommand] = []
        for step in steps {
            let key = Keyspace.customerTimes(in: step.partition)
            columns += step.touched.map { stretch(of: key, rows: $0, bytes: 6) }
            if !step.added.isEmpty {
                columns.append(stretch(of: Keyspace.customerIDs(in: step.partition), rows: step.added, bytes: 16))
            }
        }
        var replies = try await answers(to: columns, atATime: 64).makeIterator()
        var updates: [CustomerTable.Update] = []
        var records: [(step: Int, rows: [Int], ids: [UniqueID])] = []
        for (index, step) in steps.enumerated() {
            var update = step.update
            for rows in step.touched {
                update.times.append((rows.lowerBound, replies.next()?.bytes ?? []))
            }
            if !step.added.isEmpty {
                update.ids = UniqueID.list(replies.next()?.bytes ?? [])
                // A server that was replaced at this moment has fewer.
                guard update.ids.count == step.added.count else { throw .unexpectedReply(to: Keyspace.layout) }
            }
            updates.append(update)
            let rows = step.edited + step.added
            let ids = step.edited.map { tables[step.partition.number].ids[$0] } + update.ids
            for start in stride(from: 0, to: rows.count, by: Self.recordsPerScript) {
                let end = min(start + Self.recordsPerScript, rows.count)
                records.append((index, Array(rows[start..<end]), Array(ids[start..<end])))
            }
        }
        try await read(records, of: steps, into: &updates)
        for (step, update) in zip(steps, updates) { tables[step.partition.number].apply(update) }
    }

    private func read(
        _ records: [(step: Int, rows: [Int], ids: [UniqueID])],
        of steps: [Step],
        into updates: inout [CustomerTable.Update]
    ) async throws(MessagingError) {
        var start = 0
        while start < records.count {
            // Together no more than a few scripts' worth, as other requests' commands wait behind them.
            var end = start
            var count = 0
            while end < records.count, count < 4 * Self.recordsPerScript {
                count += records[end].rows.count
                end += 1
            }
            let group = records[start..<end]
            let commands = group.map { record in
                let prefix = Keyspace.prefix(steps[record.step].partition)
                var command = RedisCommand(evaluating: Scripts.readCustomers, keys: [prefix])
                for id in record.ids { command.append(id.description) }
                return command
            }
            for (record, reply) in zip(group, try await redis.answers(to: commands)) {
                let profiles = ListedProfile.list(reply.bytes ?? [])
                guard profiles.count == record.rows.count else {
                    throw .unexpectedReply(to: Scripts.readCustomers.name)
                }
                for (row, profile) in zip(record.rows, profiles) {
                    if row < steps[record.step].added.lowerBound {
                        updates[record.step].edits.append((row, profile))
                    } else {
                        updates[record.step].profiles.append(profile)
                    }
                }
            }
            start = end
        }
    }

    private func stretch(of key: String, rows: Range<Int>, bytes: Int) -> RedisCommand {
        RedisCommand("GETRANGE", key, String(rows.lowerBound * bytes), String(rows.upperBound * bytes - 1))
    }

    private func answers(to commands: [RedisCommand], atATime count: Int) async throws(MessagingError) -> [RedisReply] {
        var replies: [RedisReply] = []
        for start in stride(from: 0, to: commands.count, by: count) {
            replies += try await redis.answers(to: Array(commands[start..<min(start + count, commands.count)]))
        }
        return replies
    }
}

/// The answer of `customer_changes.lua`.
private struct ListChanges {
    let server: String
    let rows: Int
    /// How many customers have no row yet.
    let unindexed: Int
    let touches: [UInt8]
    let lastEdit: String
    /// Whether ``edited`` is all; if not, the copy is to be read anew.
    let isComplete: Bool
    let edited: [Int]

    init?(_ reply: RedisReply) {
        guard let words = reply.array, words.count >= 6, let server = words[0].string, let rows = words[1].int,
            let unindexed = words[2].int, let touches = words[3].bytes, let lastEdit = words[4].string,
            touches.count >= (rows + CustomerIndex.markedRows - 1) / CustomerIndex.markedRows * CustomerIndex.markBytes
        else { return nil }
        self.server = server
        self.rows = rows
        self.unindexed = unindexed
        self.touches = touches
        self.lastEdit = lastEdit
        isComplete = words[5].int == 1
        edited = words.dropFirst(6).compactMap(\.int)
    }
}
