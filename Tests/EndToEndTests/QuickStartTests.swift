import Foundation
import Testing

/// The guide's section 快速开始, Quick Start: its three steps, as they are printed.
@Suite("Quick Start")
struct QuickStartTests {
    @Test("The guide's curl gets a token, and its JavaScript talks to an agent whose token is from deploy/agent-token")
    func threeSteps() async throws {
        let stack = try await Stack.shared()
        let guide = try GuideText()

        let curl = try guide.sample(under: "步骤 1: 获取客户 Token", in: "bash").on(stack)
        let answer = try await Program.run("bash", ["-c", curl.replacingOccurrences(of: "curl ", with: "curl -sS ")])
        #expect(answer.exitCode == 0)
        let json = try JSON(parsing: answer.output)
        let printed = try JSON(parsing: try guide.sample(under: "步骤 1: 获取客户 Token", in: "json"))
        #expect(json.keys == printed.keys)
        #expect(json["success"] == .bool(true))
        // One field more than the guide has.
        #expect(json["data"].keys == printed["data"].keys.union(["expiresAt"]))
        #expect(json["data"]["name"] == .string("张三"))
        #expect(json["data"]["channel"] == .string("WEB"))
        #expect(UUID(uuidString: try #require(json["data"]["customerId"].string)) != nil)
        let token = stack.remember(try #require(json["data"]["token"].string))
        #expect(token.wholeMatch(of: /cust_[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/) != nil)

        let agent = try await stack.connect(try await stack.agentTokenFromScript())
        let stepTwo = try guide.sample(under: "步骤 2: 连接 WebSocket", in: "javascript").on(stack)
            .replacingOccurrences(of: "cust_a1b2c3d4-e5f6-7890-abcd-ef1234567890", with: token)
        let page = try NodeProgram(stepTwo, prelude: "websocket.js")
        try await page.line(containing: "已连接到客服")
        try page.run(try guide.sample(under: "步骤 3: 发送消息", in: "javascript"))

        let customerID = try #require(json["data"]["customerId"].string)
        let asked = try await agent.next("the customer's message") { $0.json["senderId"].string == customerID }
        #expect(asked.content == "你好，我需要帮助")
        #expect(asked.json["channel"] == .string("WEB"))
        #expect(asked.json["metadata"] == .object([:]))
        try await agent.say("您好，请问有什么可以帮您？", in: asked.conversation)
        try await page.line(containing: "收到消息:")
        try await page.line(containing: "content: '您好，请问有什么可以帮您？'")
        try await page.line(containing: "conversationId: '\(asked.conversation)'")
    }

    @Test(
        "The token's answer is the guide's for the same request, again and again, but for a token of its own each time"
    )
    func repeated() async throws {
        let stack = try await Stack.shared()
        let id = "web_\(UUID().uuidString)"
        let first = try await stack.newCustomer("王五", channelID: id)
        let second = try await stack.newCustomer("王五", channelID: id)
        #expect(first.id == second.id)
        #expect(first.token != second.token)
    }
}
