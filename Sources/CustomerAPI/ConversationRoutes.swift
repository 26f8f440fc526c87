import Hummingbird
import Messaging

/// `/conversations`: list, read, history, and who answers. For agents of any role.
struct ConversationRoutes: Sendable {
    let conversations: ConversationStore
    let bodies: BodyReader

    /// How many messages one answer may have.
    static let maxMessages = 200

    func add(to group: RouterGroup<APIContext>) {
        group.get("conversations") { request, context in
            let query = try QueryParameters(
                of: request,
                known: ["state", "assignee", "customer", "channel", "q", "sort"] + QueryParameters.pagingNames
            )
            let (page, size) = try query.paging()
            let filter = try filter(query)
            let found = try await conversations.conversations(
                matching: filter,
                by: try order(query, filter),
                for: try context.agent().id,
                page: page,
                size: size
            )
            return try APIResponse.success(PageJSON(found, ConversationJSON.init))
        }
        group.get("conversations/:id") { _, context in
            let id = try context.id(of: "conversation")
            let conversation = try await conversations.conversation(id, for: try context.agent().id)
            return try APIResponse.success(ConversationJSON(conversation))
        }
        group.get("conversations/:id/messages") { request, context in
            let id = try context.id(of: "conversation")
            let query = try QueryParameters(of: request, known: ["after", "before", "limit"])
            let seqs = 0...Int(Int32.max)
            let after = try query.integer("after", in: seqs)
            let before = try query.integer("before", in: seqs)
            if after != nil, before != nil {
                throw APIError.invalid("before", "Only one of \"after\" and \"before\" may be given.")
            }
            let limit = try query.integer("limit", in: 1...Self.maxMessages) ?? 50
            return APIResponse.success(
                json: json(try await conversations.messages(of: id, after: after, before: before, limit: limit))
            )
        }
        group.post("conversations/:id/claim") { _, context in
            try await change(context, conversations.claim)
        }
        group.post("conversations/:id/release") { _, context in
            try await change(context, conversations.release)
        }
        group.post("conversations/:id/resolve") { _, context in
            try await change(context, conversations.resolve)
        }
        group.post("conversations/:id/transfer") { request, context in
            let agent = try context.agent()
            let id = try context.id(of: "conversation")
            let body = try await bodies.read(Transfer.self, from: request)
            let changed = try await conversations.transfer(
                id,
                to: body.agentID,
                by: agent.id,
                role: agent.role,
                author: context.author()
            )
            return try APIResponse.success(ConversationJSON(changed))
        }
    }

    private typealias Change = (UniqueID, UniqueID, AgentRole, String, AuditAuthor?) async throws -> Conversation

    private func change(_ context: APIContext, _ change: Change) async throws -> Response {
        let agent = try context.agent()
        let id = try context.id(of: "conversation")
        let changed = try await change(id, agent.id, agent.role, agent.name, context.author())
        return try APIResponse.success(ConversationJSON(changed))
    }

    private func filter(_ query: QueryParameters) throws -> ConversationFilter {
        let states = try (query.text("state") ?? "").split(separator: ",").map { word in
            guard let state = Conversation.State(rawValue: String(word)) else {
                let names = Conversation.State.allCases.map(\.rawValue).joined(separator: ", ")
                throw APIError.invalid("state", "\"state\" must be one or more of \(names), with commas between.")
            }
            return state
        }
        return ConversationFilter(
            states: Set(states),
            assignee: try query.id("assignee"),
            customer: try query.id("customer"),
            channel: try query.text("channel").map { try TextRules.channel($0, field: "channel") },
            text: try query.text("q")
        )
    }

    private func order(_ query: QueryParameters, _ filter: ConversationFilter) throws -> ConversationOrder {
        guard let text = try query.text("sort") else { return .newest }
        guard let order = ConversationOrder(rawValue: text) else {
            let names = ConversationOrder.allCases.map(\.rawValue).joined(separator: ", ")
            throw APIError.invalid("sort", "\"sort\" must be one of \(names).")
        }
        guard order == .newest || (filter.states == [.waiting] && filter.customer == nil) else {
            throw APIError.invalid("sort", "sort=waiting needs state=waiting, and no customer.")
        }
        return order
    }

    /// Messages are put together from the JSON that they are stored as, not decoded and encoded again.
    private func json(_ page: MessagePage) -> [UInt8] {
        var json = Array(#"{"messages":["#.utf8)
        for (index, message) in page.messages.enumerated() {
            if index > 0 { json.append(UInt8(ascii: ",")) }
            message.writeJSON(into: &json)
        }
        json.append(contentsOf: #"],"generation":\#(page.generation),"hasMore":\#(page.hasMore)}"#.utf8)
        return json
    }
}

/// The body of `POST /conversations/{id}/transfer`.
private struct Transfer: JSONBody {
    let agentID: UniqueID

    init(fields: JSONFields) throws {
        try fields.refuseUnknown(except: ["agentId"])
        guard let id = UniqueID(try fields.text("agentId")) else {
            throw APIError.invalid("agentId", "\"agentId\" must be a UUID.")
        }
        agentID = id
    }
}
