package import Hiredis

/// Conversations for those who look at them from outside: listing, reading, claiming.
///
/// What happens to every message is ``MessageLog``, on an event loop.
package struct ConversationStore: Sendable {
    let redis: RedisClient

    /// How many conversations one script call looks at: about a millisecond of Redis's time.
    private static let scanned = 500
    /// A page of messages ends early when it has this many bytes.
    private static let maxPageBytes = 1024 * 1024

    package init(redis: RedisClient) { self.redis = redis }

    /// - Parameter agent: who asks: whose unread messages are counted.
    /// - Throws: ``MessagingError`` `.notFound`, `.storeUnavailable`.
    /// - Complexity: Two round trips.
    package func conversation(
        _ id: UniqueID,
        for agent: UniqueID? = nil
    ) async throws(MessagingError) -> Conversation {
        guard let conversation = try await records(of: [id], for: agent).first else { throw .noConversation(id) }
        return conversation
    }

    /// Those of `ids` that exist, in that order.
    private func records(
        of ids: some Collection<UniqueID>,
        for agent: UniqueID?
    ) async throws(MessagingError) -> [Conversation] {
        let hashes = try await redis.answers(to: ids.map { RedisCommand("HGETALL", Keyspace.conversation($0)) })
        var seen: [Int?] = Array(repeating: nil, count: ids.count)
        if let agent {
            let commands = ids.map { RedisCommand("HGET", Keyspace.cursors($0), "seen:\(agent)") }
            seen = try await redis.answers(to: commands).map { $0.int ?? 0 }
        }
        var records: [Conversation] = []
        for (index, id) in ids.enumerated() {
            if let record = Conversation(id: id, reply: hashes[index], seen: seen[index]) { records.append(record) }
        }
        return records
    }

    /// The newest conversations first (by last message; same millisecond: by id), one page of them.
    ///
    /// - Parameters:
    ///   - agent: who asks: whose unread messages are counted.
    ///   - page: from 0.
    ///   - size: 1 to ``Page/maxSize``.
    /// - Throws: ``MessagingError`` `.storeUnavailable`.
    /// - Complexity: Looks at every conversation of the narrowest index that the filter names (waiting, one agent's, one
    ///   customer's, else all), 500 to a command, the 64 partitions side by side.
    package func conversations(
        matching filter: ConversationFilter,
        for agent: UniqueID? = nil,
        page: Int,
        size: Int
    ) async throws(MessagingError) -> Page<Conversation> {
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
        var found: [(id: UniqueID, at: Int)] = []
        var unfinished = partitions
        var rank = 0
        while !unfinished.isEmpty {
            let replies = await redis.send(unfinished.map { scan(set, of: $0, from: rank, for: filter) })
            var more: [Partition] = []
            for (partition, result) in zip(unfinished, replies) {
                guard let reply = try result.orThrow().array, let looked = reply.first?.int else {
                    throw .unexpectedReply(to: Scripts.listConversations.name)
                }
                for index in stride(from: 1, to: reply.count - 1, by: 2) {
                    guard let id = reply[index].string.flatMap({ UniqueID($0) }), let at = reply[index + 1].int else {
                        throw .unexpectedReply(to: Scripts.listConversations.name)
                    }
                    found.append((id, at))
                }
                if looked == Self.scanned { more.append(partition) }
            }
            unfinished = more
            rank += Self.scanned
        }
        found.sort { $0.at != $1.at ? $0.at > $1.at : ($0.id.high, $0.id.low) < ($1.id.high, $1.id.low) }
        let shown = page <= found.count / size ? found.dropFirst(page * size).prefix(size) : []
        let content = try await records(of: shown.map(\.id), for: agent)
        return Page(content: content, totalElements: found.count, page: page, size: size)
    }

    private func scan(
        _ set: String,
        of partition: Partition,
        from rank: Int,
        for filter: ConversationFilter
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
        return command
    }

    /// Messages after or before a seq (neither: the newest), ascending.
    ///
    /// - Parameter limit: 1 to 200.
    /// - Returns: The page; `hasMore` tells whether the log goes on in the direction of reading.
    /// - Throws: ``MessagingError`` `.notFound`, `.storeUnavailable`.
    package func messages(
        of id: UniqueID,
        after: Int? = nil,
        before: Int? = nil,
        limit: Int
    ) async throws(MessagingError) -> MessagePage {
        var command = RedisCommand(evaluating: Scripts.readLog, keys: [Keyspace.prefix(id.partition)])
        command.append(id.description)
        command.append("")
        if let after {
            command.append("after")
            command.append(after)
        } else {
            command.append("before")
            command.append(before ?? Int(Int32.max))
        }
        command.append(limit)
        command.append(Self.maxPageBytes)
        command.append(Int.max)
        let reply = try await send(command)
        if reply.isNull { throw .noConversation(id) }
        guard let page = LogPage(reply: reply, conversation: id) else {
            throw .unexpectedReply(to: Scripts.readLog.name)
        }
        return MessagePage(messages: page.messages, generation: page.generation, hasMore: page.hasMore)
    }

    /// Makes `agent` the one who answers. Somebody else's conversation only an admin may take over.
    ///
    /// - Parameter name: what customers see.
    /// - Throws: ``MessagingError`` `.notFound`, `.conflict` (another agent has it), `.storeUnavailable`.
    package func claim(
        _ id: UniqueID,
        by agent: UniqueID,
        role: AgentRole,
        name: String
    ) async throws(MessagingError) -> Conversation {
        try await change(id, "claim", agent, role, name)
    }

    /// Puts an assigned conversation back among those that wait: its assignee, or an admin.
    ///
    /// - Throws: ``MessagingError`` `.notFound`, `.conflict` (nobody or another agent has it), `.storeUnavailable`.
    package func release(
        _ id: UniqueID,
        by agent: UniqueID,
        role: AgentRole,
        name: String
    ) async throws(MessagingError) -> Conversation {
        try await change(id, "release", agent, role, name)
    }

    /// Ends a conversation until the customer writes again: its assignee, an admin, or anybody while it waits.
    ///
    /// - Throws: ``MessagingError`` `.notFound`, `.conflict` (another agent has it), `.storeUnavailable`.
    package func resolve(
        _ id: UniqueID,
        by agent: UniqueID,
        role: AgentRole,
        name: String
    ) async throws(MessagingError) -> Conversation {
        try await change(id, "resolve", agent, role, name)
    }

    private func change(
        _ id: UniqueID,
        _ action: String,
        _ agent: UniqueID,
        _ role: AgentRole,
        _ name: String
    ) async throws(MessagingError) -> Conversation {
        var command = RedisCommand(evaluating: Scripts.changeAssignment, keys: [Keyspace.prefix(id.partition)])
        command.append(action)
        command.append(id.description)
        command.append(agent.description)
        command.append(role.rawValue)
        command.append(JSONText.literal(name))
        command.append(Timestamp.now.milliseconds)
        let reply = try await send(command)
        if reply.array?.first?.string == "refused", let word = reply.array?.last?.string {
            throw MessagingError(refusal: word)
        }
        return try await conversation(id, for: agent)
    }

    private func send(_ command: RedisCommand) async throws(MessagingError) -> RedisReply {
        do { return try await redis.send(command) } catch { throw MessagingError(error) }
    }
}

/// Some messages of a conversation, ascending by seq.
package struct MessagePage: Sendable {
    package let messages: [Message]
    package let generation: Int
    package let hasMore: Bool
}

extension MessagingError {
    static func noConversation(_ id: UniqueID) -> MessagingError {
        MessagingError(.notFound, "There is no conversation \(id).")
    }

    /// What a script refused, by its word.
    init(refusal word: String) {
        switch word {
        case "not_found": self.init(.notFound, "There is no such conversation.", field: "conversationId")
        case "assigned_to_other": self.init(.conflict, "Another agent answers this conversation.")
        case "conflict": self.init(.conflict, "Nobody answers this conversation, so it can't be released.")
        case "limit_reached":
            self.init(.limitReached, "This customer has as many conversations as one customer may have.")
        case "forbidden": self.init(.forbidden, "This customer does not exist any more.")
        default: self = .unexpectedReply(to: word)
        }
    }
}

extension Result where Success == RedisReply, Failure == RedisError {
    func orThrow() throws(MessagingError) -> RedisReply {
        do { return try get() } catch { throw MessagingError(error) }
    }
}
