import Foundation
import Testing

/// The guide's section 常见问题, Frequently Asked Questions: what its answers say is so.
@Suite("Frequently Asked Questions")
struct FAQTests {
    @Test(
        "Q2: a token ends after TOKEN_TTL: its sockets are closed with 4005, REST and handshakes answer 401"
    )
    func tokensEnd() async throws {
        let stack = try await Stack.shared()
        let port = try Ports.freeBlock()
        let lifetime = 60
        let other = try Program(
            Repository.programs.appendingPathComponent("customer-api").path,
            ["serve"],
            environment: [
                "PORT": "\(port)", "HOST": "127.0.0.1", "REDIS_URL": stack.redisURL, "TOKEN_TTL": "\(lifetime)",
            ],
            output: stack.logFolder.appendingPathComponent("customer-api-short.log")
        )
        defer { other.send(SIGKILL) }
        try await other.line(containing: "istening")
        let id = "web_\(UUID().uuidString)"
        let body = #"{"name":"短","channel":"WEB","channelId":"\#(id)"}"#
        let short = try await Curl.request("POST", port: port, "/api/v1/public/customer-token", json: body)
        let token = stack.remember(try #require(short.data["token"].string))
        let agent = try await stack.newAgent()
        let login = try await Curl.request(
            "POST",
            port: port,
            "/api/v1/agents/login",
            json: #"{"login":"\#(agent.login)","password":"\#(agent.password)"}"#
        )
        let agentToken = stack.remember(try #require(login.data["token"].string))
        #expect(try await stack.request("GET", "/api/v1/agents/me", token: agentToken).status == 200)

        let sockets = [
            try await stack.connect(token, gateway: 0), try await stack.connect(token, gateway: 1, dialect: .full),
            try await stack.connect(agentToken),
        ]
        for socket in sockets {
            let closing = try await socket.closing(timeout: .seconds(lifetime + 30))
            #expect(closing == .init(code: 4005, reason: "the token expired, get a new one"))
        }
        let refused = await #expect(throws: HandshakeRefused.self) { _ = try await stack.connect(token) }
        #expect(refused?.response.status == 401)
        let rest = try await stack.request("GET", "/api/v1/agents/me", token: agentToken)
        #expect(rest.status == 401)
        #expect(rest.error["code"] == .string("unauthenticated"))

        let renewed = try await stack.newCustomer("短", channelID: id)
        #expect(renewed.id == short.data["customerId"].string)
        try await stack.connect(renewed.token).close()
    }

    @Test("Q3: several tokens of one customer all work, and all their connections get the answer")
    func severalTokens() async throws {
        let stack = try await Stack.shared()
        let pair = try await stack.conversation()
        var sockets = [pair.customerSocket]
        for gateway in [0, 1] {
            let again = try await stack.newCustomer(channelID: pair.customer.channelID)
            #expect(again.id == pair.customer.id)
            sockets.append(try await stack.connect(again.token, gateway: gateway))
        }
        try await pair.agentSocket.say("给所有设备", in: pair.conversation)
        for socket in sockets { try await socket.next("the answer") { $0.content == "给所有设备" } }
    }

    @Test("Q4: customers' tokens begin with cust_, agents' are bare UUIDs, and one with the other's form is refused")
    func prefixes() async throws {
        let stack = try await Stack.shared()
        let customer = try await stack.newCustomer()
        let agent = try await stack.newAgent()
        #expect(customer.token.hasPrefix("cust_"))
        #expect(UUID(uuidString: agent.token) != nil)
        for wrong in [String(customer.token.dropFirst(5)), "cust_\(agent.token)"] {
            let refused = await #expect(throws: HandshakeRefused.self) { _ = try await stack.connect(wrong) }
            #expect(refused?.response.status == 401)
        }
    }

    @Test("Q5: a client that closes gets the close frame's answer and then the connection's end")
    func closing() async throws {
        let stack = try await Stack.shared()
        let socket = try await stack.connect(try await stack.newCustomer().token)
        #expect(try await socket.close().code == 1000)
        _ = try await socket.inbox.wait(for: "the connection's end") { $0.hasEnded ? true : nil }
    }

    @Test("Q6: the guide's connectWithRetry connects again after the connection broke, and gets what came meanwhile")
    func connectWithRetry() async throws {
        let stack = try await Stack.shared()
        let pair = try await stack.conversation()
        try await pair.customerSocket.close()
        let sample = try GuideText().sample(under: "Q6: 如何实现断线重连？", in: "javascript").on(stack)
        let page = try NodeProgram(
            sample
                + "\nconst first = connectWithRetry('\(pair.customer.token)');"
                + "first.onopen = () => console.log('open');",
            prelude: "websocket.js"
        )
        try await page.line(containing: "open")
        // The TCP connection breaks off; the function makes its second WebSocket three seconds later.
        try page.run("first.terminate()")
        try await page.line(containing: "重连中... (1/5)")
        try await pair.agentSocket.say("您还在吗？", in: pair.conversation)
        try page.run(
            """
            const look = setInterval(() => {
              if (sockets.length < 2) return;
              clearInterval(look);
              sockets[1].onmessage = (event) => console.log('again:', JSON.parse(event.data).content);
            }, 1);
            """
        )
        try await page.line(containing: "again: 您还在吗？")
    }

    @Test("Q7: lastInteractionAt moves when the customer sends a message, and not when an agent does")
    func lastInteraction() async throws {
        let stack = try await Stack.shared()
        let pair = try await stack.conversation()
        func lastInteraction() async throws -> String {
            let record = try await stack.demand(
                "GET",
                "/api/v1/customers/\(pair.customer.id)",
                token: pair.agent.token
            )
            return try #require(record["lastInteractionAt"].string)
        }
        let before = try await lastInteraction()
        // Times are shown in seconds.
        var said = before
        while said == before {
            try await Task.sleep(for: .milliseconds(300))
            try await pair.customerSocket.say("还在吗")
            said = try await pair.agentSocket.next { $0.content == "还在吗" }.json["timestamp"].string ?? ""
        }
        let after = try await lastInteraction()
        #expect(after > before)
        #expect(after.prefix(19) == said.prefix(19))
        try await Task.sleep(for: .milliseconds(1100))
        try await pair.agentSocket.say("在", in: pair.conversation)
        try await pair.customerSocket.next { $0.content == "在" }
        #expect(try await lastInteraction() == after)
    }
}
