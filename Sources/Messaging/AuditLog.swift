package import Hiredis

/// Who did what: streams in Redis to which entries are only added, and from which the oldest are dropped.
///
/// An act that a script does writes its entry in the same step, in its partition, so there is no act without an entry and no
/// entry without an act. What is no script's (``append(_:)``) is written before the act where that only reads, and after it
/// otherwise: a crash between the two loses the entry.
///
/// What strangers can cause as often as they like, refusals, is in a stream of its own: a flood of these drops nothing else.
package struct AuditLog: Sendable {
    private let redis: RedisClient
    /// How long an entry is kept and shown.
    private let retention: Duration

    /// How many entries a stream holds, roughly; as in `audit_entry.lua`. There are ``Partition/count`` of them and one of
    /// refusals.
    package static let maxEntries = 100_000
    /// How many entries a page looks at, whether they match or not.
    private static let maxScanned = 20_000
    /// How many entries one script drops.
    private static let trimmedAtOnce = 500

    package init(redis: RedisClient, retention: Duration) {
        self.redis = redis
        self.retention = retention
    }

    /// Adds an entry for what no script does.
    ///
    /// - Throws: ``MessagingError`` `.storeUnavailable`.
    package func append(_ record: AuditRecord) async throws(MessagingError) {
        let isRefusal = record.act == .agentLoginRefused || record.act == .proofRefused
        let key = isRefusal ? Keyspace.auditOfRefusals : Keyspace.audit(in: record.subject?.id.partition ?? .ofAgents)
        var command = RedisCommand("XADD", key, "MAXLEN", "~", String(Self.maxEntries), "*", "r", record.text)
        command.mustBeReplicated = !isRefusal
        _ = try await redis.answer(to: command)
    }

    /// Drops what is older than it is kept.
    ///
    /// - Throws: ``MessagingError`` `.storeUnavailable`; the rest is dropped the next time.
    package func trim() async throws(MessagingError) {
        for key in Partition.all.map(Keyspace.audit) + [Keyspace.auditOfRefusals] {
            var dropped = Self.trimmedAtOnce
            while dropped == Self.trimmedAtOnce {
                var command = RedisCommand(evaluating: Scripts.trimAudit, keys: [key])
                command.append(oldest.milliseconds)
                command.append(Self.trimmedAtOnce)
                dropped = try await redis.answer(to: command).int ?? 0
            }
        }
    }

    private var oldest: Timestamp { Timestamp(milliseconds: Timestamp.now.milliseconds - retention.milliseconds) }

    /// What to show; `nil` shows all.
    package struct Filter: Sendable {
        /// An agent's or customer's id.
        package var author: UniqueID?
        /// Of whom or what.
        package var subject: UniqueID?
        /// An act, or the part of it before the dot.
        package var act: String?
        package var from: Timestamp?
        /// Entries of this moment are not shown.
        package var to: Timestamp?

        package init() {}

        fileprivate func matches(_ record: AuditRecord) -> Bool {
            (author == nil || record.author.id == author) && (subject == nil || record.subject?.id == subject)
                && (act == nil || record.act.rawValue == act || record.act.rawValue.hasPrefix("\(act!)."))
        }
    }

    /// Some entries, the newest first.
    ///
    /// - Parameters:
    ///   - position: Shows what is older than this entry.
    ///   - size: How many at most.
    /// - Returns: The entries, and after which one to go on; `nil` at the end. A filter that few match may give a page with
    ///   fewer entries than `size`, or none, and a place to go on.
    /// - Throws: ``MessagingError`` `.storeUnavailable`.
    package func entries(
        matching filter: Filter,
        after position: AuditPosition?,
        size: Int
    ) async throws(MessagingError) -> (entries: [AuditEntry], next: AuditPosition?) {
        let from = max(oldest, filter.from ?? oldest)
        var streams = Self.streams(for: filter).map { number in
            Stream(number: number, end: AuditPosition.end(of: number, after: position, before: filter.to))
        }
        var entries: [AuditEntry] = []
        var scanned = 0
        while true {
            try await refill(&streams, from: from)
            var newest: Int?
            for (index, stream) in streams.enumerated() {
                guard let next = stream.entries.last else { continue }
                if newest.map({ streams[$0].entries.last!.position < next.position }) ?? true { newest = index }
            }
            guard let newest, let entry = streams[newest].entries.popLast() else { return (entries, nil) }
            scanned += 1
            if let record = entry.record, filter.matches(record) {
                entries.append(AuditEntry(position: entry.position, record: record))
            }
            if entries.count == size || scanned == Self.maxScanned { return (entries, entry.position) }
        }
    }

    /// All that an id may have are its partition's, and the refusals.
    private static func streams(for filter: Filter) -> [Int] {
        let partitions = filter.subject.map { [$0.partition] } ?? Array(Partition.all)
        return partitions.map(\.number) + [Partition.count]
    }

    /// Entries of one stream that were read and not looked at yet.
    private struct Stream {
        let number: Int
        /// What is to be read ends here, this one included; `nil`: nothing is left.
        var end: AuditPosition?
        /// Ascending: the newest is the last.
        var entries: [(position: AuditPosition, record: AuditRecord?)] = []

        var key: String {
            number < Partition.count ? Keyspace.audit(in: Partition(number)) : Keyspace.auditOfRefusals
        }
    }

    private func refill(_ streams: inout [Stream], from: Timestamp) async throws(MessagingError) {
        let empty = streams.indices.filter { streams[$0].entries.isEmpty && streams[$0].end != nil }
        if empty.isEmpty { return }
        // Of many streams each has few of a page's entries.
        let count = empty.count > 8 ? 16 : 128
        let replies = try await redis.answers(
            to: empty.map {
                let end = streams[$0].end!
                return RedisCommand(
                    "XREVRANGE",
                    streams[$0].key,
                    end.id,
                    String(from.milliseconds),
                    "COUNT",
                    String(count)
                )
            }
        )
        for (index, reply) in zip(empty, replies) {
            let rows = reply.array ?? []
            streams[index].entries = rows.reversed().compactMap { row in
                guard let id = row.array?.first?.string,
                    let position = AuditPosition(id: id, stream: streams[index].number)
                else { return nil }
                return (position, (row.array?.last?.array?.last?.bytes).flatMap { AuditRecord(text: $0) })
            }
            streams[index].end = rows.count < count ? nil : streams[index].entries.first?.position.previous
        }
    }
}

/// Something that was done, and when.
package struct AuditEntry: Sendable {
    package let position: AuditPosition
    package let record: AuditRecord

    package var at: Timestamp { Timestamp(milliseconds: position.milliseconds) }
}
