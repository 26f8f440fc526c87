import Foundation
import Testing

/// The guide's section 不同渠道接入示例, Integration Examples for Different Channels, as they are printed.
@Suite("Integration Examples")
struct IntegrationExampleTests {
    @Test("The guide's web page, served from another origin, talks to an agent in Chromium")
    func webPage() async throws {
        let stack = try await Stack.shared()
        let agent = try await stack.connect(try await stack.agentTokenFromScript())
        let folder = Program.temporaryFile("page")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: folder) }
        try GuideText().sample(under: "1. Web 网页聊天", in: "html").on(stack)
            .write(to: folder.appendingPathComponent("index.html"), atomically: true, encoding: .utf8)

        let server = try await PageServer(folder: folder)
        try await Browser.run { browser in
            try await browser.open(server.origin)
            try await browser.wait(until: "typeof ws !== 'undefined' && ws.readyState === WebSocket.OPEN")
            let customerID = try #require(try await browser.value(of: "customerId").string)
            stack.remember(
                try #require(try await browser.value(of: "new URL(ws.url).searchParams.get('token')").string)
            )

            try await browser.type("你好，我的订单到哪里了？", into: "#message-input")
            try await browser.click("button")
            let asked = try await agent.next("the customer's message") { $0.json["senderId"].string == customerID }
            #expect(asked.content == "你好，我的订单到哪里了？")
            try await agent.say("已经发货", in: asked.conversation)
            try await browser.wait(until: "document.querySelector('#messages .agent')?.textContent === '已经发货'")
            // The customer's own message is on the page once: nothing came back for it.
            #expect(
                try await browser.value(
                    of: "[...document.querySelectorAll('#messages > div')].map(e => e.className + ' ' + e.textContent)"
                )
                    == .array([.string("user 你好，我的订单到哪里了？"), .string("agent 已经发货")])
            )
        }
    }

    @Test("The guide's WeChat mini program talks to an agent")
    func weChat() async throws {
        let stack = try await Stack.shared()
        let agent = try await stack.connect(try await stack.newAgent().token)
        let sample = try GuideText().sample(under: "2. 微信小程序", in: "javascript").on(stack)
        let page = try NodeProgram(
            "process.env.OPENID = 'o\(UUID().uuidString)';\n" + sample,
            prelude: "mini-program.js"
        )
        try await page.line(containing: "socket open")
        try page.run(
            "page.setData({ inputValue: ' 我要退货 ' }); page.sendMessage(); console.log('id', page.data.customerId)"
        )
        try await page.line(containing: "user: 我要退货")
        let line = try await page.line(containing: "id ")
        let customerID = String(line.dropFirst(3))
        try page.run("console.log('token', page.data.token)")
        stack.remember(String(try await page.line(containing: "token ").dropFirst(6)))

        let asked = try await agent.next("the customer's message") { $0.json["senderId"].string == customerID }
        #expect(asked.content == "我要退货")
        #expect(asked.json["channel"] == .string("WECHAT"))
        try await agent.say("好的，请提供订单号", in: asked.conversation)
        try await page.line(containing: "agent: 好的，请提供订单号")
    }

    @Test("The guide's WhatsApp service in Node carries messages both ways")
    func whatsApp() async throws {
        let stack = try await Stack.shared()
        let agent = try await stack.connect(try await stack.newAgent().token)
        let phone = "+86139\(Int.random(in: 10_000_000...99_999_999))"
        let sample = try GuideText().sample(under: "3. WhatsApp Business (Node.js)", in: "javascript").on(stack)
            .replacingOccurrences(
                of: "new WhatsAppCustomerService('+8613800138000')",
                with: "new WhatsAppCustomerService('\(phone)')"
            )
        let service = try NodeProgram(sample, prelude: "websocket.js")
        try await service.line(containing: "Connected to customer service")
        try service.run("console.log('token', customer.token); customer.sendMessage('Hello from \(phone)')")
        stack.remember(String(try await service.line(containing: "token ").dropFirst(6)))

        let asked = try await agent.next("the customer's message") { $0.content == "Hello from \(phone)" }
        #expect(asked.json["channel"] == .string("WHATSAPP"))
        try await agent.say("Hi! How can I help?", in: asked.conversation)
        try await service.line(containing: "Agent replied: Hi! How can I help?")
        // The phone number finds the same customer in the management API.
        let record = try await stack.demand(
            "GET",
            "/api/v1/customers/\(try #require(asked.json["senderId"].string))",
            token: try await stack.signInAdmin()
        )
        #expect(record["whatsappPhone"] == .string(phone))
    }
}
