import CustomerAPI
import Foundation
import Messaging
import Testing

@Suite("How often one may ask")
struct RequestLimitTests {
    private func ask(_ api: TestAPI, _ id: String, from address: String? = nil) async throws -> Answer {
        try await api.call(
            "POST",
            "/api/v1/public/customer-token",
            body: #"{"name":"a","channel":"WEB","channelId":"\#(id)"}"#,
            headers: address.map { ["X-Forwarded-For": $0] } ?? [:]
        )
    }

    private func expectWait(_ answer: Answer) {
        #expect(answer.status == 429)
        #expect(answer.code == "rate_limited")
        #expect(answer.headers["retry-after"].flatMap { Int($0) } ?? 0 > 0)
    }

    @Test("Past its token requests an address is 429, whatever it asks for, and others notice nothing")
    func tokenRequests() async throws {
        try await TestAPI.run {
            $0.tokenRequestsPerMinute = 1
        } _: { api in
            #expect(try await ask(api, "a", from: "192.0.2.1").status == 200)
            expectWait(try await ask(api, "b", from: "192.0.2.1"))
            // What the client wrote itself stands before what the proxy saw.
            expectWait(try await ask(api, "b", from: "198.51.100.7, 192.0.2.1"))
            #expect(try await ask(api, "b", from: "192.0.2.2").status == 200)
            // A household has a whole /64.
            #expect(try await ask(api, "c", from: "2001:db8::1").status == 200)
            expectWait(try await ask(api, "c", from: "2001:db8::9"))
        }
    }

    @Test("Without trusted proxies nobody can say that they are somebody else")
    func untrusted() async throws {
        try await TestAPI.run {
            $0.tokenRequestsPerMinute = 1
            $0.trustedProxies = .none
        } _: { api in
            #expect(try await ask(api, "a", from: "192.0.2.1").status == 200)
            expectWait(try await ask(api, "a", from: "192.0.2.2"))
        }
    }

    @Test(
        "One customer gets so many tokens a minute by naming an identity, at all programs together; agents are not bound"
    )
    func customerTokens() async throws {
        try await TestAPI.run {
            $0.customerTokensPerMinute = 3
        } _: { api in
            // Another program.
            let tokens = TokenStore(redis: api.redis, lifetime: .seconds(86_400), perMinute: 3)
            let identity = ChannelIdentity(channel: .web, channelID: "a")
            let customer = try await tokens.issueToken(named: "a", for: identity).customer
            for _ in 0..<2 { #expect(try await ask(api, "a").status == 200) }
            let refused = try await ask(api, "a")
            expectWait(refused)
            #expect(refused.headers["retry-after"].flatMap { Int($0) } ?? 61 <= 60)
            #expect(await messagingCode { _ = try await tokens.issueToken(named: "a", for: identity) } == .rateLimited)
            #expect(try await ask(api, "b").status == 200)
            let path = "/api/v1/customers/\(customer)/token"
            #expect(try await api.call("POST", path, token: api.agentToken()).status == 200)
        }
    }

    @Test("One agent issues so many tokens a minute, for whomever and at all programs together; others are not bound")
    func agentTokens() async throws {
        try await TestAPI.run {
            $0.agentTokensPerMinute = 3
        } _: { api in
            var paths: [String] = []
            for id in ["a", "b"] {
                let customer = try await ask(api, id).data["customerId"].text
                paths.append("/api/v1/customers/\(customer)/token")
            }
            let ann = try await api.agentToken("ann")
            for path in [paths[0], paths[1], paths[0]] {
                #expect(try await api.call("POST", path, token: ann).status == 200)
            }
            for path in paths {
                let refused = try await api.call("POST", path, token: api.agentToken("ann"))
                expectWait(refused)
                #expect(refused.headers["retry-after"].flatMap { Int($0) } ?? 61 <= 60)
            }
            try await api.another {
                $0.agentTokensPerMinute = 3
            } _: { [path = paths[0]] in
                expectWait(try await $0.call("POST", path, token: ann))
            }
            #expect(try await api.call("POST", paths[0], token: api.agentToken("bob")).status == 200)
            let root = try await api.agentToken("root", role: .admin)
            let log = try await api.call("GET", "/api/v1/audit?act=token.issue", token: root).data["entries"].elements
            #expect(log.count == 4)
        }
    }

    @Test(
        "An address that fails to log in as this and that is 429, also with a right password; a success costs nothing"
    )
    func failedLogins() async throws {
        try await TestAPI.run {
            $0.failedLoginsPerAddress = 3
        } _: { api in
            let body = #"{"login":"ann","name":"Ann","role":"agent","password":"correct horse"}"#
            let root = try await api.agentToken("root", role: .admin)
            #expect(try await api.call("POST", "/api/v1/agents", token: root, body: body).status == 201)
            func login(_ login: String, _ password: String, from address: String) async throws -> Answer {
                try await api.call(
                    "POST",
                    "/api/v1/agents/login",
                    body: #"{"login":"\#(login)","password":"\#(password)"}"#,
                    headers: ["X-Forwarded-For": address]
                )
            }
            for _ in 0..<4 { #expect(try await login("ann", "correct horse", from: "192.0.2.1").status == 200) }
            for number in 0..<3 {
                #expect(try await login("guess-\(number)", "wrong", from: "192.0.2.1").status == 401)
            }
            expectWait(try await login("ann", "correct horse", from: "192.0.2.1"))
            #expect(try await login("ann", "correct horse", from: "192.0.2.2").status == 200)
        }
    }

    @Test(
        "Past its requests a customer is 429, with all its tokens, and others notice nothing; an agent has ten times as many",
        .timeLimit(.minutes(10))
    )
    func requests() async throws {
        try await TestAPI.run {
            $0.requestsPerSecond = 1
        } _: { api in
            func send(_ token: String) async throws -> Answer {
                try await api.call("POST", "/api/v1/messages", token: token, body: #"{"content":"hello"}"#)
            }
            let token = try await ask(api, "a").data["token"].text
            let again = try await ask(api, "a").data["token"].text
            let other = try await ask(api, "b").data["token"].text
            var stored = 0
            var answer = try await send(token)
            while answer.status == 200 {
                stored += 1
                answer = try await send(token)
            }
            // Those of ten seconds.
            #expect(stored >= 10)
            expectWait(answer)
            #expect(answer.headers["retry-after"] == "1")
            while try await send(again).status != 429 {}
            while try await api.call("GET", "/api/v1/attachments/x", token: token).status != 429 {}
            #expect(try await send(other).status == 200)

            let agent = try await api.agentToken()
            var asked = 0
            while try await api.call("GET", "/api/v1/agents/me", token: agent).status == 200 { asked += 1 }
            #expect(asked >= 100)
            #expect(try await api.call("GET", "/api/v1/agents/me", token: api.agentToken("bob")).status == 200)
        }
    }

    @Test(
        "Who tries tokens gets 429 from some point on, without a look into Redis, and others notice nothing",
        .timeLimit(.minutes(10))
    )
    func failedTokens() async throws {
        try await TestAPI.run {
            $0.failedTokensPerMinute = 2
            $0.redis.commandTimeout = .seconds(3600)
        } _: { api in
            func ask(_ token: String?, from address: String, _ path: String = "agents/me") async throws -> Answer {
                try await api.call(
                    "GET",
                    "/api/v1/\(path)",
                    token: token,
                    headers: ["X-Forwarded-For": address]
                )
            }
            let good = try await api.agentToken()
            for token in ["cust_\(UUID().uuidString.lowercased())", "nonsense"] {
                #expect(try await ask(token, from: "192.0.2.1").status == 401)
            }
            // Who has none guesses nothing.
            for _ in 0..<4 { #expect(try await ask(nil, from: "192.0.2.2").code == "missing_token") }
            #expect(try await ask(good, from: "192.0.2.2").status == 200)
            try api.server.suspend()
            for path in ["agents/me", "attachments/x", "customers"] {
                expectWait(try await ask(good, from: "192.0.2.1", path))
                expectWait(try await ask(UUID().uuidString, from: "192.0.2.1", path))
            }
            try api.server.resume()
            #expect(try await ask(good, from: "192.0.2.2").status == 200)
        }
    }

    @Test("With ALLOWED_ORIGINS the headers that let a page read are for these origins only")
    func origins() async throws {
        let origins = try AllowedOrigins("https://shop.example.com")
        try await TestAPI.run {
            $0.allowedOrigins = origins
        } _: { api in
            for (origin, isAllowed) in [
                ("https://shop.example.com", true), ("https://evil.example.com", false), ("null", false),
                ("https://shop.example.com.evil.com", false),
            ] {
                for (method, path) in [
                    ("OPTIONS", "/api/v1/customers"), ("GET", "/api/v1/customers"), ("GET", "/health"),
                ] {
                    let answer = try await api.call(method, path, headers: ["Origin": origin])
                    #expect(answer.headers["access-control-allow-origin"] == (isAllowed ? origin : nil))
                    #expect(answer.headers["vary"]?.contains("Origin") == true)
                    let hasMethods = answer.headers["access-control-allow-methods"] != nil
                    #expect(hasMethods == (isAllowed && method == "OPTIONS"))
                }
            }
            #expect(!api.logs.all.contains { $0.contains("ALLOWED_ORIGINS is not set") })
        }
    }
}

private func messagingCode(_ body: () async throws -> Void) async -> MessagingError.Code? {
    do {
        try await body()
        return nil
    } catch {
        return (error as? MessagingError)?.code
    }
}
