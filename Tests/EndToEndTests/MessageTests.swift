import Foundation
import Testing

/// The guide's section 发送和接收消息, Sending and Receiving Messages.
@Suite("Sending and Receiving Messages")
struct MessageTests {
    @Test("What the server sends has the guide's fields first, in its order, then id, seq and metadata")
    func format() async throws {
        let stack = try await Stack.shared()
        let pair = try await stack.conversation()
        let printed = try JSON(parsing: try GuideText().sample(under: "服务端返回消息", in: "json"))

        try await pair.agentSocket.send(
            #"{"conversationId":"\#(pair.conversation)","senderId":"agent-id","content":"客服回复内容","#
                + #""metadata":{"a":[1,"二"]}}"#
        )
        let frame = try await pair.customerSocket.next("the answer") { $0.content == "客服回复内容" }
        #expect(printed.keys.isSubset(of: frame.json.keys))
        #expect(frame.json.keys.subtracting(printed.keys) == ["id", "seq", "metadata"])
        let timestamp = try #require(frame.json["timestamp"].string)
        let id = try #require(frame.json["id"].string)
        let seq = try #require(frame.json["seq"].int)
        #expect(
            frame.text == #"{"channel":"WEB","conversationId":"\#(pair.conversation)","senderId":"\#(pair.agent.id)","#
                + #""content":"客服回复内容","timestamp":"\#(timestamp)","id":"\#(id)","seq":\#(seq),"#
                + #""metadata":{"a":[1,"二"]}}"#
        )
        #expect(timestamp.wholeMatch(of: /20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(\.[0-9]+)?Z/) != nil)
        #expect(UUID(uuidString: id) != nil)
        #expect(seq == 3)
    }

    @Test("The guide's samples of sending arrive as they were sent, with their metadata")
    func samples() async throws {
        let stack = try await Stack.shared()
        let pair = try await stack.conversation()
        let sample = try GuideText().sample(under: "消息示例", in: "javascript")
        let page = try NodeProgram(
            "const ws = new WebSocket('ws://127.0.0.1:\(stack.edgePort)/ws/chat?token=\(pair.customer.token)');"
                + "ws.onopen = () => console.log('open');",
            prelude: "websocket.js"
        )
        try await page.line(containing: "open")
        try page.run(sample)
        let plain = try await pair.agentSocket.next("the first") { $0.conversation == pair.conversation }
        #expect(plain.content == "我想咨询产品价格")
        #expect(plain.json["metadata"] == .null)
        #expect(plain.json["senderId"] == .string(pair.customer.id))
        let order = try await pair.agentSocket.next("the second") { $0.conversation == pair.conversation }
        #expect(order.content == "这是我的订单号")
        #expect(order.text.contains(#""metadata":{"orderId":"ORDER-12345","orderStatus":"pending"}"#))
        #expect(try #require(order.json["seq"].int) == #require(plain.json["seq"].int) + 1)
    }

    @Test("Content of all kinds arrives as it was sent, byte for byte")
    func content() async throws {
        let stack = try await Stack.shared()
        let pair = try await stack.conversation()
        let literals = [
            #""\"quoted\" \\ \/ \b\f\n\r\t""#, #""\u4f60\u597d \ud83d\ude00 你好 😀""#, "\"\u{2028}\u{200B} x \"",
            "\"" + String(repeating: "长", count: 20_000) + "\"", #""<script>alert(1)</script>&amp;""#,
        ]
        for literal in literals {
            try await pair.customerSocket.send(#"{"content":\#(literal)}"#)
            let frame = try await pair.agentSocket.next("a message") { $0.conversation == pair.conversation }
            #expect(frame.text.contains(#""content":\#(literal),"#))
        }
    }

    @Test("Without a conversationId a message goes to the customer's open conversation; with it, to that one")
    func reuse() async throws {
        let stack = try await Stack.shared()
        let pair = try await stack.conversation()
        for reference in [nil, "", pair.conversation] {
            try await pair.customerSocket.say("again", in: reference)
            let frame = try await pair.agentSocket.next("the message") {
                $0.json["senderId"].string == pair.customer.id
            }
            #expect(frame.conversation == pair.conversation)
        }
    }

    @Test("A conversationId of the client's own, as the guide's session-123, names one conversation of that customer")
    func alias() async throws {
        let stack = try await Stack.shared()
        let agent = try await stack.connect(try await stack.newAgent().token)
        var conversations: Set<String> = []
        for name in ["session-123", "session-456"] {
            for _ in 0..<2 {
                let customer = try await stack.newCustomer()
                let socket = try await stack.connect(customer.token)
                for text in ["一", "二"] { try await socket.say(text, in: name) }
                let first = try await agent.next("一") { $0.json["senderId"].string == customer.id }
                let second = try await agent.next("二") { $0.json["senderId"].string == customer.id }
                #expect(first.conversation == second.conversation)
                #expect(UUID(uuidString: first.conversation) != nil)
                #expect([first.json["seq"].int, second.json["seq"].int] == [1, 2])
                conversations.insert(first.conversation)
            }
        }
        // The same name of two customers is two conversations.
        #expect(conversations.count == 4)
    }

    @Test("A frame's senderId is not believed: others see whose token it was")
    func senderIsTheToken() async throws {
        let stack = try await Stack.shared()
        let pair = try await stack.conversation()
        try await pair.customerSocket.send(#"{"senderId":"\#(pair.agent.id)","content":"我是客服"}"#)
        let frame = try await pair.agentSocket.next("the message") { $0.content == "我是客服" }
        #expect(frame.json["senderId"] == .string(pair.customer.id))
    }
}
