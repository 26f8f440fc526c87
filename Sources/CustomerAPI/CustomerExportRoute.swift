import FoundationEssentials
import HTTPTypes
import Hummingbird
import Messaging
import NIOCore

/// `GET /customers/{id}/export`: all that there is of one customer, as one JSON document. For admins.
///
/// It is written as it is read, some messages at a time, so that its length costs no memory. What fails in between ends the
/// connection, and what has arrived is no whole document.
struct CustomerExportRoute: Sendable {
    let customers: CustomerStore
    let conversations: ConversationStore
    let attachments: AttachmentStore
    let tokens: TokenStore
    let audit: AuditLog
    private let slots = TransferSlots(all: 8, forCustomers: 0, ofOne: 2)

    /// How many messages are read at a time.
    private static let pageSize = 200

    init(
        customers: CustomerStore,
        conversations: ConversationStore,
        attachments: AttachmentStore,
        tokens: TokenStore,
        audit: AuditLog
    ) {
        self.customers = customers
        self.conversations = conversations
        self.attachments = attachments
        self.tokens = tokens
        self.audit = audit
    }

    func add(to group: RouterGroup<APIContext>) {
        group.get("customers/:id/export") { _, context in
            let customer = try await customers.customer(try context.id(of: "customer"))
            let agent = try context.agent()
            let slot = try slots.take(for: .agent(id: agent.id, role: agent.role, name: agent.name))
            // Before it is given away.
            try await audit.append(
                AuditRecord(.customerExport, by: try context.author(), on: .customer(customer.id))
            )
            let body = AttachmentDownload.body(size: nil, in: slot, on: context.channel) { send in
                try await write(customer, send)
            }
            let headers: HTTPFields = [
                .contentType: "application/json; charset=utf-8",
                .contentDisposition: "attachment; filename=\"customer-\(customer.id).json\"",
            ]
            return Response(status: .ok, headers: headers, body: body)
        }
    }

    private func write(_ customer: Customer, _ send: (ByteBuffer) async throws -> Void) async throws {
        let isOnline = try await !customers.connected(of: [customer.id]).isEmpty
        var part = ByteBuffer(string: #"{"success":true,"data":{"customer":"#)
        part.writeBytes(try Self.json(ExportedCustomer(customer, online: isOnline)))
        part.writeString(#","tokens":"#)
        part.writeBytes(try Self.json(try await tokens.tokens(ofCustomer: customer.id).map(LiveTokenJSON.init)))
        part.writeString(#","attachments":"#)
        part.writeBytes(try Self.json(try await attachments.attachments(of: customer.id).map(AttachmentJSON.init)))
        part.writeString(#","conversations":["#)
        try await send(part)
        var isFirst = true
        for id in try await conversations.ids(ofCustomer: customer.id) {
            if try await write(conversation: id, isFirst: isFirst, send) { isFirst = false }
        }
        try await send(ByteBuffer(string: "]}}"))
    }

    /// - Returns: Whether there is such a conversation (still).
    private func write(
        conversation id: UniqueID,
        isFirst: Bool,
        _ send: (ByteBuffer) async throws -> Void
    ) async throws -> Bool {
        guard let beginning = try await beginning(of: id, isFirst: isFirst) else { return false }
        try await send(beginning)
        try await write(messagesOf: id, send)
        try await send(ByteBuffer(string: "]}"))
        return true
    }

    /// What an export has of a conversation before its messages; `nil` if there is no such one (any more).
    private func beginning(of id: UniqueID, isFirst: Bool) async throws -> ByteBuffer? {
        do {
            let conversation = try await conversations.conversation(id)
            return try Self.beginning(conversation, notes: try await conversations.notes(of: id), isFirst: isFirst)
        } catch let error as MessagingError where error.code == .notFound {
            return nil
        }
    }

    private static func beginning(_ conversation: Conversation, notes: [Note], isFirst: Bool) throws -> ByteBuffer {
        var part = ByteBuffer(string: isFirst ? #"{"conversation":"# : #",{"conversation":"#)
        part.writeBytes(try json(ConversationJSON(conversation)))
        part.writeString(#","notes":["#)
        for (index, note) in notes.enumerated() {
            if index > 0 { part.writeString(",") }
            note.writeJSON(into: &part)
        }
        part.writeString(#"],"messages":["#)
        return part
    }

    private func write(messagesOf id: UniqueID, _ send: (ByteBuffer) async throws -> Void) async throws {
        var last: Int? = 0
        while let after = last { last = try await write(messagesOf: id, after: after, send) }
    }

    /// Writes a page of messages.
    ///
    /// - Returns: The last one's place, if there are more.
    private func write(
        messagesOf id: UniqueID,
        after: Int,
        _ send: (ByteBuffer) async throws -> Void
    ) async throws -> Int? {
        let page = try await conversations.messages(of: id, after: after, limit: Self.pageSize)
        let texts = page.messages.map { message in
            var json: [UInt8] = []
            message.writeJSON(into: &json)
            return json
        }
        var part = ByteBuffer(string: after > 0 && !texts.isEmpty ? "," : "")
        part.writeBytes(texts.joined(separator: ",".utf8))
        try await send(part)
        return page.hasMore ? page.messages.last?.seq : nil
    }

    private static func json(_ value: some Encodable) throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(value)
    }
}

/// The record as agents see it, and the id that they don't.
private struct ExportedCustomer: Encodable {
    private let customer: CustomerJSON
    private let webId: String?

    init(_ customer: Customer, online: Bool) {
        self.customer = CustomerJSON(customer, online: online)
        webId = customer.profile.channelIDs[.web]
    }

    private enum CodingKeys: String, CodingKey {
        case webId
    }

    func encode(to encoder: any Encoder) throws {
        try customer.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encodeIfPresent(webId, forKey: .webId)
    }
}
