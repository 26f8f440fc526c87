import Messaging

/// A conversation as an agent sees it.
struct ConversationJSON: Encodable {
    let id: String
    let customerId: String
    let customerName: String
    let channel: String
    let state: String
    let assigneeId: String?
    let assigneeName: String?
    let fence: Int
    let lastSeq: Int
    let generation: Int
    let createdAt: String
    let lastMessageAt: String
    let lastMessage: MessagePreviewJSON?
    /// Whether the last message is not the customer's.
    let answered: Bool
    /// Since when nobody answers it, or its last messages.
    let waitingSince: String?
    /// Whether the customer is connected.
    let online: Bool
    let alias: String?
    /// The customer's messages that this agent has not read.
    let unread: Int?

    init(_ conversation: Conversation) {
        id = conversation.id.description
        customerId = conversation.customer.description
        customerName = conversation.customerName
        channel = conversation.channel.rawValue
        state = conversation.state.rawValue
        assigneeId = conversation.assignee?.description
        assigneeName = conversation.assigneeName
        fence = conversation.fence
        lastSeq = conversation.seq
        generation = conversation.generation
        createdAt = conversation.createdAt.iso8601
        lastMessageAt = conversation.lastMessageAt.iso8601
        lastMessage = conversation.lastMessage.map(MessagePreviewJSON.init)
        answered = conversation.isAnswered
        waitingSince = conversation.waitingSince?.iso8601
        online = conversation.isOnline
        alias = conversation.alias
        unread = conversation.unread
    }
}

/// The beginning of a message.
struct MessagePreviewJSON: Encodable {
    let senderType: String
    let content: String
    let timestamp: String
    /// How many it has.
    let attachments: Int

    init(_ message: MessagePreview) {
        senderType = message.senderKind.name
        content = message.content
        timestamp = message.at.iso8601
        attachments = message.attachments
    }
}
