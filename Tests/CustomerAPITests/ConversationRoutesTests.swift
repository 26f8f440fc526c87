import Foundation
import Messaging
import Testing

@Suite("/conversations")
struct ConversationRoutesTests {
    @Test("A conversation is listed, claimed, released and resolved, each by whom it is allowed to")
    func life() async throws {
        try await TestAPI.run { api in
            let customer = try await api.newCustomer()
            let id = try await api.say("你好", as: customer).conversation
            let ann = try await api.agentToken("ann")
            let bob = try await api.agentToken("bob")
            let annID = try await api.call("GET", "/api/v1/agents/me", token: ann).data["id"]
            let path = "/api/v1/conversations/\(id)"

            let waiting = try await api.call("GET", path, token: ann)
            #expect(waiting.status == 200)
            #expect(waiting.data["state"] == "waiting")
            #expect(waiting.data["lastSeq"] == 1)
            #expect(waiting.data["channel"] == "WEB")
            #expect(waiting.data["assigneeId"] == .null)

            let claimed = try await api.call("POST", "\(path)/claim", token: ann)
            #expect(claimed.status == 200)
            #expect(claimed.data["state"] == "assigned")
            #expect(claimed.data["assigneeId"] == annID)
            let refused = try await api.call("POST", "\(path)/claim", token: bob)
            #expect(refused.status == 409)
            #expect(refused.code == "conflict")
            #expect(try await api.call("POST", "\(path)/release", token: bob).status == 409)

            let released = try await api.call("POST", "\(path)/release", token: ann)
            #expect(released.data["state"] == "waiting")
            #expect(try await api.call("POST", "\(path)/claim", token: bob).data["state"] == "assigned")
            let admin = try await api.agentToken("root", role: .admin)
            #expect(try await api.call("POST", "\(path)/resolve", token: admin).data["state"] == "resolved")
        }
    }

    @Test("A conversation tells each agent how many of the customer's messages it has not read")
    func unread() async throws {
        try await TestAPI.run { api in
            let ann = try await api.agentToken("ann")
            let customer = try await api.newCustomer()
            let conversation = try await api.say("one", as: customer).conversation
            _ = try await api.say("two", as: customer)
            let path = "/api/v1/conversations/\(conversation)"
            #expect(try await api.call("GET", path, token: ann).data["unread"] == 2)
            let listed = try await api.call("GET", "/api/v1/conversations", token: ann)
            #expect(listed.data["content"].elements.map(\.["unread"]) == [2])
            #expect(try await api.call("POST", "\(path)/claim", token: ann).data["unread"] == 2)
        }
    }

    @Test("Listing narrows by states, assignee, customer and channel, newest first")
    func listing() async throws {
        try await TestAPI.run { api in
            let ann = try await api.agentToken("ann")
            let annID = try await api.call("GET", "/api/v1/agents/me", token: ann).data["id"].text
            var ids: [UniqueID] = []
            for number in 0..<4 {
                let customer = try await api.newCustomer("\(number)")
                let id = try await api.say("hello", as: customer).conversation
                ids.append(id)
                if number > 0 { _ = try await api.call("POST", "/api/v1/conversations/\(id)/claim", token: ann) }
                if number > 2 { _ = try await api.call("POST", "/api/v1/conversations/\(id)/resolve", token: ann) }
            }
            func list(_ query: String) async throws -> Set<String> {
                let answer = try await api.call("GET", "/api/v1/conversations?\(query)", token: ann)
                #expect(answer.status == 200)
                #expect(answer.data["totalElements"] == .number(Double(answer.data["content"].elements.count)))
                return Set(answer.data["content"].elements.map(\.["id"].text))
            }
            let names = ids.map(\.description)
            #expect(try await list("") == Set(names))
            #expect(try await list("state=waiting") == [names[0]])
            #expect(try await list("state=waiting,resolved") == [names[0], names[3]])
            #expect(try await list("state=assigned&assignee=\(annID)") == [names[1], names[2]])
            #expect(try await list("channel=LINE") == [])
            let owner = try await api.call("GET", "/api/v1/conversations/\(names[2])", token: ann).data["customerId"]
                .text
            #expect(try await list("customer=\(owner)") == [names[2]])
            let page = try await api.call("GET", "/api/v1/conversations?page=1&size=3", token: ann)
            #expect(page.data["content"].elements.count == 1)
            #expect(page.data["totalPages"] == 2)
        }
    }

    @Test("Messages are read forwards and backwards, as they were said")
    func messages() async throws {
        try await TestAPI.run { api in
            let customer = try await api.newCustomer()
            var id: UniqueID?
            for number in 1...7 { id = try await api.say("\"\(number)\"\n名", as: customer, in: id).conversation }
            let ann = try await api.agentToken("ann")
            let path = "/api/v1/conversations/\(try #require(id))/messages"
            func seqs(_ query: String) async throws -> ([JSONValue], hasMore: JSONValue) {
                let answer = try await api.call("GET", "\(path)?\(query)", token: ann)
                #expect(answer.status == 200)
                return (answer.data["messages"].elements.map(\.["seq"]), answer.data["hasMore"])
            }
            #expect(try await seqs("") == ([1, 2, 3, 4, 5, 6, 7], false))
            #expect(try await seqs("limit=3") == ([5, 6, 7], true))
            #expect(try await seqs("before=5&limit=3") == ([2, 3, 4], true))
            #expect(try await seqs("after=5") == ([6, 7], false))
            #expect(try await seqs("after=0&limit=2") == ([1, 2], true))
            let first = try await api.call("GET", "\(path)?after=0&limit=1", token: ann).data["messages"][0]
            #expect(first["content"] == "\"1\"\n名")
            #expect(first["senderType"] == "customer")
            #expect(first["channel"] == "WEB")
            #expect(first["conversationId"] == .string(try #require(id).description))
        }
    }

    @Test("An unknown conversation is 404, a query that can't be 422")
    func refusals() async throws {
        try await TestAPI.run { api in
            let ann = try await api.agentToken("ann")
            for id in ["x", "550e8400-e29b-41d4-a716-446655440000"] {
                for (method, path) in [
                    ("GET", ""), ("GET", "/messages"), ("POST", "/claim"), ("POST", "/release"), ("POST", "/resolve"),
                ] {
                    let answer = try await api.call(method, "/api/v1/conversations/\(id)\(path)", token: ann)
                    #expect(answer.status == 404, "\(method) \(path)")
                    #expect(answer.code == "not_found")
                }
            }
            let id = try await api.say("x", as: api.newCustomer()).conversation
            for (query, field) in [
                ("?state=open", "state"), ("?assignee=me", "assignee"), ("?customer=x", "customer"),
                ("?channel=FAX", "channel"), ("/\(id)/messages?limit=0", "limit"),
                ("/\(id)/messages?limit=201", "limit"),
                ("/\(id)/messages?after=-1", "after"), ("/\(id)/messages?after=1&before=2", "before"),
            ] {
                let answer = try await api.call("GET", "/api/v1/conversations\(query)", token: ann)
                #expect(answer.status == 422, "\(query)")
                #expect(answer.code == "invalid_value")
                #expect(answer.field == .string(field))
            }
        }
    }
}
