import Foundation
import Testing

/// Tokens are as good as passwords: no log may hold one.
@Suite("Logs")
struct LogTests {
    @Test(
        "Both programs say at start that pages of any origin may connect, if so",
        arguments: ["", "https://shop.example.com"]
    )
    func origins(setting: String) async throws {
        try await DirectStack.run(settings: ["ALLOWED_ORIGINS": setting, "LOG_LEVEL": "info"], gateways: 1) { direct in
            let api = direct.customerAPI.output
            #expect(api.contains("ALLOWED_ORIGINS is not set: pages of any origin may use the API") == setting.isEmpty)
            let gateway = direct.gateway(0).output
            #expect(gateway.contains("Pages of every web site may connect, with a token") == setting.isEmpty)
            #expect(gateway.contains("Listening."))
        }
    }

    @Test("With everything logged that can be, no log holds a token, however it was sent")
    func noTokens() async throws {
        // When the system stops, its logs are searched for each token that was noted.
        try await DirectStack.run(settings: ["LOG_LEVEL": "trace"]) { direct in
            let stack = direct.stack
            let pair = try await stack.conversation()
            for token in [pair.customer.token, pair.agent.token] {
                for place in [WebSocketClient.TokenPlace.query, .header, .subprotocol] {
                    for port in [stack.edgePort, stack.gatewayPorts[0]] {
                        let socket = try await WebSocketClient.connect(
                            to: port,
                            token: token,
                            dialect: .full,
                            tokenIn: place
                        )
                        try await socket.close()
                    }
                }
                // In the wrong place, in a request that is refused, in one that is not understood.
                _ = try await stack.request("GET", "/api/v1/customers?token=\(token)", token: token)
                _ = try await stack.request(
                    "GET",
                    "/nowhere?token=\(token)",
                    headers: ["Authorization: Bearer \(token)"]
                )
                _ = try await stack.request("POST", "/ws/chat?token=\(token)", json: "{}")
                let garbled = try await RawConnection(to: stack.edgePort)
                try await garbled.send(Array("GET /ws/chat?token=\(token) \u{1}\r\nbroken\r\n\r\n".utf8))
                _ = try await garbled.end()
            }
            // Tokens that nobody has, too: a client's mistyped one is nearly as good.
            let unknown = stack.remember("cust_\(UUID().uuidString.lowercased())")
            _ = await #expect(throws: HandshakeRefused.self) { _ = try await stack.connect(unknown) }
            _ = try await stack.request("GET", "/api/v1/agents/me", token: unknown)
            _ = try await stack.demand("POST", "/api/v1/agents/logout", token: pair.agent.token)
            #expect(try await pair.agentSocket.closing().code == 4004)

            // Redis goes away and comes back, which is when the most is logged.
            try direct.redis.kill()
            _ = try await stack.request("GET", "/api/v1/agents/me", token: pair.agent.token)
            try await direct.redis.restart()
            try await direct.waitUntilReady()
            #expect(stack.logsWithTokens() == [])
            // The search itself finds what is there.
            let marker = stack.remember("cust_\(UUID().uuidString.lowercased())")
            let file = stack.logFolder.appendingPathComponent("marker.txt")
            try "path=/ws/chat?token=\(marker) status=101".write(to: file, atomically: true, encoding: .utf8)
            #expect(stack.logsWithTokens() == ["marker.txt"])
            try FileManager.default.removeItem(at: file)
        }
    }
}
