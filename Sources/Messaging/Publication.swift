package import NIOCore

/// One item that a script published into a mailbox, as its reader sees it.
package enum Publication: Sendable, Equatable {
    case message(MessagePublication)
    case assignment(AssignmentPublication)
    case typing(SignalPublication, isTyping: Bool)
    /// `signal.from` acknowledged, and read, up to these seqs.
    case receipt(SignalPublication, delivered: Int, read: Int)
    /// A customer or agent came online or went; for one `target` on the other side.
    case presence(of: UniqueID, isAgent: Bool, isOnline: Bool, target: UniqueID)
    /// An agent made a note; for all agents.
    case note(Note)
    /// The mailbox's count is what it should be by now.
    case tick(number: Int)
    /// A token of this principal ended before its time, or with ``allTokens`` as its hash all of them.
    case revocation(principal: UniqueID, tokenHash: String)

    /// An agent has another role or name than before.
    case change(agent: UniqueID, role: AgentRole, name: String)

    package static let allTokens = "*"

    /// Reads `KIND COUNT REST`, or `b COUNT LENGTH LENGTH …`, a line feed and several messages: what the scripts publish into
    /// ``Keyspace``'s `{p}:to:MAILBOX`.
    ///
    /// - Parameter each: called for each publication of a kind that this program knows.
    /// - Returns: The mailbox's count; `nil` if it could not be read, or a bundle not to its end.
    package static func read(_ payload: ByteBuffer, _ each: (Publication) -> Void) -> Int? {
        var words = WordReader(payload)
        guard let kind = words.nextWord({ $0.first }), let count = words.nextInt() else { return nil }
        if kind == UInt8(ascii: "b") { return readBundle(&words, each) ? count : nil }
        if let publication = Publication(kind: kind, &words) { each(publication) }
        return count
    }

    private static func readBundle(_ words: inout WordReader, _ each: (Publication) -> Void) -> Bool {
        var lengths: [Int] = []
        while let length = words.nextInt() { lengths.append(length) }
        guard !lengths.isEmpty, var items = words.rest(afterLineFeed: true) else { return false }
        for length in lengths {
            guard length > 0, let item = items.readSlice(length: length) else { return false }
            var words = WordReader(item)
            guard let message = MessagePublication(&words) else { return false }
            each(.message(message))
        }
        return items.readableBytes == 0
    }

    private init?(kind: UInt8, _ words: inout WordReader) {
        switch kind {
        case UInt8(ascii: "k"): self = .tick(number: words.nextInt() ?? 0)
        case UInt8(ascii: "m"):
            guard let message = MessagePublication(&words) else { return nil }
            self = .message(message)
        case UInt8(ascii: "a"):
            guard let assignment = AssignmentPublication(&words) else { return nil }
            self = .assignment(assignment)
        case UInt8(ascii: "t"):
            guard let signal = SignalPublication(&words), let typing = words.nextInt() else { return nil }
            self = .typing(signal, isTyping: typing == 1)
        case UInt8(ascii: "r"):
            guard let signal = SignalPublication(&words), let delivered = words.nextInt(), let read = words.nextInt()
            else { return nil }
            self = .receipt(signal, delivered: delivered, read: read)
        case UInt8(ascii: "p"):
            guard let side = words.next(), let id = words.nextID(), let online = words.nextInt(),
                let target = words.nextID()
            else { return nil }
            self = .presence(of: id, isAgent: side == ByteBuffer(string: "a"), isOnline: online == 1, target: target)
        case UInt8(ascii: "n"):
            guard let conversation = words.nextID(), let record = words.rest(afterLineFeed: true),
                let note = Note(record: record, conversation: conversation)
            else { return nil }
            self = .note(note)
        case UInt8(ascii: "x"):
            guard let principal = words.nextID(), let hash = words.next() else { return nil }
            self = .revocation(principal: principal, tokenHash: String(buffer: hash))
        case UInt8(ascii: "c"):
            guard let agent = words.nextID(), let role = words.nextText().flatMap(AgentRole.init),
                let name = words.rest(afterLineFeed: true)
            else { return nil }
            self = .change(agent: agent, role: role, name: String(buffer: name))
        default: return nil
        }
    }
}

/// Which agents a publication is for.
package enum AgentTarget: Sendable, Equatable {
    /// Every connected agent: nobody answers the conversation yet.
    case all
    case one(UniqueID)
    case none

    fileprivate static func read(_ words: inout WordReader) -> AgentTarget? {
        words.nextWord { word in
            switch (word.count, word.first) {
            case (1, UInt8(ascii: "*")): AgentTarget.all
            case (1, UInt8(ascii: "-")): AgentTarget.none
            default: UniqueID(utf8: word).map { .one($0) }
            }
        }
    }
}

/// `CUSTOMER CONVERSATION CHANNEL TARGET GENERATION SEQ BEFORE`, a line feed, the record.
package struct MessagePublication: Sendable, Equatable {
    package let customer: UniqueID
    package let target: AgentTarget
    /// Where `target` is all agents: the last message that they need not be shown.
    package let before: Int
    package let message: Message

    fileprivate init?(_ words: inout WordReader) {
        guard let customer = words.nextID(), let conversation = words.nextID(), let channel = words.nextText(),
            let channel = CustomerChannel(rawValue: channel), let target = AgentTarget.read(&words),
            let generation = words.nextInt(), let seq = words.nextInt(), let before = words.nextInt(),
            let record = words.rest(afterLineFeed: true),
            let message = Message(
                record: record,
                conversation: conversation,
                seq: seq,
                generation: generation,
                channel: channel
            )
        else { return nil }
        self.customer = customer
        self.target = target
        self.before = before
        self.message = message
    }
}

/// `CUSTOMER CONVERSATION CHANNEL STATE ASSIGNEE FENCE SEQ ANSWERED`, a line feed, the assignee's name as JSON or nothing.
package struct AssignmentPublication: Sendable, Equatable {
    package let customer: UniqueID
    package let conversation: UniqueID
    package let channel: CustomerChannel
    package let state: Conversation.State
    package let assignee: UniqueID?
    package let fence: Int
    package let lastSeq: Int
    /// The last message that agents need not be shown while the conversation waits.
    package let answered: Int
    /// A JSON string literal, or empty.
    package let assigneeName: ByteBuffer

    fileprivate init?(_ words: inout WordReader) {
        guard let customer = words.nextID(), let conversation = words.nextID(), let channel = words.nextText(),
            let channel = CustomerChannel(rawValue: channel), let state = words.nextText(),
            let state = Conversation.State(rawValue: state), let assignee = AgentTarget.read(&words),
            let numbers = words.nextInts(3), let name = words.rest(afterLineFeed: true)
        else { return nil }
        self.customer = customer
        self.conversation = conversation
        self.channel = channel
        self.state = state
        if case .one(let id) = assignee { self.assignee = id } else { self.assignee = nil }
        fence = numbers[0]
        lastSeq = numbers[1]
        answered = numbers[2]
        assigneeName = name
    }
}

/// `CUSTOMER CONVERSATION TARGET SIDE FROM …`: what both sides of a conversation tell each other without storing it.
package struct SignalPublication: Sendable, Equatable {
    package let customer: UniqueID
    package let conversation: UniqueID
    /// Agents that are to see it; the customer sees what comes from an agent.
    package let target: AgentTarget
    package let isFromAgent: Bool
    package let from: UniqueID

    fileprivate init?(_ words: inout WordReader) {
        guard let customer = words.nextID(), let conversation = words.nextID(), let target = AgentTarget.read(&words),
            let side = words.next(), let from = words.nextID()
        else { return nil }
        self.customer = customer
        self.conversation = conversation
        self.target = target
        isFromAgent = side == ByteBuffer(string: "a")
        self.from = from
    }
}
