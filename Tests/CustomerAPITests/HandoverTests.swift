import Messaging
import Testing

@Suite("Handing a conversation over, and notes about it")
struct HandoverTests {
    @Test("The assignee or an admin gives a conversation to an active agent, with a new fence")
    func transfer() async throws {
        try await TestAPI.run { api in
            let ann = try await api.agentToken("ann")
            let bob = try await api.agentToken("bob")
            let root = try await api.agentToken("root", role: .admin)
            let id = try await api.say("x", as: api.newCustomer()).conversation
            let path = "/api/v1/conversations/\(id)"
            func transfer(to login: String, by token: String) async throws -> Answer {
                guard case .agent(let agent, _, _) = try await api.agent(login) else { throw CancellationError() }
                return try await api.call("POST", "\(path)/transfer", token: token, body: #"{"agentId":"\#(agent)"}"#)
            }
            // Nobody answers it yet: only an admin may give it away.
            let early = try await transfer(to: "bob", by: ann)
            #expect(early.status == 409)
            #expect(early.code == "conflict")
            #expect(try await transfer(to: "ann", by: root).data["assigneeName"] == "ann")

            #expect(try await api.call("GET", path, token: ann).data["fence"] == 2)
            #expect(try await transfer(to: "bob", by: bob).status == 409)
            let moved = try await transfer(to: "bob", by: ann)
            #expect(moved.status == 200)
            #expect(moved.data["assigneeName"] == "bob")
            #expect(moved.data["state"] == "assigned")
            #expect(moved.data["fence"] == 3)
            #expect(try await transfer(to: "bob", by: bob).data["fence"] == moved.data["fence"])
            let mine = "/api/v1/conversations?state=assigned&assignee="
            for (login, count) in [("ann", 0), ("bob", 1)] {
                let listed = try await api.call("GET", mine + api.agent(login).agentID, token: ann)
                #expect(listed.data["totalElements"] == .number(Double(count)))
            }
            #expect(try await transfer(to: "ann", by: root).data["assigneeName"] == "ann")

            // Nobody answers what is resolved: who resolved it has it no longer.
            #expect(try await api.call("POST", "\(path)/resolve", token: ann).status == 200)
            for login in ["ann", "bob"] {
                let late = try await transfer(to: login, by: ann)
                #expect(late.status == 409)
                #expect(late.code == "conflict")
            }
            #expect(try await api.call("GET", path, token: ann).data["state"] == "resolved")
            #expect(try await transfer(to: "bob", by: root).data["assigneeName"] == "bob")
        }
    }

    @Test("Nobody gets a conversation who is not there: an agent that does not exist or was deactivated is 404")
    func unknownAgent() async throws {
        try await TestAPI.run { api in
            let ann = try await api.agentToken("ann")
            _ = try await api.agentToken("bob")
            let bob = try await api.agent("bob").agentID
            _ = try await AgentStore(redis: api.redis)
                .update(try #require(UniqueID(bob)), AgentChanges(active: false))
            let id = try await api.say("x", as: api.newCustomer()).conversation
            let path = "/api/v1/conversations/\(id)"
            _ = try await api.call("POST", "\(path)/claim", token: ann)
            for agent in [bob, UniqueID(in: .ofAgents).description] {
                let refused = try await api.call(
                    "POST",
                    "\(path)/transfer",
                    token: ann,
                    body: #"{"agentId":"\#(agent)"}"#
                )
                #expect(refused.status == 404)
            }
            for (body, status) in [("{}", 400), (#"{"agentId":"x"}"#, 422), (#"{"agentId":"\#(bob)","to":1}"#, 400)] {
                #expect(try await api.call("POST", "\(path)/transfer", token: ann, body: body).status == status)
            }
            let missing = "/api/v1/conversations/\(UniqueID(in: .ofAgents))/transfer"
            let me = try await api.agent("ann").agentID
            #expect(try await api.call("POST", missing, token: ann, body: #"{"agentId":"\#(me)"}"#).status == 404)
        }
    }

    @Test("Notes are kept in order, with who made them and after which message, and no customer gets them")
    func notes() async throws {
        try await TestAPI.run { api in
            let ann = try await api.agentToken("ann")
            let bob = try await api.agentToken("bob")
            let customer = try await api.newCustomer()
            let id = try await api.say("x", as: customer).conversation
            let path = "/api/v1/conversations/\(id)/notes"
            #expect(try await api.call("GET", path, token: ann).data["notes"] == [])
            let first = try await api.call("POST", path, token: ann, body: #"{"content":"他是 \"VIP\"\n!"}"#)
            #expect(first.status == 201)
            #expect(
                first.data.fieldNames
                    == ["id", "conversationId", "afterSeq", "senderId", "senderName", "content", "timestamp"]
            )
            #expect(first.data["content"] == "他是 \"VIP\"\n!")
            #expect(first.data["senderName"] == "ann")
            #expect(first.data["afterSeq"] == 1)
            _ = try await api.say("y", as: customer)
            let second = try await api.call("POST", path, token: bob, body: #"{"content":"second"}"#)
            #expect(second.data["afterSeq"] == 2)
            #expect(try await api.call("GET", path, token: bob).data["notes"] == [first.data, second.data])

            let messages = try await api.call("GET", "/api/v1/conversations/\(id)/messages", token: ann)
            #expect(messages.data["messages"].elements.map(\.["content"]) == ["x", "y"])
            let token = try await api.customerToken(channelID: "web_1").data["token"].text
            #expect(try await api.call("GET", path, token: token).status == 403)
            #expect(try await api.call("POST", path, token: token, body: #"{"content":"a"}"#).status == 403)
        }
    }

    @Test("A note has 1 to 4000 characters, and a conversation 500 notes")
    func limits() async throws {
        try await TestAPI.run { api in
            let ann = try await api.agentToken("ann")
            let id = try await api.say("x", as: api.newCustomer()).conversation
            let path = "/api/v1/conversations/\(id)/notes"
            for content in ["", "  ", String(repeating: "x", count: 4001)] {
                let refused = try await api.call("POST", path, token: ann, body: #"{"content":"\#(content)"}"#)
                #expect(refused.status == 422)
                #expect(refused.field == "content")
            }
            #expect(try await api.call("POST", path, token: ann, body: "{}").status == 400)
            let store = ConversationStore(redis: api.redis)
            for _ in 0..<Note.maxNotes {
                _ = try await store.addNote("n", to: id, by: UniqueID(in: .ofAgents), name: "Ann")
            }
            let full = try await api.call("POST", path, token: ann, body: #"{"content":"one more"}"#)
            #expect(full.status == 409)
            #expect(full.code == "limit_reached")
            #expect(try await api.call("GET", path, token: ann).data["notes"].elements.count == 500)
            let missing = "/api/v1/conversations/\(UniqueID(in: .ofAgents))/notes"
            #expect(try await api.call("GET", missing, token: ann).status == 404)
            #expect(try await api.call("POST", missing, token: ann, body: #"{"content":"a"}"#).status == 404)
        }
    }
}

extension Principal {
    /// An agent's id.
    var agentID: String {
        if case .agent(let id, _, _) = self { id.description } else { "" }
    }
}
