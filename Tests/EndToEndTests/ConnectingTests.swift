import Foundation
import Testing

/// The guide's section 连接 WebSocket, Connecting to the WebSocket: its class and its React hook, as they are printed.
@Suite("Connecting to the WebSocket")
struct ConnectingTests {
    @Test("The guide's class CustomerWebSocket connects, sends, shows the answer and disconnects")
    func customerWebSocket() async throws {
        let stack = try await Stack.shared()
        let customer = try await stack.newCustomer()
        let agent = try await stack.connect(try await stack.newAgent().token)
        let sample = try GuideText().sample(under: "JavaScript (浏览器)", in: "javascript").on(stack)
            .replacingOccurrences(of: "cust_xxxx", with: customer.token)
        let page = try NodeProgram(sample, prelude: "websocket.js")
        try await page.line(containing: "✅ 已连接到客服")

        try page.run("client.sendMessage('我想咨询产品价格')")
        let asked = try await agent.next("the customer's message") { $0.json["senderId"].string == customer.id }
        #expect(asked.content == "我想咨询产品价格")
        try await agent.say("价格是 100 元", in: asked.conversation)
        try await page.line(containing: "客服回复: 价格是 100 元")

        try page.run("client.disconnect()")
        try await page.line(containing: "🔌 连接已关闭")
        #expect(!page.output.contains("❌"))
    }

    /// The hook runs in Chromium with Debian's React 18; esbuild only takes its types off and joins the modules.
    @Test("The guide's React hook shows that it is connected, the answers, and that it is not connected any more")
    func reactHook() async throws {
        let stack = try await Stack.shared()
        let customer = try await stack.newCustomer()
        let agent = try await stack.connect(try await stack.newAgent().token)

        let folder = Program.temporaryFile("hook")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: folder) }
        try GuideText().sample(under: "React Hook", in: "typescript").on(stack)
            .write(to: folder.appendingPathComponent("hook.ts"), atomically: true, encoding: .utf8)
        try FileManager.default.copyItem(
            at: Repository.endToEndTests.appendingPathComponent("Harness/hook-page.jsx"),
            to: folder.appendingPathComponent("main.jsx")
        )
        let bundling = try await Program.run(
            "esbuild",
            [
                folder.appendingPathComponent("main.jsx").path, "--bundle", "--log-level=warning",
                "--define:process.env.NODE_ENV=\"production\"",
                "--outfile=\(folder.appendingPathComponent("page.js").path)",
            ],
            environment: ["NODE_PATH": NodeProgram.modules]
        )
        #expect(bundling.exitCode == 0, "\(bundling.output)")
        try #"<!DOCTYPE html><div id="root"></div><script src="page.js"></script>"#
            .write(to: folder.appendingPathComponent("index.html"), atomically: true, encoding: .utf8)

        let server = try await PageServer(folder: folder)
        try await Browser.run { browser in
            try await browser.open("\(server.origin)/?token=\(customer.token)")
            try await browser.wait(until: "document.getElementById('state')?.textContent === 'connected'")
            try await browser.type("这是我的订单号", into: "#text")
            try await browser.click("#send")
            let asked = try await agent.next("the customer's message") { $0.json["senderId"].string == customer.id }
            #expect(asked.content == "这是我的订单号")
            for answer in ["第一个回复", "第二个回复"] { try await agent.say(answer, in: asked.conversation) }
            try await browser.wait(until: "document.querySelectorAll('#messages li').length === 2")
            #expect(
                try await browser.value(of: "[...document.querySelectorAll('#messages li')].map(e => e.textContent)")
                    == .array([.string("第一个回复"), .string("第二个回复")])
            )
            _ = try await browser.value(of: "leave()")
        }
    }

    @Test(
        "The token is taken from the query, the Authorization header or the list of subprotocols, in both dialects",
        arguments: [WebSocketClient.TokenPlace.query, .header, .subprotocol]
    )
    func tokenPlaces(place: WebSocketClient.TokenPlace) async throws {
        let stack = try await Stack.shared()
        let customer = try await stack.newCustomer()
        for dialect in [WebSocketClient.Dialect.guide, .full] {
            let socket = try await WebSocketClient.connect(
                to: stack.edgePort,
                token: customer.token,
                dialect: dialect,
                tokenIn: place
            )
            let answer = try #require(try socket.inbox.current.handshake?.get())
            switch (dialect, place) {
            case (.full, _): #expect(answer.headers["sec-websocket-protocol"] == "chat.v2")
            case (.guide, .subprotocol):
                #expect(answer.headers["sec-websocket-protocol"] == "token.\(customer.token)")
            case (.guide, _): #expect(answer.headers["sec-websocket-protocol"] == nil)
            }
            if dialect == .full {
                let welcome = try await socket.next("the welcome")
                #expect(welcome.type == "welcome")
                #expect(welcome.json["principal"]["id"] == .string(customer.id))
            }
            #expect(try await socket.close().code == 1000)
        }
    }

    @Test(
        "A handshake without a valid token is refused with 401 and JSON",
        arguments: [
            nil, "", "nonsense", "cust_00000000-0000-4000-8000-000000000000", "00000000-0000-4000-8000-000000000000",
        ]
    )
    func noToken(token: String?) async throws {
        let stack = try await Stack.shared()
        let refused = await #expect(throws: HandshakeRefused.self) {
            _ = try await WebSocketClient.connect(to: stack.edgePort, token: token)
        }
        let response = try #require(refused).response
        #expect(response.status == 401)
        #expect(response.headers["content-type"] == "application/json; charset=utf-8")
        #expect(response.json["success"] == .bool(false))
        #expect(response.error["code"] == .string("unauthenticated"))
        #expect(response.error["message"].string?.contains("missing, unknown or expired") == true)
    }

    @Test("What is no WebSocket handshake gets a sentence that says what is wanted")
    func noHandshake() async throws {
        let stack = try await Stack.shared()
        let plain = try await stack.request("GET", "/ws/chat?token=whatever")
        #expect(plain.status == 426)
        #expect(plain.headers["upgrade"] == "websocket")
        #expect(plain.error["code"] == .string("upgrade_required"))
        let posted = try await stack.request("POST", "/ws/chat", json: "{}")
        #expect(posted.status == 405)
        #expect(posted.error["code"] == .string("method_not_allowed"))
        let elsewhere = try await stack.request("GET", "/ws/other")
        #expect(elsewhere.status == 404)
        #expect(elsewhere.error["code"] == .string("not_found"))
    }
}
