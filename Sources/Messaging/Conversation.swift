package import Hiredis

/// A thread between one customer and whoever answers.
package struct Conversation: Sendable, Equatable {
    /// `waiting` → (an agent answers or claims) `assigned` → (release) `waiting` → (resolve) `resolved` → (the customer
    /// writes again) `waiting`.
    package enum State: String, Sendable, CaseIterable {
        /// Nobody answers yet: shown to every connected agent.
        case waiting
        /// One agent answers.
        case assigned
        /// Done; the customer's next message opens it again.
        case resolved
    }

    package let id: UniqueID
    package let customer: UniqueID
    package let channel: CustomerChannel
    package let state: State
    /// Who answers, or, of a resolved conversation, who answered.
    package let assignee: UniqueID?
    /// Grows with each change of state or assignee.
    package let fence: Int
    /// The last message's; 0 before the first.
    package let seq: Int
    /// Grows when Redis came back as another process and may have lost a tail of the log.
    package let generation: Int
    package let createdAt: Timestamp
    package let lastMessageAt: Timestamp
    /// What the client that began it called it.
    package let alias: String?
    /// Messages of the customer after the read cursor of the agent who asks; `nil` if none does.
    package let unread: Int?

    /// Reads the reply of `HGETALL`; `nil` when there is no such conversation.
    ///
    /// - Parameter seen: How many of the customer's messages the agent who asks has read.
    init?(id: UniqueID, reply: RedisReply, seen: Int?) {
        guard let pairs = reply.array, !pairs.isEmpty else { return nil }
        var fields: [String: RedisReply] = [:]
        for index in stride(from: 0, to: pairs.count - 1, by: 2) {
            fields[pairs[index].string ?? ""] = pairs[index + 1]
        }
        guard let customer = fields["customer"]?.string.flatMap({ UniqueID($0) }),
            let channel = fields["channel"]?.string.flatMap(CustomerChannel.init),
            let state = fields["state"]?.string.flatMap(State.init), let createdAt = fields["createdAt"]?.int
        else { return nil }
        self.id = id
        self.customer = customer
        self.channel = channel
        self.state = state
        assignee = fields["assignee"]?.string.flatMap { UniqueID($0) }
        fence = fields["fence"]?.int ?? 0
        seq = fields["seq"]?.int ?? 0
        generation = fields["generation"]?.int ?? 1
        self.createdAt = Timestamp(milliseconds: createdAt)
        lastMessageAt = Timestamp(milliseconds: fields["lastMessageAt"]?.int ?? createdAt)
        let customerMessages = fields["customerMessages"]?.int ?? 0
        unread = seen.map { max(0, customerMessages - $0) }
        alias = fields["alias"]?.string.flatMap { $0.isEmpty ? nil : $0 }
    }
}

/// Which conversations a listing shows; what is empty or `nil` does not narrow it.
package struct ConversationFilter: Sendable {
    package var states: Set<Conversation.State>
    package var assignee: UniqueID?
    package var customer: UniqueID?
    package var channel: CustomerChannel?

    package init(
        states: Set<Conversation.State> = [],
        assignee: UniqueID? = nil,
        customer: UniqueID? = nil,
        channel: CustomerChannel? = nil
    ) {
        self.states = states
        self.assignee = assignee
        self.customer = customer
        self.channel = channel
    }
}

/// A stretch of a conversation's log, ascending by seq, and where the conversation stands.
package struct LogPage: Sendable {
    package let customer: UniqueID
    package let state: Conversation.State
    package let assignee: UniqueID?
    package let generation: Int
    /// The last message that the generation of the reader's position and the present one have in common.
    package let survived: Int
    /// The last message's, whether or not it is in this page.
    package let lastSeq: Int
    /// What the reading began after (or, going backwards, before).
    package let base: Int
    /// Whether the log goes on in the direction of reading.
    package let hasMore: Bool
    package let messages: [Message]

    package init?(reply: RedisReply, conversation: UniqueID) {
        guard let parts = reply.array, parts.count == 10, let customer = parts[0].string.flatMap({ UniqueID($0) }),
            let channel = parts[1].string.flatMap(CustomerChannel.init),
            let state = parts[2].string.flatMap(Conversation.State.init), let generation = parts[4].int,
            let survived = parts[5].int, let lastSeq = parts[6].int, let base = parts[7].int, let more = parts[8].int,
            let page = parts[9].array
        else { return nil }
        self.customer = customer
        self.state = state
        assignee = parts[3].string.flatMap { UniqueID($0) }
        self.generation = generation
        self.survived = survived
        self.lastSeq = lastSeq
        self.base = base
        hasMore = more == 1
        var messages: [Message] = []
        messages.reserveCapacity(page.count / 2)
        for index in stride(from: 0, to: page.count - 1, by: 2) {
            guard let seq = page[index].int, let record = page[index + 1].bytes,
                let message = Message(
                    record: .init(bytes: record),
                    conversation: conversation,
                    seq: seq,
                    generation: generation,
                    channel: channel
                )
            else { return nil }
            messages.append(message)
        }
        self.messages = messages
    }
}

/// Where a conversation stands for somebody who just connected.
package struct ConversationPosition: Sendable, Equatable {
    package let conversation: UniqueID
    package let state: Conversation.State
    package let assignee: UniqueID?
    package let generation: Int
    package let lastSeq: Int
    /// The last message that need not be shown to them any more.
    package let base: Int
    /// Messages of the other side that they have not read.
    package let unread: Int

    init?(_ row: RedisReply) {
        guard let parts = row.array, parts.count == 7, let conversation = parts[0].string.flatMap({ UniqueID($0) }),
            let state = parts[1].string.flatMap(Conversation.State.init), let generation = parts[3].int,
            let lastSeq = parts[4].int, let base = parts[5].int, let unread = parts[6].int
        else { return nil }
        self.conversation = conversation
        self.state = state
        assignee = parts[2].string.flatMap { UniqueID($0) }
        self.generation = generation
        self.lastSeq = lastSeq
        self.base = base
        self.unread = unread
    }
}
