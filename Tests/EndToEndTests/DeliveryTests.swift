import Foundation
import Testing

/// Who gets a message, when, and how often.
@Suite("Delivery")
struct DeliveryTests {
    @Test("All connections of a customer, on both gateways, get the agent's message once")
    func allConnections() async throws {
        let stack = try await Stack.shared()
        let pair = try await stack.conversation(customerOn: 0, agentOn: 1)
        var sockets = [pair.customerSocket]
        for (gateway, dialect) in [(0, WebSocketClient.Dialect.guide), (1, .guide), (0, .full), (1, .full)] {
            sockets.append(try await stack.connect(pair.customer.token, gateway: gateway, dialect: dialect))
        }
        for text in ["一", "二", "三"] { try await pair.agentSocket.say(text, in: pair.conversation) }
        for socket in sockets {
            for text in ["一", "二", "三"] {
                let frame = try await socket.next(text) {
                    $0.json["senderId"].string == pair.agent.id && $0.content != "welcome"
                }
                #expect(frame.content == text)
            }
            try await socket.synchronize()
            #expect(!socket.unread.contains { ["一", "二", "三"].contains($0.content) })
        }
    }

    @Test("The guide dialect never gets its own messages back; the sender's connections in the full dialect get a copy")
    func echoes() async throws {
        let stack = try await Stack.shared()
        let pair = try await stack.conversation(customerOn: 0)
        let secondGuide = try await stack.connect(pair.customer.token, gateway: 1)
        let full = try await stack.connect(pair.customer.token, gateway: 1, dialect: .full)
        try await full.next("the welcome") { $0.type == "welcome" }
        try await pair.customerSocket.say("从网页发送")
        let copy = try await full.next("the copy") { $0.content == "从网页发送" }
        #expect(copy.type == "message")
        #expect(copy.json["senderType"] == .string("customer"))

        try await full.say("从手机发送", dialect: .full, clientMessageID: "m1")
        let ack = try await full.next("the ack") { $0.type == "ack" }
        #expect(ack.json["clientMessageId"] == .string("m1"))
        // What the agent says next arrives after all that: nothing of the customer's own is before it.
        try await pair.agentSocket.say("收到", in: pair.conversation)
        for socket in [pair.customerSocket, secondGuide, full] { try await socket.next("收到") { $0.content == "收到" } }
        for socket in [pair.customerSocket, secondGuide] {
            #expect(!socket.unread.contains { $0.json["senderId"].string == pair.customer.id })
        }
        #expect(!full.unread.contains { $0.content == "从手机发送" })
    }

    @Test("Messages for a customer who is away wait; acknowledged by the WebSocket's own pong, they do not come again")
    func away() async throws {
        let stack = try await Stack.shared()
        let pair = try await stack.conversation(customerOn: 0, agentOn: 1)
        try await pair.customerSocket.close()
        for number in 0..<100 { try await pair.agentSocket.say("等您 \(number)", in: pair.conversation) }

        let back = try await stack.connect(pair.customer.token, gateway: 1)
        for number in 0..<100 {
            let frame = try await back.next("等您 \(number)") { $0.content.hasPrefix("等您") }
            #expect(frame.content == "等您 \(number)")
        }
        try await Self.waitForCursor(102, of: pair, in: stack)
        try await back.close()

        let again = try await stack.connect(pair.customer.token, gateway: 0)
        try await pair.agentSocket.say("新消息", in: pair.conversation)
        let first = try await again.next("the first message")
        #expect(first.content == "新消息")
    }

    @Test("A client that got messages and died without a pong gets them again on its next connection")
    func unacknowledged() async throws {
        let stack = try await Stack.shared()
        let pair = try await stack.conversation()
        try await Self.waitForCursor(2, of: pair, in: stack)
        try await pair.customerSocket.close()
        let dying = try await stack.connect(pair.customer.token, gateway: 0, answersPings: false)
        for text in ["甲", "乙"] { try await pair.agentSocket.say(text, in: pair.conversation) }
        for text in ["甲", "乙"] { try await dying.next(text) { $0.content == text } }
        try await dying.vanish()

        let back = try await stack.connect(pair.customer.token, gateway: 1)
        for text in ["甲", "乙"] { #expect(try await back.next(text).content == text) }
    }

    @Test("Everything that a client said before it closed arrives, however much it said at once")
    func burstAndClose() async throws {
        let stack = try await Stack.shared()
        let pair = try await stack.conversation(customerOn: 0, agentOn: 1)
        let frames = (0..<1000).flatMap { WebSocketClient.frame(.text, Array(#"{"content":"再见 \#($0)"}"#.utf8)) }
        try await pair.customerSocket.send(bytes: frames + WebSocketClient.frame(.close, [0x03, 0xE8]))
        #expect(try await pair.customerSocket.closing().code == 1000)
        for number in 0..<1000 {
            let message = try await pair.agentSocket.next("再见 \(number)") { $0.conversation == pair.conversation }
            #expect(message.content == "再见 \(number)")
        }
    }

    @Test("In the full dialect ack, history, resume and typing do what they say")
    func fullDialect() async throws {
        let stack = try await Stack.shared()
        let pair = try await stack.conversation(customerOn: 0, agentOn: 1, dialect: .full)
        for number in 1...5 {
            try await pair.agentSocket.say("第 \(number) 条", in: pair.conversation, dialect: .full)
        }
        var last = try await pair.customerSocket.next { $0.content == "第 5 条" }
        let seq = try #require(last.json["seq"].int)
        #expect(seq == 7)

        try await pair.customerSocket.send(
            #"{"type":"history","conversationId":"\#(pair.conversation)","after":4,"limit":2}"#
        )
        let history = try await pair.customerSocket.next("the history") { $0.type == "history" }
        #expect(history.json["messages"].array.map { $0["content"].string } == ["第 3 条", "第 4 条"])
        #expect(history.json["hasMore"] == .bool(true))

        let generation = try #require(history.json["generation"].int)
        try await pair.customerSocket.send(
            #"{"type":"resume","conversationId":"\#(pair.conversation)","generation":\#(generation),"seq":5}"#
        )
        for number in [4, 5] {
            last = try await pair.customerSocket.next("the resumed") {
                $0.type == "message" && ($0.json["seq"].int ?? 0) == number + 2
            }
            #expect(last.content == "第 \(number) 条")
        }

        try await pair.customerSocket.send(#"{"type":"typing","conversationId":"\#(pair.conversation)"}"#)
        let typing = try await pair.agentSocket.next("typing") { $0.type == "typing" }
        #expect(typing.json["senderId"] == .string(pair.customer.id))
        #expect(typing.json["isTyping"] == .bool(true))

        // Acknowledged, it does not come again; the position is in the welcome.
        try await pair.customerSocket.send(#"{"type":"ack","conversationId":"\#(pair.conversation)","seq":7}"#)
        try await Self.waitForCursor(7, of: pair, in: stack)
        try await pair.customerSocket.close()
        let back = try await stack.connect(pair.customer.token, gateway: 1, dialect: .full)
        let welcome = try await back.next("the welcome")
        #expect(welcome.type == "welcome")
        let position = try #require(
            welcome.json["conversations"].array.first { $0["conversationId"].string == pair.conversation }
        )
        #expect(position["cursor"].int == 7)
        #expect(position["seq"].int == 7)
        #expect(position["state"] == .string("assigned"))
        #expect(position["assigneeId"] == .string(pair.agent.id))
    }

    @Test("The same clientMessageId again is one message, acknowledged twice with the same place")
    func deduplication() async throws {
        let stack = try await Stack.shared()
        let pair = try await stack.conversation(dialect: .full)
        var acks: [WebSocketClient.Text] = []
        for gateway in [0, 1] {
            let socket = try await stack.connect(pair.customer.token, gateway: gateway, dialect: .full)
            try await socket.say("只有一次", dialect: .full, clientMessageID: "once")
            acks.append(try await socket.next("the ack") { $0.type == "ack" })
        }
        #expect(acks[0].json["id"] == acks[1].json["id"])
        #expect(acks[0].json["seq"] == acks[1].json["seq"])
        try await pair.customerSocket.say("之后", dialect: .full)
        try await pair.agentSocket.next { $0.content == "只有一次" }
        let following = try await pair.agentSocket.next { $0.type == "message" && $0.conversation == pair.conversation }
        #expect(following.content == "之后")
    }

    /// Waits until Redis has it that the customer acknowledged everything up to `seq`, as a `welcome` tells.
    private static func waitForCursor(_ seq: Int, of pair: Stack.Pair, in stack: Stack) async throws {
        let deadline = ContinuousClock.now + .seconds(30)
        while true {
            let socket = try await stack.connect(pair.customer.token, dialect: .full)
            let welcome = try await socket.next("the welcome") { $0.type == "welcome" }
            let position = welcome.json["conversations"].array.first {
                $0["conversationId"].string == pair.conversation
            }
            try await socket.close()
            if position?["cursor"].int == seq { return }
            guard ContinuousClock.now < deadline else { throw EndToEndError("\(seq) was not acknowledged: \(welcome)") }
            try await Task.sleep(for: .milliseconds(50))
        }
    }
}
