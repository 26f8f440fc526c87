import Hummingbird
import Messaging
import NIOCore

/// Sending by REST, for bots and bridges that hold no WebSocket: `POST /conversations/{id}/messages` with an agent's token,
/// `POST /messages` with a customer's.
struct MessageRoutes: Sendable {
    let conversations: ConversationStore
    let bodies: BodyReader
    let limits: MessageLog.Limits

    func add(toAgents group: RouterGroup<APIContext>) {
        group.post("conversations/:id/messages") { request, context in
            let id = try context.id(of: "conversation")
            let agent = try context.agent()
            let message = try await bodies.read(AgentMessage.self, from: request).message
            let principal = Principal.agent(id: agent.id, role: agent.role, name: agent.name)
            return try await append(message, principal, at: context.clientAddress, id.description)
        }
    }

    /// - Parameter reader: tells whose the token is.
    func add(toAll group: RouterGroup<APIContext>, reader: TokenReader) {
        group.post("messages") { request, context in
            let principal = try await reader.read(request, context, expecting: "a customer token").principal
            guard case .customer = principal else {
                throw APIError(
                    .forbidden,
                    "forbidden",
                    "This address is for customers. Agents send to /api/v1/conversations/{id}/messages."
                )
            }
            let body = try await bodies.read(CustomerMessage.self, from: request)
            return try await append(body.message, principal, at: context.clientAddress, body.conversation)
        }
    }

    private func append(
        _ message: MessageBody,
        _ principal: Principal,
        at address: NetworkAddress,
        _ reference: String
    ) async throws -> Response {
        let stored = try await conversations.append(
            message.content,
            metadata: message.metadata,
            clientMessageID: message.clientMessageID,
            from: principal,
            at: address,
            to: reference,
            limits: limits
        )
        return try APIResponse.success(StoredMessageJSON(stored))
    }
}

/// What is said, as in the full dialect's `message`.
private struct MessageBody {
    static let fields: Set<String> = ["content", "metadata", "clientMessageId"]
    private static let maxClientMessageIDBytes = 64

    let content: String
    /// A JSON object.
    let metadata: ByteBuffer?
    let clientMessageID: String?

    init(_ fields: JSONFields) throws {
        content = try fields.text("content")
        guard content.contains(where: { !$0.isWhitespace }) else {
            throw APIError.invalid("content", "\"content\" must not be empty.")
        }
        metadata = try fields.optionalObject("metadata")
        let bytes = JSONText.literal(content).utf8.count + (metadata?.readableBytes ?? 0)
        guard bytes <= ConversationStore.maxMessageBytes else {
            throw APIError.invalid(
                "content",
                "\"content\" and \"metadata\" must have at most \(ConversationStore.maxMessageBytes) bytes of JSON."
            )
        }
        guard case .set(let id) = try fields.optionalText("clientMessageId") else {
            clientMessageID = nil
            return
        }
        guard 1...Self.maxClientMessageIDBytes ~= id.utf8.count else {
            throw APIError.invalid(
                "clientMessageId",
                "\"clientMessageId\" must have 1 to \(Self.maxClientMessageIDBytes) bytes."
            )
        }
        clientMessageID = id
    }
}

private struct AgentMessage: JSONBody {
    let message: MessageBody

    init(fields: JSONFields) throws {
        try fields.refuseUnknown(except: MessageBody.fields)
        message = try MessageBody(fields)
    }
}

private struct CustomerMessage: JSONBody {
    private static let maxReferenceBytes = 128

    /// Empty: the customer's open conversation, or a new one.
    let conversation: String
    let message: MessageBody

    init(fields: JSONFields) throws {
        try fields.refuseUnknown(except: MessageBody.fields.union(["conversationId"]))
        message = try MessageBody(fields)
        guard case .set(let reference) = try fields.optionalText("conversationId") else {
            conversation = ""
            return
        }
        guard reference.utf8.count <= Self.maxReferenceBytes else {
            throw APIError.invalid(
                "conversationId",
                "\"conversationId\" must have at most \(Self.maxReferenceBytes) bytes."
            )
        }
        conversation = reference
    }
}

/// Where a message is in the log: what the full dialect's `ack` tells. The same again for the same `clientMessageId`.
private struct StoredMessageJSON: Encodable {
    let id: String
    let conversationId: String
    let seq: Int
    let generation: Int
    let timestamp: String

    init(_ message: AppendedMessage) {
        id = message.id.description
        conversationId = message.conversation.description
        seq = message.seq
        generation = message.generation
        timestamp = message.at.iso8601
    }
}
