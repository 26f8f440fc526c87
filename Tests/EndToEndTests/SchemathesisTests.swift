import Foundation
import RedisFixture
import Testing

/// `openapi.yaml` as a promise: schemathesis makes requests that it allows and requests that it does not, and holds
/// each answer against it, by themselves and one after the other. The same ones each time; `deploy/schemathesis` installs it.
@Suite("schemathesis")
struct SchemathesisTests {
    @Test("finds no answer of customer-api that openapi.yaml does not describe, and none that it should not have given")
    func conformance() async throws {
        // Without the edge: its own answers are described in README.md.
        try await DirectStack.run(gateways: 1) { direct in
            let stack = direct.stack
            let admin = try await stack.signInAdmin()
            let customer = try await stack.newCustomer()
            let itself = ["updateAgent", "revokeAgentTokens"]
            try await play(direct, admin, customer.token, itself.map { "--exclude-operation-id=\($0)" })
            // Nothing was skipped for want of a token.
            #expect(try await stack.request("GET", "/api/v1/agents/me", token: admin).status == 200)
            // What may end its own token, as ids from answers are used, too.
            for operation in itself {
                let (code, token) = try await Program.run(
                    Repository.programs.appendingPathComponent("customer-api").path,
                    ["agent", "token", "--login", "admin"],
                    environment: ["REDIS_URL": stack.redisURL, "LOG_LEVEL": "critical"],
                    timeout: .seconds(60)
                )
                try #require(code == 0, "\(token)")
                try await play(
                    direct,
                    token.trimmingCharacters(in: .whitespacesAndNewlines),
                    customer.token,
                    ["--include-operation-id=\(operation)"]
                )
            }
        }
    }

    private func play(_ direct: DirectStack, _ admin: String, _ customer: String, _ options: [String]) async throws {
        let file = Program.temporaryFile("schemathesis.toml")
        defer { try? FileManager.default.removeItem(at: file) }
        // A customer's operation needs a customer's token; an agent's file would need a conversation. Logging out would end
        // the token that all others have.
        try """
        base-url = "http://127.0.0.1:\(direct.stack.customerAPIPort)"
        seed = 20261126
        continue-on-failure = true
        request-timeout = 30
        headers = { Authorization = "Bearer \(admin)" }
        # One request after the other, with what earlier answers name: those cost less than they find.
        [phases.stateful.generation]
        max-examples = 20
        # 422 is for rules that are in words there, such as lengths in bytes; 412 for a version that is past; 401, 403, 404 and 409
        # for what depends on what there is; 429 and 503 for how much there was.
        [checks.positive_data_acceptance]
        expected-statuses = ["2xx", "3xx", "401", "403", "404", "409", "412", "422", "429", "5xx"]
        [[operations]]
        include-operation-id = "sendMessageAsCustomer"
        headers = { Authorization = "Bearer \(customer)" }
        [[operations]]
        include-operation-id = "sendAttachment"
        headers = { Authorization = "Bearer \(customer)" }
        [[operations]]
        include-operation-id = "logOut"
        enabled = false
        """.write(to: file, atomically: true, encoding: .utf8)
        let (code, output) = try await Program.run(
            Repository.root.appendingPathComponent("deploy/schemathesis").path,
            [
                "--config-file", file.path, "run",
                Repository.root.appendingPathComponent("Sources/CustomerAPI/openapi.yaml").path,
                "--max-examples", "5", "--no-shrink", "--workers", "2",
            ] + options,
            environment: ["NO_COLOR": "1", "COLUMNS": "140"],
            timeout: .seconds(900)
        )
        #expect(code == 0, "\(output.suffix(8000))")
    }
}
