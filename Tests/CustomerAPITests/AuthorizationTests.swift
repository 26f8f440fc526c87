import Foundation
import Messaging
import Testing

/// Every route of `openapi.yaml`, and who may use it. A route that stands in no list fails the first test; one that is
/// registered where others may use it, one of the next.
@Suite("Who may use which route")
struct AuthorizationTests {
    private static let forAnybody: Set = [
        "POST /api/v1/public/customer-token", "POST /api/v1/agents/login", "GET /api/v1/openapi.yaml",
        "GET /api/v1/asyncapi.yaml", "GET /", "GET /widget.js", "GET /console", "GET /web/{file}", "GET /health",
        "GET /ready",
    ]
    private static let forCustomers: Set = ["POST /api/v1/messages"]
    private static let forCustomersAndAgents: Set = ["POST /api/v1/attachments", "GET /api/v1/attachments/{id}"]
    private static let forAgents: Set = [
        "GET /api/v1/customers", "POST /api/v1/customers", "GET /api/v1/customers/{id}", "PUT /api/v1/customers/{id}",
        "POST /api/v1/customers/{id}/token", "GET /api/v1/customers/{id}/tokens",
        "DELETE /api/v1/customers/{id}/tokens",
        "DELETE /api/v1/customers/{id}/tokens/{tokenId}", "GET /api/v1/conversations", "GET /api/v1/conversations/{id}",
        "GET /api/v1/conversations/{id}/messages", "POST /api/v1/conversations/{id}/messages",
        "POST /api/v1/conversations/{id}/claim", "POST /api/v1/conversations/{id}/release",
        "POST /api/v1/conversations/{id}/resolve", "POST /api/v1/conversations/{id}/transfer",
        "GET /api/v1/conversations/{id}/notes", "POST /api/v1/conversations/{id}/notes", "GET /api/v1/colleagues",
        "GET /api/v1/canned-answers", "POST /api/v1/canned-answers", "PUT /api/v1/canned-answers/{id}",
        "DELETE /api/v1/canned-answers/{id}", "GET /api/v1/status", "POST /api/v1/agents/logout",
        "GET /api/v1/agents/me",
    ]
    /// Of an agent that is somebody else.
    private static let forAdmins: Set = [
        "DELETE /api/v1/customers/{id}", "GET /api/v1/customers/{id}/export", "GET /api/v1/audit", "GET /api/v1/agents",
        "POST /api/v1/agents", "GET /api/v1/agents/{id}", "PUT /api/v1/agents/{id}",
        "DELETE /api/v1/agents/{id}/tokens",
    ]

    private static let withToken = [forCustomers, forCustomersAndAgents, forAgents, forAdmins].flatMap { $0 }.sorted()

    @Test("Each is in one list")
    func lists() throws {
        let listed = Self.withToken + Self.forAnybody
        #expect(Set(listed).count == listed.count)
        #expect(try OpenAPITests.described().sorted() == listed.sorted())
    }

    /// What there is to ask for: all of it the first customer's, or of an agent who is not the one who asks.
    private struct Things {
        let token: String
        let ids: [String: String]
        let tokenID: String

        init(_ api: TestAPI) async throws {
            let first = try await api.customerToken(channelID: "first").data
            token = first["token"].text
            let said = try await api.call("POST", "/api/v1/messages", token: token, body: #"{"content":"hello"}"#)
            let file = try await api.call("POST", "/api/v1/attachments?name=a", token: token, data: Data("a".utf8))
            let ann = try await api.agentToken("ann")
            let answer = try await api.call(
                "POST",
                "/api/v1/canned-answers",
                token: ann,
                body: #"{"shortcut":"a","content":"a"}"#
            )
            let customer = first["customerId"].text
            ids = [
                "customers": customer, "conversations": said.data["conversationId"].text,
                "attachments": file.data["id"].text, "canned-answers": answer.data["id"].text,
                "agents": try await api.call("GET", "/api/v1/agents/me", token: ann).data["id"].text,
            ]
            let tokens = try await api.call("GET", "/api/v1/customers/\(customer)/tokens", token: ann)
            tokenID = tokens.data["tokens"][0]["id"].text
            #expect(!ids.values.contains("") && !tokenID.isEmpty)
        }

        /// The method and path of a route, with ids of what there is.
        func request(_ route: String) throws -> (method: String, path: String) {
            let words = route.split(separator: " ").map(String.init)
            let kind = words[1].split(separator: "/").dropFirst(2).first.map(String.init) ?? ""
            var path = words[1].replacing("{token}", with: tokenID)
            if path.contains("{id}") { path = path.replacing("{id}", with: try #require(ids[kind])) }
            switch route {
            case "POST /api/v1/attachments": path += "?name=a&conversation=\(ids["conversations"]!)"
            case "DELETE /api/v1/customers/{id}": path += "?erase=true"
            default: break
            }
            return (words[0], path)
        }
    }

    @Test("Without a token, and with one that nobody has, all but those for anybody are 401")
    func nobody() async throws {
        try await TestAPI.run { api in
            let things = try await Things(api)
            for route in Self.withToken {
                let (method, path) = try things.request(route)
                for method in method == "GET" ? ["GET", "HEAD"] : [method] {
                    #expect(try await api.call(method, path).status == 401, "\(route)")
                    for token in ["cust_\(UUID().uuidString.lowercased())", UUID().uuidString.lowercased()] {
                        #expect(try await api.call(method, path, token: token).status == 401, "\(route)")
                    }
                }
            }
            for route in Self.forAnybody {
                let words = route.replacing("{file}", with: "widget.js").split(separator: " ").map(String.init)
                #expect(try await ![401, 403, 404].contains(api.call(words[0], words[1]).status), "\(route)")
            }
        }
    }

    @Test("A customer may use those for customers, for what is its own, and no other")
    func customers() async throws {
        try await TestAPI.run { api in
            let things = try await Things(api)
            let other = try await api.customerToken(channelID: "other").data["token"].text
            for route in Self.forAgents.union(Self.forAdmins) {
                let (method, path) = try things.request(route)
                for token in [things.token, other] {
                    #expect(try await api.call(method, path, token: token).status == 403, "\(route)")
                }
            }
            // What a customer calls a conversation is its own word for one of its own, whatever others call theirs.
            let message = #"{"content":"hello","conversationId":"\#(things.ids["conversations"]!)"}"#
            for (token, isOwner) in [(things.token, true), (other, false)] {
                let said = try await api.call("POST", "/api/v1/messages", token: token, body: message)
                #expect(said.status == 200)
                #expect((said.data["conversationId"].text == things.ids["conversations"]) == isOwner)
                var (method, path) = try things.request("POST /api/v1/attachments")
                let sent = try await api.call(method, path, token: token, data: Data("a".utf8))
                #expect(sent.status == (isOwner ? 201 : 404))
                (method, path) = try things.request("GET /api/v1/attachments/{id}")
                #expect(try await api.call(method, path, token: token).status == (isOwner ? 200 : 404))
            }
            // What the other one said is not in it.
            let path = "/api/v1/conversations/\(things.ids["conversations"]!)/messages"
            let messages = try await api.call("GET", path, token: api.agentToken("ann")).data["messages"]
            #expect(messages.elements.count == 2)
        }
    }

    @Test(
        "Agents and bots may use those for agents, not those for customers, and not those for admins",
        arguments: [AgentRole.agent, .bot]
    )
    func agents(role: AgentRole) async throws {
        try await TestAPI.run { api in
            let things = try await Things(api)
            for route in Self.forAdmins.union(Self.forCustomers) {
                let (method, path) = try things.request(route)
                let token = try await api.agentToken("bob", role: role)
                #expect(try await api.call(method, path, token: token).status == 403, "\(route)")
            }
            for route in Self.forAgents.union(Self.forCustomersAndAgents).sorted() {
                let (method, path) = try things.request(route)
                // Logging out ends one.
                let token = try await api.agentToken("bob", role: role)
                #expect(try await ![401, 403].contains(api.call(method, path, token: token).status), "\(route)")
            }
        }
    }

    @Test("Admins may use those for admins")
    func admins() async throws {
        try await TestAPI.run { api in
            let things = try await Things(api)
            let token = try await api.agentToken("root", role: .admin)
            for route in Self.forAdmins {
                let (method, path) = try things.request(route)
                #expect(try await ![401, 403].contains(api.call(method, path, token: token).status), "\(route)")
            }
        }
    }
}
