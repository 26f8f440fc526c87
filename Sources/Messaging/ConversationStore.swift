package import Hiredis

/// Conversations for those who look at them from outside: listing, reading, claiming.
///
/// What happens to every message is ``MessageLog``, on an event loop.
package struct ConversationStore: Sendable {
    let redis: RedisClient

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

    /// One page of conversations; see ``ConversationListing``.
    ///
    /// - Parameters:
    ///   - agent: who asks: whose unread messages are counted.
    ///   - page: from 0.
    ///   - size: 1 to ``Page/maxSize``.
    /// - Throws: ``MessagingError`` `.storeUnavailable`.
    package func conversations(
        matching filter: ConversationFilter,
        by order: ConversationOrder = .newest,
        for agent: UniqueID? = nil,
        page: Int,
        size: Int
    ) async throws(MessagingError) -> Page<Conversation> {
        let (ids, total) = try await ConversationListing(redis: redis)
            .ids(matching: filter, by: order, from: page * size, count: size)
        var records = try await records(of: ids, for: agent)
        // What a page holds is found by times that may be 200 ms old; how it is sorted is exact.
        if order == .newest { records.sort { $0.rank > $1.rank } }
        return Page(content: records, totalElements: total, page: page, size: size)
    }

    /// Those of `ids` that exist, in that order.
    private func records(of ids: [UniqueID], for agent: UniqueID?) async throws(MessagingError) -> [Conversation] {
        let groups = Array(Dictionary(grouping: ids, by: \.partition))
        let replies = try await redis.answers(
            to: groups.map { partition, ids in
                let script = Scripts.describeConversations
                var command = RedisCommand(evaluating: script, keys: [Keyspace.prefix(partition)])
                command.append(agent?.description ?? "")
                command.append(MessagePreview.maxContentBytes)
                for id in ids { command.append(id.description) }
                return command
            }
        )
        var records: [UniqueID: Conversation] = [:]
        for ((_, ids), reply) in zip(groups, replies) {
            for (id, row) in zip(ids, reply.array ?? []) {
                records[id] = Conversation(id: id, row: row, isCounted: agent != nil)
            }
        }
        let names = try await AgentStore(redis: redis).names(of: Set(records.values.compactMap(\.assignee)))
        return ids.compactMap { id in
            guard var record = records[id] else { return nil }
            record.assigneeName = record.assignee.flatMap { names[$0] }
            return record
        }
    }

    /// The ids of all conversations of a customer, oldest first.
    ///
    /// - Throws: ``MessagingError`` `.storeUnavailable`.
    package func ids(ofCustomer customer: UniqueID) async throws(MessagingError) -> [UniqueID] {
        let reply = try await redis.answer(
            to: RedisCommand("ZRANGE", Keyspace.customerConversations(customer), "0", "-1")
        )
        return (reply.array ?? []).compactMap { $0.string.flatMap { UniqueID($0) } }
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
        name: String,
        author: AuditAuthor? = nil
    ) async throws(MessagingError) -> Conversation {
        try await change(id, "claim", agent, role, name, author)
    }

    /// Puts an assigned conversation back among those that wait: its assignee, or an admin.
    ///
    /// - Throws: ``MessagingError`` `.notFound`, `.conflict` (nobody or another agent has it), `.storeUnavailable`.
    package func release(
        _ id: UniqueID,
        by agent: UniqueID,
        role: AgentRole,
        name: String,
        author: AuditAuthor? = nil
    ) async throws(MessagingError) -> Conversation {
        try await change(id, "release", agent, role, name, author)
    }

    /// Ends a conversation until the customer writes again: its assignee, an admin, or anybody while it waits.
    ///
    /// - Throws: ``MessagingError`` `.notFound`, `.conflict` (another agent has it), `.storeUnavailable`.
    package func resolve(
        _ id: UniqueID,
        by agent: UniqueID,
        role: AgentRole,
        name: String,
        author: AuditAuthor? = nil
    ) async throws(MessagingError) -> Conversation {
        try await change(id, "resolve", agent, role, name, author)
    }

    /// Gives a conversation to another agent: its assignee, or an admin, who may also give away one that nobody answers.
    ///
    /// - Throws: ``MessagingError`` `.notFound` (also when there is no active agent `target`), `.conflict` (nobody or
    ///   another agent has it), `.storeUnavailable`. An agent who is deactivated at the same moment may still get it.
    package func transfer(
        _ id: UniqueID,
        to target: UniqueID,
        by agent: UniqueID,
        role: AgentRole,
        author: AuditAuthor? = nil
    ) async throws(MessagingError) -> Conversation {
        let receiver = try await AgentStore(redis: redis).agent(target)
        guard receiver.active else { throw .noAgent(target) }
        return try await change(id, "transfer", agent, role, receiver.name, author, target: target)
    }

    /// - Parameters:
    ///   - name: the assignee's from now on.
    ///   - author: the agent, for the audit log.
    private func change(
        _ id: UniqueID,
        _ action: String,
        _ agent: UniqueID,
        _ role: AgentRole,
        _ name: String,
        _ author: AuditAuthor?,
        target: UniqueID? = nil
    ) async throws(MessagingError) -> Conversation {
        var command = RedisCommand(evaluating: Scripts.changeAssignment, keys: [Keyspace.prefix(id.partition)])
        command.append(action)
        command.append(id.description)
        command.append(agent.description)
        command.append(role.rawValue)
        command.append(JSONText.literal(name))
        command.append(Timestamp.now.milliseconds)
        command.append((target ?? agent).description)
        command.append(
            author.flatMap { author in
                AuditRecord.Act(rawValue: "conversation.\(action)").map {
                    AuditRecord($0, by: author, on: .conversation(id), target.map { ["to": $0.description] } ?? [:])
                }
            }
        )
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
        case "conflict":
            self.init(.conflict, "Nobody answers this conversation, so it can't be released or handed over.")
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

extension Conversation {
    fileprivate var rank: RankedID { RankedID(id: id, score: lastMessageAt.milliseconds) }
}
