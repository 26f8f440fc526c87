import Hiredis

/// Which conversations a listing shows; what is empty or `nil` does not narrow it.
package struct ConversationFilter: Sendable {
    package var states: Set<Conversation.State>
    package var assignee: UniqueID?
    package var customer: UniqueID?
    package var channel: CustomerChannel?
    /// Contained in the customer's name, both folded (``Swift/String/foldedForSearch``), or, of 8 characters or more, how the
    /// conversation's or the customer's id begins.
    package var text: String?

    package init(
        states: Set<Conversation.State> = [],
        assignee: UniqueID? = nil,
        customer: UniqueID? = nil,
        channel: CustomerChannel? = nil,
        text: String? = nil
    ) {
        self.states = states
        self.assignee = assignee
        self.customer = customer
        self.channel = channel
        self.text = text
    }

    var isEmpty: Bool { states.isEmpty && assignee == nil && customer == nil && channel == nil && text == nil }
}

/// How a listing of conversations is sorted.
package enum ConversationOrder: String, CaseIterable, Sendable {
    /// By the last message, newest first; same millisecond: by id, descending.
    case newest
    /// Those that wait, longest first. Only for the state `waiting`.
    case waiting
}

/// Finds the conversations of a page, over all partitions.
struct ConversationListing {
    let redis: RedisClient

    /// How many conversations one script call looks at: about a millisecond of Redis's time.
    private static let scanned = 500

    /// - Parameters:
    ///   - offset: how many come before the page.
    ///   - count: how many the page has.
    /// - Complexity: Without a filter as ``MergedSets``: independent of how many there are. With one it looks at every
    ///   conversation of the narrowest index that the filter names (waiting, one agent's, one customer's, else all), 500
    ///   to a command, the 64 partitions side by side.
    func ids(
        matching filter: ConversationFilter,
        by order: ConversationOrder,
        from offset: Int,
        count: Int
    ) async throws(MessagingError) -> (ids: [UniqueID], total: Int) {
        if filter.isEmpty {
            let all = MergedSets(redis: redis, key: { Keyspace.conversations(in: $0) })
            let total = try await all.count()
            return (offset < total ? try await all.rows(from: offset, count: count).map(\.id) : [], total)
        }
        var (found, total) = try await matches(of: filter, by: order, needed: offset + count)
        switch order {
        case .newest: found.sort(by: >)
        case .waiting: found.sort(by: <)
        }
        return (found.dropFirst(offset).prefix(count).map(\.id), total)
    }

    /// - Parameter needed: how many of them, in this order, are wanted at most.
    /// - Returns: These and maybe more, in no order, and how many match.
    private func matches(
        of filter: ConversationFilter,
        by order: ConversationOrder,
        needed: Int
    ) async throws(MessagingError) -> (rows: [RankedID], total: Int) {
        let partitions = filter.customer.map { [$0.partition] } ?? Partition.all
        let set =
            if let customer = filter.customer {
                "customer-conversations:\(customer)"
            } else if filter.states == [.waiting] {
                "waiting"
            } else if let assignee = filter.assignee, filter.states == [.assigned] {
                "assigned:\(assignee)"
            } else {
                "conversations"
            }
        // Only the index of all has the order of the last messages.
        let most = set == "conversations" ? needed : Self.scanned
        var found: [RankedID] = []
        var total = 0
        var unfinished = partitions
        var rank = 0
        while !unfinished.isEmpty {
            let replies = try await redis.answers(
                to: unfinished.map { scan(set, of: $0, from: rank, for: filter, most) }
            )
            var more: [Partition] = []
            for (partition, reply) in zip(unfinished, replies) {
                guard let words = reply.array, words.count >= 2, let looked = words[0].int, let matching = words[1].int
                else { throw .unexpectedReply(to: Scripts.listConversations.name) }
                total += matching
                for index in stride(from: 2, to: words.count - 2, by: 3) {
                    let score = order == .waiting ? words[index + 2] : words[index + 1]
                    guard let id = words[index].string.flatMap({ UniqueID($0) }), let score = score.int else {
                        throw .unexpectedReply(to: Scripts.listConversations.name)
                    }
                    found.append(RankedID(id: id, score: score))
                }
                if looked == Self.scanned { more.append(partition) }
            }
            unfinished = more
            rank += Self.scanned
        }
        return (found, total)
    }

    private func scan(
        _ set: String,
        of partition: Partition,
        from rank: Int,
        for filter: ConversationFilter,
        _ most: Int
    ) -> RedisCommand {
        var command = RedisCommand(evaluating: Scripts.listConversations, keys: [Keyspace.prefix(partition)])
        command.append(set)
        command.append(rank)
        command.append(Self.scanned)
        command.append(
            filter.states.isEmpty ? "" : ",\(filter.states.map(\.rawValue).joined(separator: ",")),"
        )
        command.append(filter.assignee?.description ?? "")
        command.append(filter.channel?.rawValue ?? "")
        command.append(filter.text?.foldedForSearch ?? "")
        command.append(most)
        return command
    }
}
