import Messaging
import Testing

@Suite("/agents")
struct AgentRoutesTests {
    private func login(_ api: TestAPI, _ login: String, _ password: String) async throws -> Answer {
        try await api.call(
            "POST",
            "/api/v1/agents/login",
            body: #"{"login":"\#(login)","password":"\#(password)"}"#
        )
    }

    @Test("An agent's life: created, logs in, is changed, logs out, is deactivated")
    func life() async throws {
        try await TestAPI.run { api in
            let admin = try await api.agentToken("root", role: .admin)
            let created = try await api.call(
                "POST",
                "/api/v1/agents",
                token: admin,
                body: #"{"login":"Ann","name":"Ann Lee","role":"agent","password":"correct horse"}"#
            )
            #expect(created.status == 201)
            #expect(created.data.fieldNames == ["id", "login", "name", "role", "active", "createdAt", "updatedAt"])
            #expect(created.data["login"] == "ann")
            let path = "/api/v1/agents/\(created.data["id"].text)"

            let session = try await login(api, "ANN", "correct horse")
            #expect(session.status == 200)
            #expect(session.data.fieldNames == ["agentId", "token", "login", "name", "role", "expiresAt"])
            let token = session.data["token"].text
            #expect(Token(token)?.isCustomer == false)
            #expect(try await api.call("GET", "/api/v1/agents/me", token: token).data == created.data)

            let changed = try await api.call("PUT", path, token: admin, body: #"{"name":"Anna","role":"bot"}"#)
            #expect(changed.data["name"] == "Anna")
            #expect(try await api.call("GET", "/api/v1/agents/me", token: token).data["role"] == "bot")

            let out = try await api.call("POST", "/api/v1/agents/logout", token: token)
            #expect(out.status == 200)
            #expect(try await api.call("GET", "/api/v1/agents/me", token: token).status == 401)

            let second = try await login(api, "ann", "correct horse").data["token"].text
            #expect(try await api.call("PUT", path, token: admin, body: #"{"active":false}"#).status == 200)
            #expect(try await api.call("GET", "/api/v1/agents/me", token: second).status == 401)
            let refused = try await login(api, "ann", "correct horse")
            #expect(refused.status == 401)
            #expect(refused.code == "invalid_credentials")
            #expect(try await api.call("GET", path, token: admin).data["active"] == false)
            let listed = try await api.call("GET", "/api/v1/agents", token: admin)
            #expect(listed.data["totalElements"] == 2)
        }
    }

    @Test("A new password ends the old one and the tokens it gave")
    func newPassword() async throws {
        try await TestAPI.run { api in
            let admin = try await api.agentToken("root", role: .admin)
            let id = try await api.call(
                "POST",
                "/api/v1/agents",
                token: admin,
                body: #"{"login":"ann","name":"Ann","role":"agent","password":"first password"}"#
            ).data["id"].text
            let token = try await login(api, "ann", "first password").data["token"].text
            _ = try await api.call(
                "PUT",
                "/api/v1/agents/\(id)",
                token: admin,
                body: #"{"password":"second password"}"#
            )
            #expect(try await api.call("GET", "/api/v1/agents/me", token: token).status == 401)
            #expect(try await login(api, "ann", "first password").status == 401)
            #expect(try await login(api, "ann", "second password").status == 200)
        }
    }

    @Test("A wrong password and an unknown login look the same; the sixth attempt has to wait")
    func slowDown() async throws {
        try await TestAPI.run { api in
            let admin = try await api.agentToken("root", role: .admin)
            _ = try await api.call(
                "POST",
                "/api/v1/agents",
                token: admin,
                body: #"{"login":"ann","name":"Ann","role":"agent","password":"correct horse"}"#
            )
            for login in ["ann", "nobody"] {
                for _ in 0..<5 {
                    let answer = try await self.login(api, login, "wrong")
                    #expect(answer.status == 401)
                    #expect(answer.code == "invalid_credentials")
                    #expect(answer.message == "Login or password is wrong.")
                }
                let refused = try await self.login(api, login, "correct horse")
                #expect(refused.status == 429)
                #expect(refused.code == "rate_limited")
                let wait = try #require(refused.headers["retry-after"].flatMap { Int($0) })
                #expect(1...32 ~= wait)
            }
        }
    }

    @Test("Logins that are refused because too many log in count as no failures", .timeLimit(.minutes(10)))
    func flood() async throws {
        try await TestAPI.run {
            $0.failedLoginsPerAddress = 0
            $0.redis.commandTimeout = .seconds(3600)
        } _: { api in
            let admin = try await api.agentToken("root", role: .admin)
            let ann = #"{"login":"ann","name":"Ann","role":"agent","password":"correct horse"}"#
            #expect(try await api.call("POST", "/api/v1/agents", token: admin, body: ann).status == 201)
            // With a Redis that hangs the first 32 keep their places.
            try api.server.suspend()
            var others: [RawConnection] = []
            for number in 0..<40 {
                let body = #"{"login":"guess-\#(number)","password":"wrong"}"#
                let connection = try RawConnection(port: api.port)
                await connection.write(
                    "POST /api/v1/agents/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                        + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
                )
                others.append(connection)
            }
            while api.logs.all.count(where: { $0.contains("\"http.status\": 429") }) < 8 {
                try await Task.sleep(for: .milliseconds(10))
            }
            for _ in 0..<6 {
                let answer = try await self.login(api, "ann", "correct horse")
                #expect(answer.status == 429)
                #expect(answer.message == "Too many log in at this moment. Please try again.")
            }
            try api.server.resume()
            while true {
                let answer = try await self.login(api, "ann", "correct horse")
                if answer.status == 200 { break }
                try #require(answer.message == "Too many log in at this moment. Please try again.")
                try await Task.sleep(for: .milliseconds(50))
            }
            #expect(try api.server.command("EXISTS", Keyspace.loginFailures("ann")) == "0")
        }
    }

    @Test("The first admin comes from the configuration and can log in")
    func firstAdmin() async throws {
        try await TestAPI.run({ $0.firstAdmin = .init(login: "root", password: "correct horse") }) { api in
            let session = try await login(api, "root", "correct horse")
            #expect(session.status == 200)
            #expect(session.data["role"] == "admin")
            #expect(!api.logs.all.contains { $0.contains("correct horse") })
        }
    }

    @Test("The last admin stays one")
    func lastAdmin() async throws {
        try await TestAPI.run { api in
            let admin = try await api.agentToken("root", role: .admin)
            let id = try await api.call("GET", "/api/v1/agents/me", token: admin).data["id"].text
            for (body, field) in [(#"{"active":false}"#, "active"), (#"{"role":"agent"}"#, "role")] {
                let answer = try await api.call("PUT", "/api/v1/agents/\(id)", token: admin, body: body)
                #expect(answer.status == 409)
                #expect(answer.code == "conflict")
                #expect(answer.field == .string(field))
            }
        }
    }

    @Test("A login that is taken is 409")
    func takenLogin() async throws {
        try await TestAPI.run { api in
            let admin = try await api.agentToken("root", role: .admin)
            let answer = try await api.call(
                "POST",
                "/api/v1/agents",
                token: admin,
                body: #"{"login":"ROOT","name":"x","role":"agent","password":"correct horse"}"#
            )
            #expect(answer.status == 409)
            #expect(answer.field == "login")
        }
    }

    struct Refusal: Sendable {
        let body: String
        let status: Int
        let code: JSONValue
        let field: JSONValue
    }

    private static let refusalTable: [Refusal] = [
        Refusal(
            body: #"{"name":"x","role":"agent","password":"12345678"}"#,
            status: 400,
            code: "missing_field",
            field: "login"
        ),
        Refusal(
            body: #"{"login":"a b","name":"x","role":"agent","password":"12345678"}"#,
            status: 422,
            code: "invalid_value",
            field: "login"
        ),
        Refusal(
            body: #"{"login":"a","name":" ","role":"agent","password":"12345678"}"#,
            status: 422,
            code: "invalid_value",
            field: "name"
        ),
        Refusal(
            body: #"{"login":"a","name":"x","role":"boss","password":"12345678"}"#,
            status: 422,
            code: "invalid_value",
            field: "role"
        ),
        Refusal(
            body: #"{"login":"a","name":"x","role":"agent","password":"1234567"}"#,
            status: 422,
            code: "invalid_value",
            field: "password"
        ),
        Refusal(
            body: #"{"login":"a","name":"x","role":"agent","password":"12345678","team":1}"#,
            status: 400,
            code: "unknown_field",
            field: "team"
        ),
    ]

    @Test("What can't be an agent is refused by field")
    func refusals() async throws {
        try await TestAPI.run { api in
            for refusal in Self.refusalTable {
                let answer = try await api.call(
                    "POST",
                    "/api/v1/agents",
                    token: api.agentToken("root", role: .admin),
                    body: refusal.body
                )
                #expect(answer.status == refusal.status, "\(refusal)")
                #expect(answer.code == refusal.code)
                #expect(answer.field == refusal.field)
            }
        }
    }

    @Test("40 logins at the same moment are answered, and those beyond the queue told to come back")
    func crowd() async throws {
        try await TestAPI.run { api in
            let answers = try await withThrowingTaskGroup(of: Answer.self) { group in
                for number in 0..<40 { group.addTask { try await login(api, "login\(number)", "wrong") } }
                return try await group.reduce(into: [Answer]()) { $0.append($1) }
            }
            #expect(answers.allSatisfy { $0.status == 401 || ($0.status == 429 && $0.headers["retry-after"] == "1") })
            #expect(answers.contains { $0.status == 401 })
        }
    }
}
