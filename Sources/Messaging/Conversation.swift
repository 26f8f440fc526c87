package import Hiredis
package import NIOCore

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
    /// The customer's; empty if there is no such customer any more.
    package let customerName: String
    /// Whether the customer is connected.
    package let isOnline: Bool
    /// What was said last; `nil` while nothing was.
    package let lastMessage: MessagePreview?
    /// Since when somebody waits: for an agent, if the state is `waiting`; for an answer, if the last message of an assigned
    /// conversation is the customer's.
    package let waitingSince: Timestamp?
    /// The assignee's, as ``ConversationStore`` looks it up.
    package var assigneeName: String?

    /// Whether the last message is not the customer's.
    package var isAnswered: Bool { lastMessage?.senderKind != .customer }

    /// Reads a row of `describe_conversations.lua`; `nil` when there is no such conversation.
    ///
    /// - Parameter isCounted: whether an agent asks, whose unread messages the row counts.
    init?(id: UniqueID, row: RedisReply, isCounted: Bool) {
        guard let parts = row.array, parts.count == 9, let fields = RecordFields(parts[0].array ?? []),
            let customer = fields["customer"].flatMap({ UniqueID($0) }),
            let channel = fields["channel"].flatMap(CustomerChannel.init),
            let state = fields["state"].flatMap(State.init), let createdAt = fields.timestamp("createdAt")
        else { return nil }
        func number(_ field: String) -> Int? { fields[field].flatMap { Int($0) } }
        self.id = id
        self.customer = customer
        self.channel = channel
        self.state = state
        assignee = fields["assignee"].flatMap { UniqueID($0) }
        fence = number("fence") ?? 0
        seq = number("seq") ?? 0
        generation = number("generation") ?? 1
        self.createdAt = createdAt
        lastMessageAt = fields.timestamp("lastMessageAt") ?? createdAt
        alias = fields["alias"].flatMap { $0.isEmpty ? nil : $0 }
        unread = isCounted ? max(0, (number("customerMessages") ?? 0) &- (parts[1].int ?? 0)) : nil
        customerName = parts[2].string ?? ""
        isOnline = parts[3].int == 1
        waitingSince = parts[4].int.map { Timestamp(milliseconds: $0) }
        lastMessage = MessagePreview(parts[5...])
    }
}

/// The beginning of a message, as a list shows it.
package struct MessagePreview: Sendable, Equatable {
    package let senderKind: Message.SenderKind
    /// At most ``maxCharacters``.
    package let content: String
    package let at: Timestamp
    /// How many attachments its metadata names.
    package let attachments: Int

    /// Unicode scalars.
    package static let maxCharacters = 200
    /// What so many characters take at most, as JSON: two escapes of six bytes for one.
    static let maxContentBytes = 12 * maxCharacters + 2

    /// Reads kind, ms, content and metadata; `nil` for empty ones.
    init?(_ parts: ArraySlice<RedisReply>) {
        let parts = Array(parts)
        guard parts.count == 4, let kind = parts[0].bytes?.first.flatMap(Message.SenderKind.init), let at = parts[1].int
        else { return nil }
        senderKind = kind
        content = JSONText.beginning(ofLiteral: parts[2].bytes ?? [], maxCharacters: Self.maxCharacters)
        self.at = Timestamp(milliseconds: at)
        attachments = AttachmentReference.count(inMetadata: parts[3].bytes ?? [])
    }
}

/// A stretch of a conversation's log, ascending by seq, and where the conversation stands.
package struct LogPage: Sendable {
    package let customer: UniqueID
    package let state: Conversation.State
    package let assignee: UniqueID?
    package let generation: Int
    /// The last message that the generation of the reader's position and the present one have in common; only about so
    /// if the log does not know that generation.
    package let survived: Int
    package let knowsGeneration: Bool
    /// The last message's, whether or not it is in this page.
    package let lastSeq: Int
    /// What the reading began after (or, going backwards, before).
    package let base: Int
    /// Whether the log goes on in the direction of reading.
    package let hasMore: Bool
    package let messages: [Message]

    package init?(reply: RedisReply, conversation: UniqueID) {
        guard let parts = reply.array, parts.count == 11, let customer = parts[0].string.flatMap({ UniqueID($0) }),
            let channel = parts[1].string.flatMap(CustomerChannel.init),
            let state = parts[2].string.flatMap(Conversation.State.init), let generation = parts[4].int,
            let survived = parts[5].int, let lastSeq = parts[6].int, let base = parts[7].int, let more = parts[8].int,
            let page = parts[9].array, let known = parts[10].int
        else { return nil }
        self.customer = customer
        self.state = state
        knowsGeneration = known == 1
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
    /// Where they were asked for.
    package let details: Details?

    /// Who is on the other side, and up to which seqs they got and read the messages.
    package struct Details: Sendable, Equatable {
        package let other: Other
        package let delivered: Int
        package let read: Int
    }

    package enum Other: Sendable, Equatable {
        case customer(UniqueID, channel: CustomerChannel, name: String, isOnline: Bool)
        /// `name`: the assignee's, a JSON string literal, or empty.
        case assignee(name: ByteBuffer, isOnline: Bool)
    }

    init?(_ row: RedisReply) {
        guard let parts = row.array, parts.count >= 7, let conversation = parts[0].string.flatMap({ UniqueID($0) }),
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
        details = Details(parts[7...])
    }
}

extension ConversationPosition.Details {
    /// Reads what `register_customer.lua` (four words) or `register_agent.lua` (six) adds to a row.
    fileprivate init?(_ parts: ArraySlice<RedisReply>) {
        let parts = Array(parts)
        switch parts.count {
        case 4:
            other = .assignee(name: ByteBuffer(bytes: parts[0].bytes ?? []), isOnline: parts[1].int == 1)
            delivered = parts[2].int ?? 0
            read = parts[3].int ?? 0
        case 6:
            guard let id = parts[0].string.flatMap({ UniqueID($0) }),
                let channel = parts[1].string.flatMap(CustomerChannel.init)
            else { return nil }
            other = .customer(id, channel: channel, name: parts[2].string ?? "", isOnline: parts[3].int == 1)
            delivered = parts[4].int ?? 0
            read = parts[5].int ?? 0
        default: return nil
        }
    }
}
