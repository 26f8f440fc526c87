import Foundation
import Testing

/// Parts that stop, die or lose their Redis. Each test has a system of its own.
@Suite("Shutdown and failures", .serialized)
struct ShutdownTests {
    @Test("SIGTERM: a gateway says going_away, closes with 1001 and ends with 0; its clients go on at the other one")
    func gatewayDrains() async throws {
        try await DirectStack.run { direct in
            let stack = direct.stack
            let pair = try await stack.conversation(customerOn: 0, agentOn: 1)
            let full = try await stack.connect(pair.customer.token, gateway: 0, dialect: .full)
            try await full.next("the welcome") { $0.type == "welcome" }
            direct.gateway(0).send(SIGTERM)

            let goodbye = try await full.next("going_away") { $0.type == "going_away" }
            #expect(goodbye.json["retryAfterMs"].int ?? -1 >= 0)
            for socket in [full, pair.customerSocket] {
                let closing = try await socket.closing()
                #expect(closing == .init(code: 1001, reason: "the server is going away, please reconnect"))
            }
            #expect(try await direct.gateway(0).exit() == 0)

            try await pair.agentSocket.say("换了一台", in: pair.conversation)
            let back = try await stack.connect(pair.customer.token)
            try await back.next { $0.content == "换了一台" }

            try await direct.restartGateway(0)
            try await stack.connect(pair.customer.token, gateway: 0).close()
        }
    }

    @Test("SIGTERM: what a client sent before it saw the close is stored and delivered, whether acknowledged or not")
    func nothingLostInDrain() async throws {
        try await DirectStack.run { direct in
            let stack = direct.stack
            let pair = try await stack.conversation(customerOn: 0, agentOn: 1, dialect: .full)
            for number in 0..<500 {
                try await pair.customerSocket.say("第 \(number)", dialect: .full, clientMessageID: "\(number)")
            }
            direct.gateway(0).send(SIGTERM)
            #expect(try await pair.customerSocket.closing().code == 1001)
            for number in 0..<500 {
                let message = try await pair.agentSocket.next("message \(number)") { $0.type == "message" }
                #expect(message.content == "第 \(number)")
            }
            let acknowledged = pair.customerSocket.unread.compactMap { $0.json["clientMessageId"].string }
            #expect(acknowledged == (0..<acknowledged.count).map { "\($0)" })
            #expect(try await direct.gateway(0).exit() == 0)
        }
    }

    @Test("SIGTERM: customer-api ends with 0, and answers the request that is under way")
    func customerAPIDrains() async throws {
        try await DirectStack.run { direct in
            let stack = direct.stack
            // Its body comes in two parts; the program is told to stop between them.
            let body = #"{"name":"a","channel":"WEB","channelId":"slow"}"#
            let connection = try await RawConnection(to: stack.customerAPIPort)
            let head =
                "POST /api/v1/public/customer-token HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                + "Content-Length: \(body.utf8.count)\r\n\r\n"
            try await connection.send(Array(head.utf8) + Array(body.utf8.prefix(10)))
            // An answer to a later connection: the first one's head has been read by then.
            _ = try await Curl.request("GET", port: stack.customerAPIPort, "/ready")
            direct.customerAPI.send(SIGTERM)
            try await connection.send(Array(body.utf8.dropFirst(10)))
            let answer = try HTTPResponse(parsing: try await connection.end())
            #expect(answer.status == 200)
            stack.remember(answer.data["token"].string ?? "")
            #expect(try await direct.customerAPI.exit() == 0)
            // The edge says so in the envelope.
            let refused = try await stack.request("GET", "/api/v1/agents/me")
            #expect(refused.status == 503)
            #expect(refused.json["success"] == .bool(false))
            #expect(refused.error["code"] == .string("service_unavailable"))
            #expect(refused.headers["retry-after"] == "1")
        }
    }

    @Test("A gateway that is killed: the guide's connectWithRetry finds the other one, and nothing is lost in between")
    func gatewayKilled() async throws {
        try await DirectStack.run { direct in
            let stack = direct.stack
            let agent = try await stack.connect(try await stack.newAgent().token, dialect: .full)
            let customer = try await stack.newCustomer()
            // The agent's gateway has one connection by the edge: the customer comes to the other one.
            let agentGateway = try await agent.next("the welcome").json["connectionId"].string ?? ""
            let other = agentGateway.hasPrefix("gateway-1") ? 1 : 0
            let sample = try GuideText().sample(under: "Q6: 如何实现断线重连？", in: "javascript").on(stack)
            let page = try NodeProgram(
                sample + """

                    connectWithRetry('\(customer.token)', 20);
                    setInterval(() => sockets.forEach((socket) => {
                      if (socket.onmessage) return;
                      socket.onopen = () => {
                        console.log('open', sockets.length);
                        socket.send(JSON.stringify({ content: `hello ${sockets.length}` }));
                      };
                      socket.onmessage = (event) => console.log('got:', JSON.parse(event.data).content);
                    }), 1);
                    """,
                prelude: "websocket.js"
            )
            let conversation = try await agent.next("the hello") { $0.content == "hello 1" }.conversation
            try await agent.say("之前", in: conversation, dialect: .full)
            try await page.line(containing: "got: 之前")
            try await direct.gateway(other).kill()
            try await page.line(containing: "重连中... (1/20)")
            for number in 0..<20 { try await agent.say("期间 \(number)", in: conversation, dialect: .full) }
            for number in 0..<20 { try await page.line(containing: "got: 期间 \(number)") }
            let received = page.output.split(separator: "\n").filter { $0.hasPrefix("got: 期间") }
            #expect(received.map(String.init) == (0..<20).map { "got: 期间 \($0)" })
            #expect(agent.inbox.current.closing == nil)
            try await agent.next("the hello of the new connection") { $0.content.hasPrefix("hello ") }
            try await agent.say("之后", in: conversation, dialect: .full)
            try await page.line(containing: "got: 之后")
        }
    }

    @Test(
        "Redis away: REST answers 503 at once, a WebSocket's message gets an error, and all works again when it is back"
    )
    func redisAway() async throws {
        try await DirectStack.run { direct in
            let stack = direct.stack
            let pair = try await stack.conversation(customerOn: 0, agentOn: 1)
            let full = try await stack.connect(pair.customer.token, gateway: 1, dialect: .full)
            try await full.next("the welcome") { $0.type == "welcome" }
            try direct.redis.kill()

            // At once: far below the time that a command may take (2 s), for twenty requests in a row.
            let began = ContinuousClock.now
            for _ in 0..<20 {
                let answer = try await Curl.request(
                    "POST",
                    port: stack.customerAPIPort,
                    "/api/v1/public/customer-token",
                    json: #"{"name":"a","channel":"WEB","channelId":"b"}"#
                )
                #expect(answer.status == 503)
                #expect(answer.error["code"] == .string("store_unavailable"))
                #expect(answer.error["message"].string?.isEmpty == false)
                #expect(answer.headers["retry-after"].flatMap { Int($0) } ?? 0 >= 1)
            }
            #expect(ContinuousClock.now - began < .seconds(20))
            let overEdge = try await stack.request("GET", "/api/v1/agents/me", token: pair.agent.token)
            #expect(overEdge.status == 503)
            #expect(overEdge.error["code"] == .string("store_unavailable"))
            #expect(try await Curl.request("GET", port: stack.customerAPIPort, "/health").status == 200)
            #expect(try await Curl.request("GET", port: stack.customerAPIPort, "/ready").status == 503)

            try await pair.customerSocket.say("没有存下来")
            let error = try await pair.customerSocket.next("the error") { $0.json["senderId"] == .string("system") }
            #expect(error.json["error"]["code"] == .string("store_unavailable"))
            try await full.say("没有存下来", dialect: .full, clientMessageID: "again")
            let typed = try await full.next("the error") { $0.type == "error" }
            #expect(typed.json["code"] == .string("store_unavailable"))
            #expect(typed.json["retry"] == .bool(true))
            #expect(typed.json["clientMessageId"] == .string("again"))
            let refused = await #expect(throws: HandshakeRefused.self) {
                _ = try await stack.connect(pair.customer.token, gateway: 0)
            }
            #expect(refused?.response.status == 503)
            #expect(refused?.response.error["code"] == .string("store_unavailable"))

            try await direct.redis.restart()
            try await direct.waitUntilReady()
            // The same connections go on, and what the client was told to repeat is stored now, once.
            try await full.say("存下来了", dialect: .full, clientMessageID: "again")
            let ack = try await full.next("the ack") { $0.type == "ack" }
            #expect(ack.json["clientMessageId"] == .string("again"))
            try await pair.agentSocket.next { $0.content == "存下来了" }
            try await pair.talk("又好了")
            #expect(!pair.agentSocket.unread.contains { $0.content == "没有存下来" })
            #expect(try await stack.request("GET", "/api/v1/agents/me", token: pair.agent.token).status == 200)
        }
    }

    @Test(
        "Redis hangs: REST answers 503 when a command's time is up, a message gets an error, and all works again after"
    )
    func redisHangs() async throws {
        try await DirectStack.run(settings: ["COMMAND_TIMEOUT_MS": "500"]) { direct in
            let stack = direct.stack
            let pair = try await stack.conversation(customerOn: 0, agentOn: 1)
            try direct.redis.suspend()
            let answer = try await stack.request("GET", "/api/v1/agents/me", token: pair.agent.token)
            #expect(answer.status == 503)
            #expect(answer.error["code"] == .string("store_unavailable"))
            try await pair.customerSocket.say("也许")
            let error = try await pair.customerSocket.next("the error") { $0.json["senderId"] == .string("system") }
            #expect(error.json["error"]["code"] == .string("store_unavailable"))
            try direct.redis.resume()
            try await direct.waitUntilReady()
            try await pair.talk("又好了")
        }
    }

    @Test("All that was said is still there after everything was killed and started again")
    func everythingKilled() async throws {
        try await DirectStack.run { direct in
            let stack = direct.stack
            let pair = try await stack.conversation(customerOn: 0, agentOn: 1)
            try await pair.talk("记住")
            try direct.redis.kill()
            for number in [0, 1] { try await direct.gateway(number).kill() }
            try await direct.redis.restart()
            for number in [0, 1] { try direct.startGateway(number) }
            try await direct.waitUntilReady()
            let page = try await stack.demand(
                "GET",
                "/api/v1/conversations/\(pair.conversation)/messages",
                token: pair.agent.token
            )
            #expect(
                page["messages"].array.suffix(3).map { $0["content"].string } == [
                    "welcome", "记住, asked", "记住, answered",
                ]
            )
            let agent = try await stack.connect(pair.agent.token, gateway: 1)
            let customer = try await stack.connect(pair.customer.token, gateway: 0)
            try await customer.say("回来了")
            #expect(try await agent.next { $0.content == "回来了" }.conversation == pair.conversation)
        }
    }
}
