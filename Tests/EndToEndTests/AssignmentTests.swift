import Foundation
import Testing

/// Whose conversation it is.
@Suite("Assignment")
struct AssignmentTests {
    @Test("A new conversation is shown to every connected agent until one answers, and then to that one only")
    func firstToAnswer() async throws {
        let stack = try await Stack.shared()
        let customer = try await stack.newCustomer()
        let agents = [try await stack.newAgent("甲"), try await stack.newAgent("乙"), try await stack.newAgent("丙")]
        let sockets = [
            try await stack.connect(agents[0].token, gateway: 0), try await stack.connect(agents[1].token, gateway: 1),
            try await stack.connect(agents[2].token, gateway: 1, dialect: .full),
        ]
        let customerSocket = try await stack.connect(customer.token, gateway: 0)
        for text in ["有人吗？", "请回复"] {
            try await customerSocket.say(text)
            for socket in sockets {
                try await socket.next(text) { $0.json["senderId"].string == customer.id && $0.content == text }
            }
        }
        // An agent who comes later sees what waits, too.
        let late = try await stack.newAgent("丁")
        let lateSocket = try await stack.connect(late.token, gateway: 0)
        let conversation = try await lateSocket.next { $0.json["senderId"].string == customer.id }.conversation
        #expect(try await lateSocket.next { $0.json["senderId"].string == customer.id }.content == "请回复")

        try await sockets[1].say("我来帮您", in: conversation)
        try await customerSocket.next { $0.content == "我来帮您" }
        let assignment = try await sockets[2].next("the assignment") {
            $0.type == "assignment" && $0.conversation == conversation && $0.json["state"].string == "assigned"
        }
        #expect(assignment.json["assigneeId"] == .string(agents[1].id))
        #expect(assignment.json["assigneeName"] == .string("乙"))

        try await customerSocket.say("谢谢乙")
        try await sockets[1].next { $0.content == "谢谢乙" }
        // Another conversation, begun after that, is shown to all: what came before it has arrived.
        let marker = try await stack.newCustomer()
        try await stack.connect(marker.token, gateway: 0).say("marker of \(marker.id)")
        for socket in [sockets[0], sockets[2], lateSocket] {
            try await socket.next { $0.content == "marker of \(marker.id)" }
            #expect(!socket.unread.contains { $0.content == "谢谢乙" })
        }
    }

    @Test("An agent may not answer another's conversation, and is told so in its dialect; an admin may")
    func notYours() async throws {
        let stack = try await Stack.shared()
        let pair = try await stack.conversation()
        let other = try await stack.newAgent()
        let guide = try await stack.connect(other.token)
        try await guide.say("我也来", in: pair.conversation)
        let refusal = try await guide.next("the refusal") { $0.json["senderId"] == .string("system") }
        #expect(refusal.conversation == pair.conversation)
        #expect(refusal.json["error"]["code"] == .string("conflict"))
        #expect(refusal.json["error"]["message"] == .string("Another agent answers this conversation."))
        #expect(refusal.content.hasSuffix("Another agent answers this conversation."))

        let full = try await stack.connect(other.token, dialect: .full)
        try await full.say("我也来", in: pair.conversation, dialect: .full, clientMessageID: "x")
        let error = try await full.next("the error") { $0.type == "error" }
        #expect(error.json["code"] == .string("conflict"))
        #expect(error.json["clientMessageId"] == .string("x"))

        let admin = try await stack.connect(try await stack.signInAdmin())
        try await admin.say("主管在此", in: pair.conversation)
        try await pair.customerSocket.next { $0.content == "主管在此" }
        #expect(!pair.customerSocket.unread.contains { $0.content == "我也来" })
        // It is still the first agent's.
        try await pair.talk("之后")
    }

    @Test("After resolve a new customer message reopens the conversation, for whoever answers first")
    func reopening() async throws {
        let stack = try await Stack.shared()
        let pair = try await stack.conversation()
        let path = "/api/v1/conversations/\(pair.conversation)"
        let resolved = try await stack.demand("POST", "\(path)/resolve", token: pair.agent.token)
        #expect(resolved["state"] == .string("resolved"))

        let other = try await stack.newAgent()
        let otherSocket = try await stack.connect(other.token)
        try await pair.customerSocket.say("又有问题")
        let shown = try await otherSocket.next { $0.content == "又有问题" }
        #expect(shown.conversation == pair.conversation)
        try await pair.agentSocket.next { $0.content == "又有问题" }
        #expect(try await stack.demand("GET", path, token: other.token)["state"] == .string("waiting"))
        // What was dealt with before is not shown to the new one.
        #expect(!otherSocket.unread.contains { $0.conversation == pair.conversation })

        try await otherSocket.say("我来", in: pair.conversation)
        try await pair.customerSocket.next { $0.content == "我来" }
        let taken = try await stack.demand("GET", path, token: other.token)
        #expect(taken["state"] == .string("assigned"))
        #expect(taken["assigneeId"] == .string(other.id))
    }

    @Test("Claim takes a waiting conversation, release gives it back, and each change has a new fencing number")
    func claimAndRelease() async throws {
        let stack = try await Stack.shared()
        let customer = try await stack.newCustomer()
        let customerSocket = try await stack.connect(customer.token)
        let (first, second) = (try await stack.newAgent(), try await stack.newAgent())
        let (firstSocket, secondSocket) = (try await stack.connect(first.token), try await stack.connect(second.token))
        try await customerSocket.say("等待中")
        let id = try await firstSocket.next { $0.json["senderId"].string == customer.id }.conversation
        try await secondSocket.next { $0.json["senderId"].string == customer.id }
        let path = "/api/v1/conversations/\(id)"

        let claimed = try await stack.demand("POST", "\(path)/claim", token: first.token)
        #expect(claimed["state"] == .string("assigned"))
        #expect(claimed["assigneeId"] == .string(first.id))
        let refused = try await stack.request("POST", "\(path)/claim", token: second.token)
        #expect(refused.status == 409)
        #expect(refused.error["code"] == .string("conflict"))
        #expect(refused.error["message"] == .string("Another agent answers this conversation."))
        let foreign = try await stack.request("POST", "\(path)/release", token: second.token)
        #expect(foreign.status == 409)

        let released = try await stack.demand("POST", "\(path)/release", token: first.token)
        #expect(released["state"] == .string("waiting"))
        #expect(released["assigneeId"] == .null)
        let taken = try await stack.demand("POST", "\(path)/claim", token: second.token)
        let fences = [claimed, released, taken].compactMap { $0["fence"].int }
        #expect(fences.count == 3 && fences == fences.sorted() && Set(fences).count == 3)
        try await customerSocket.say("给第二位")
        try await secondSocket.next { $0.content == "给第二位" }
        try await secondSocket.say("好的", in: id)
        try await customerSocket.next { $0.content == "好的" }
        #expect(!firstSocket.unread.contains { $0.content == "给第二位" })
    }

    @Test("A customer cannot write into, read or resume another customer's conversation")
    func strangers() async throws {
        let stack = try await Stack.shared()
        let pair = try await stack.conversation()
        let stranger = try await stack.newCustomer()
        let socket = try await stack.connect(stranger.token, dialect: .full)
        try await socket.next("the welcome") { $0.type == "welcome" }
        for frame in [
            #"{"type":"history","conversationId":"\#(pair.conversation)"}"#,
            #"{"type":"resume","conversationId":"\#(pair.conversation)","generation":1,"seq":0}"#,
            #"{"type":"typing","conversationId":"\#(pair.conversation)"}"#,
        ] {
            try await socket.send(frame)
            let error = try await socket.next("an error for \(frame)") { $0.type == "error" }
            #expect(["not_found", "forbidden"].contains(error.json["code"].string), "\(error.text)")
        }
        for path in ["", "/messages"] {
            let answer = try await stack.request(
                "GET",
                "/api/v1/conversations/\(pair.conversation)\(path)",
                token: stranger.token
            )
            #expect(answer.status == 403)
            #expect(answer.error["code"] == .string("forbidden"))
        }
        // These two have no answer, and no effect.
        for type in ["read", "ack"] {
            try await socket.send(#"{"type":"\#(type)","conversationId":"\#(pair.conversation)","seq":2}"#)
        }
        // Another's id is taken as the stranger's own name for a conversation: it becomes one of their own.
        try await socket.say("偷看", in: pair.conversation, dialect: .full)
        let ack = try await socket.next("the ack") { $0.type == "ack" }
        #expect(ack.conversation != pair.conversation)
        try await pair.talk("不受影响")
        #expect(!pair.agentSocket.unread.contains { $0.type == "typing" })
        let messages = try await stack.demand(
            "GET",
            "/api/v1/conversations/\(pair.conversation)/messages",
            token: pair.agent.token
        )
        #expect(!messages["messages"].array.contains { $0["content"].string == "偷看" })
    }

    @Test("Logging out closes the agent's WebSocket with 4004 on whichever gateway, and other tokens' stay")
    func logout() async throws {
        let stack = try await Stack.shared()
        let agent = try await stack.newAgent()
        let otherToken = try await stack.login(agent.login, agent.password)
        let sockets = [
            try await stack.connect(agent.token, gateway: 0),
            try await stack.connect(agent.token, gateway: 1, dialect: .full),
        ]
        let other = try await stack.connect(otherToken, gateway: 0)
        for socket in sockets + [other] { try await socket.synchronize() }
        try await sockets[1].next("the welcome") { $0.type == "welcome" }
        _ = try await stack.demand("POST", "/api/v1/agents/logout", token: agent.token)
        for socket in sockets {
            #expect(try await socket.closing() == .init(code: 4004, reason: "the token was revoked"))
        }
        try await other.synchronize()
        #expect(other.inbox.current.closing == nil)
        let refused = await #expect(throws: HandshakeRefused.self) { _ = try await stack.connect(agent.token) }
        #expect(refused?.response.status == 401)
    }
}
