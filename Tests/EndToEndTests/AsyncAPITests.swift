import Foundation
import Testing

/// `asyncapi.yaml` as a promise: real frames of both sides and both dialects, held against its schemas.
@Suite("asyncapi.yaml")
struct AsyncAPITests {
    @Test("Every frame is as asyncapi.yaml has it, and every frame and field that it has comes")
    func frames() async throws {
        try await DirectStack.run(gateways: 1) { direct in
            let story = Dialogue(direct: direct)
            try await story.play()
            let lines = try story.lines().map { String(decoding: try JSONEncoder().encode($0), as: UTF8.self) }
            #expect(lines.count > 80)
            let (code, output) = try await Program.run(
                Repository.root.appendingPathComponent("deploy/schemathesis").path,
                [
                    "--python", Repository.endToEndTests.appendingPathComponent("Harness/asyncapi.py").path,
                    Repository.root.appendingPathComponent("Sources/CustomerAPI/asyncapi.yaml").path,
                ],
                input: lines.joined(separator: "\n"),
                // It may have to be installed first.
                timeout: .seconds(300)
            )
            #expect(code == 0, "\(output)")
        }
    }
}

/// What is written down of a frame; `side` is `client`, `refused` (a client's, for its form) or `server`.
private struct Line: Encodable {
    let channel: String
    let side: String
    let text: String
}

/// Customers and agents who say everything that can be said.
private struct Dialogue: Sendable {
    let direct: DirectStack
    private let speakers = Watched<[Speaker]>([])

    init(direct: DirectStack) { self.direct = direct }

    private var stack: Stack { direct.stack }

    /// All that was said, on every connection.
    func lines() throws -> [Line] { speakers.current.flatMap { $0.lines } }

    func play() async throws {
        let ann = try await stack.newAgent("Ann")
        let customer = try await stack.newCustomer()
        let desk = try await connect(ann.token, .full)
        let page = try await connect(customer.token, .full)
        let id = try await openConversation(page, desk)
        try await refuse(page, id)
        try await answer(page, desk, id, ann)
        try await goOn(page, desk, id)
        try await guide(ann)
        try await comeBack(page, desk, id, customer, ann)
    }

    private func connect(_ token: String, _ dialect: WebSocketClient.Dialect) async throws -> Speaker {
        let socket = try await WebSocketClient.connect(
            to: stack.edgePort,
            token: token,
            dialect: dialect,
            records: true
        )
        let speaker = Speaker(socket: socket, channel: dialect == .full ? "full" : "guide")
        speakers.update { $0.append(speaker) }
        if dialect == .full { try await socket.next("the welcome") { $0.type == "welcome" } }
        return speaker
    }

    private func openConversation(_ page: Speaker, _ desk: Speaker) async throws -> String {
        try await page.say(
            #"{"type":"message","clientMessageId":"first","conversationId":null,"senderId":"whoever","content":"你好","#
                + #""metadata":{"orderId":"ORDER-12345","lines":[1,2.5,null]}}"#
        )
        let ack = try await page.hear("ack")
        let asked = try await desk.hear("message")
        #expect(asked.conversation == ack.conversation)
        // A name of one's own for a conversation.
        try await page.say(
            #"{"type":"message","conversationId":"another","senderId":7,"content":"再见","metadata":null}"#
        )
        let other = try await page.hear("ack")
        #expect(other.conversation != ack.conversation)
        try await desk.hear("message")
        return ack.conversation
    }

    /// What is refused for its form, asyncapi.yaml does not allow either.
    private func refuse(_ page: Speaker, _ id: String) async throws {
        for (frame, code) in [
            ("你好", "malformed_json"), ("[]", "malformed_json"), ("{}", "missing_field"),
            (#"{"type":"shout"}"#, "unknown_type"), (#"{"type":1}"#, "invalid_value"),
            (#"{"type":"message"}"#, "missing_field"), (#"{"type":"message","content":null}"#, "missing_field"),
            (
                #"{"type":"message","clientMessageId":"bad","conversationId":"\#(id)","content":""}"#,
                "invalid_value"
            ),
            (#"{"type":"message","content":5}"#, "invalid_value"),
            (#"{"type":"message","content":"a","metadata":[]}"#, "invalid_value"),
            (#"{"type":"message","content":"a","conversationId":7}"#, "invalid_value"),
            (#"{"type":"message","content":"a","clientMessageId":""}"#, "invalid_value"),
            (#"{"type":"typing"}"#, "missing_field"),
            (#"{"type":"typing","conversationId":"\#(id)","isTyping":1}"#, "invalid_value"),
            (#"{"type":"typing","conversationId":"session-123"}"#, "invalid_value"),
            (#"{"type":"read","conversationId":"\#(id)"}"#, "missing_field"),
            (#"{"type":"read","conversationId":"\#(id)","seq":-1}"#, "invalid_value"),
            (#"{"type":"ack","conversationId":"\#(id)","seq":"1"}"#, "invalid_value"),
            (#"{"type":"ack","conversationId":"\#(id)","seq":1,"generation":9007199254740992}"#, "invalid_value"),
            (#"{"type":"history","conversationId":"\#(id)","limit":101}"#, "invalid_value"),
            (#"{"type":"history","conversationId":"\#(id)","before":2,"after":1}"#, "invalid_value"),
            (#"{"type":"resume","conversationId":"\#(id)","seq":1}"#, "missing_field"),
            (#"{"type":"resume","conversationId":"\#(id)","seq":1.5,"generation":1}"#, "invalid_value"),
        ] { try await page.isRefused(frame, code) }
        // Its form is right.
        try await page.say(#"{"type":"history","conversationId":"\#(UUID().uuidString.lowercased())"}"#)
        #expect(try await page.hear("error").json["code"].string == "not_found")
    }

    private func answer(_ page: Speaker, _ desk: Speaker, _ id: String, _ ann: Stack.Agent) async throws {
        _ = try await stack.demand("POST", "/api/v1/conversations/\(id)/claim", token: ann.token)
        try await desk.hear("assignment")
        try await page.hear("assignment")
        _ = try await stack.demand(
            "POST",
            "/api/v1/conversations/\(id)/notes",
            token: ann.token,
            json: #"{"content":"VIP"}"#
        )
        try await desk.hear("note")
        try await page.say(#"{"type":"typing","conversationId":"\#(id)"}"#)
        try await desk.hear("typing")
        try await desk.say(#"{"type":"typing","conversationId":"\#(id)","isTyping":false}"#)
        try await page.hear("typing")
        // Up to here the agent has, and has read, what was said.
        try await desk.say(#"{"type":"ack","conversationId":"\#(id)","seq":1,"generation":1}"#)
        try await page.hear("receipt")
        try await desk.say(#"{"type":"read","conversationId":"\#(id)","seq":1}"#)
        try await page.hear("receipt") { $0.json["read"].int == 1 }
        try await desk.say(#"{"type":"message","conversationId":"\#(id)","content":"您好"}"#)
        try await desk.hear("ack")
        try await page.hear("message")
        try await page.say(#"{"type":"ack","conversationId":"\#(id)","seq":2,"generation":null}"#)
        try await desk.hear("receipt")
    }

    private func goOn(_ page: Speaker, _ desk: Speaker, _ id: String) async throws {
        for rest in ["", #","limit":1"#, #","before":2,"after":null,"limit":100"#, #","after":1,"limit":null"#] {
            try await page.say(#"{"type":"history","conversationId":"\#(id)"\#(rest)}"#)
            try await page.hear("history")
        }
        // What the agent said comes again; the customer's own on this connection does not.
        try await page.say(#"{"type":"resume","conversationId":"\#(id)","generation":1,"seq":0}"#)
        try await page.hear("message")
        try await page.say(#"{"type":"resume","conversationId":"\#(id)","generation":1,"seq":100}"#)
        #expect(try await page.hear("reset").json["from"].int == 3)
        // A bot's word, in a conversation that waits.
        let bot = try await stack.newAgent("Bot", role: "bot")
        let robot = try await connect(bot.token, .full)
        try await page.say(#"{"type":"message","conversationId":"bots","content":"几点开门？"}"#)
        let asked = try await robot.hear("message") { $0.content == "几点开门？" }
        try await robot.say(#"{"type":"message","conversationId":"\#(asked.conversation)","content":"九点"}"#)
        #expect(try await page.hear("message") { $0.content == "九点" }.json["senderType"].string == "bot")
        try await robot.socket.close()
    }

    private func guide(_ ann: Stack.Agent) async throws {
        let page = try await connect(try await stack.newCustomer(channel: "WECHAT").token, .guide)
        let desk = try await connect(ann.token, .guide)
        try await page.say(
            #"{"conversationId":"session-123","senderId":"whoever","content":"你好","metadata":{"type":"text"}}"#
        )
        let asked = try await desk.socket.next { $0.content == "你好" }
        try await desk.say(#"{"conversationId":"\#(asked.conversation)","content":"您好","metadata":{}}"#)
        try await page.socket.next { $0.content == "您好" }
        try await page.say(#"{"conversationId":"","content":"再见"}"#)
        try await desk.socket.next { $0.content == "再见" }
        for (frame, code) in [
            ("", "malformed_json"), ("{}", "missing_field"), (#"{"content":5}"#, "invalid_value"),
            (#"{"content":"a","metadata":"b"}"#, "invalid_value"),
            (#"{"content":"a","conversationId":{}}"#, "invalid_value"),
        ] { try await page.isRefused(frame, code) }
        // An agent's has no channel of its own; what it lacks depends on who sends it.
        try await desk.say(#"{"content":"a"}"#)
        try await desk.socket.next { $0.json["error"]["code"].string == "missing_field" }
        try await desk.socket.close()
        try await page.socket.close()
    }

    private func comeBack(
        _ page: Speaker,
        _ desk: Speaker,
        _ id: String,
        _ customer: Stack.Customer,
        _ ann: Stack.Agent
    ) async throws {
        try await page.socket.close()
        try await desk.hear("presence") { $0.json["id"].string == customer.id && $0.json["online"].bool == false }
        let later = try await connect(customer.token, .full)
        try await desk.hear("presence") { $0.json["id"].string == customer.id && $0.json["online"].bool == true }
        try await desk.socket.close()
        try await later.hear("presence") { $0.json["id"].string == ann.id && $0.json["online"].bool == false }
        let back = try await connect(ann.token, .full)
        try await later.hear("presence") { $0.json["id"].string == ann.id && $0.json["online"].bool == true }
        _ = try await stack.demand("POST", "/api/v1/conversations/\(id)/resolve", token: ann.token)
        try await later.hear("assignment") { $0.json["state"].string == "resolved" }
        direct.gateway(0).send(SIGTERM)
        for speaker in [later, back] {
            try await speaker.hear("going_away")
            #expect(try await speaker.socket.closing().code == 1001)
        }
    }
}

/// A client whose frames are written down, in both directions.
private struct Speaker: Sendable {
    let socket: WebSocketClient
    let channel: String
    private let sent = Watched<[Line]>([])

    init(socket: WebSocketClient, channel: String) {
        self.socket = socket
        self.channel = channel
    }

    var lines: [Line] {
        sent.current + (socket.inbox.current.record ?? []).map { Line(channel: channel, side: "server", text: $0) }
    }

    func say(_ text: String) async throws {
        sent.update { $0.append(Line(channel: channel, side: "client", text: text)) }
        try await socket.send(text)
    }

    /// Says what is refused for its form.
    func isRefused(_ text: String, _ code: String) async throws {
        sent.update { $0.append(Line(channel: channel, side: "refused", text: text)) }
        try await socket.send(text)
        let answer = try await socket.next("what is wrong with \(text)") {
            $0.type == "error" || $0.json["error"] != .null
        }
        let error = channel == "full" ? answer.json : answer.json["error"]
        #expect(error["code"].string == code, "\(text): \(answer)")
    }

    @discardableResult
    func hear(
        _ type: String,
        where fits: @escaping @Sendable (WebSocketClient.Text) -> Bool = { _ in true }
    ) async throws -> WebSocketClient.Text {
        try await socket.next(type) { $0.type == type && fits($0) }
    }
}
