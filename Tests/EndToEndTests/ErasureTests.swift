import Foundation
import Testing

@Suite("An erased customer")
struct ErasureTests {
    @Test(
        "is disconnected with 4004 on every gateway; the agent is told that the conversation is over, and goes on with others"
    )
    func disconnected() async throws {
        let stack = try await Stack.shared()
        let admin = try await stack.signInAdmin()
        let agent = try await stack.newAgent()
        let customer = try await stack.newCustomer()
        let other = try await stack.newCustomer()
        let sockets = [
            try await stack.connect(customer.token, gateway: 0),
            try await stack.connect(customer.token, gateway: 1, dialect: .full),
        ]
        let otherSocket = try await stack.connect(other.token, gateway: 0)
        for socket in sockets + [otherSocket] { try await socket.synchronize() }
        let sent = try await stack.demand(
            "POST",
            "/api/v1/messages",
            token: customer.token,
            json: #"{"content":"你好"}"#
        )
        let conversation = try #require(sent["conversationId"].string)
        _ = try await stack.demand("POST", "/api/v1/conversations/\(conversation)/claim", token: agent.token)
        let desk = try await stack.connect(agent.token, dialect: .full)
        try await desk.next("the welcome") { $0.type == "welcome" }

        let erased = try await stack.demand("DELETE", "/api/v1/customers/\(customer.id)?erase=true", token: admin)
        #expect(erased["erased"].bool == true)
        for socket in sockets {
            #expect(try await socket.closing() == .init(code: 4004, reason: "the token was revoked"))
        }
        let told = try await desk.next("that it is over") {
            $0.type == "assignment" && $0.json["conversationId"].string == conversation
        }
        #expect(told.json["state"].string == "resolved")
        let refused = await #expect(throws: HandshakeRefused.self) { _ = try await stack.connect(customer.token) }
        #expect(refused?.response.status == 401)
        _ = try await stack.demand("POST", "/api/v1/messages", token: other.token, json: #"{"content":"还在"}"#)
        try await otherSocket.synchronize()
        #expect(otherSocket.inbox.current.closing == nil)
    }
}
