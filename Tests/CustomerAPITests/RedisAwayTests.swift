import CustomerAPI
import Foundation
import Hiredis
import Messaging
import RedisFixture
import Testing

@Suite("Without Redis")
struct RedisAwayTests {
    /// Longer than the test may take: an answer that waited for the deadline would never be seen.
    private static let neverReached = Duration.seconds(3600)

    @Test(
        "Requests are 503 with Retry-After without waiting for a deadline, and work again when it is back",
        .timeLimit(.minutes(10))
    )
    func away() async throws {
        try await TestAPI.run({ $0.redis.commandTimeout = Self.neverReached }) { api in
            let agent = try await api.agentToken()
            #expect(try await api.customerToken().status == 200)
            try api.server.kill()

            let refusals = [
                try await api.customerToken(), try await api.call("GET", "/api/v1/customers", token: agent),
                try await api.call("POST", "/api/v1/agents/login", body: #"{"login":"a","password":"b"}"#),
            ]
            for refusal in refusals {
                #expect(refusal.status == 503)
                #expect(refusal.code == "store_unavailable")
                #expect(refusal.headers["retry-after"] == "1")
                #expect(refusal.headers["access-control-allow-origin"] == "*")
                // Not a word about addresses or the inside.
                #expect(!refusal.message.contains("127.0.0.1"))
            }
            let ready = try await api.call("GET", "/ready")
            #expect(ready.status == 503)
            #expect(ready.code == "not_ready")
            #expect(try await api.call("GET", "/health").status == 200)

            try await api.server.restart()
            while try await api.call("GET", "/ready").status == 503 { try await Task.sleep(for: .milliseconds(20)) }
            for _ in 0..<10 { #expect(try await api.customerToken().status == 200) }
        }
    }

    @Test("A Redis that hangs makes 503 when the command's time is over, and not ready", .timeLimit(.minutes(10)))
    func hanging() async throws {
        try await TestAPI.run({ $0.redis.commandTimeout = .milliseconds(200) }) { api in
            try api.server.suspend()
            #expect(try await api.customerToken().status == 503)
            #expect(try await api.call("GET", "/ready").status == 503)
            try api.server.resume()
            while try await api.customerToken().status == 503 { try await Task.sleep(for: .milliseconds(20)) }
        }
    }

    @Test("The program does not start on data of another layout")
    func layout() async throws {
        try await withRedis { server in
            _ = try server.command("SET", "layout", "32")
            var configuration = Configuration(redis: try RedisConfiguration(url: server.programsURL))
            configuration.host = "127.0.0.1"
            configuration.port = 0
            let application = buildApplication(configuration: configuration, logger: LogLines().logger)
            do {
                try await application.run()
                Issue.record("It started.")
            } catch {
                #expect("\(error)".contains("laid out for 32 partitions"))
            }
        }
    }

    @Test("The start-up log says that identities are not proven, and how to make an admin")
    func startUpLog() async throws {
        try await TestAPI.run { api in
            #expect(api.logs.all.contains { $0.contains("Identity proof is off for WEB, WECHAT") })
            #expect(api.logs.all.contains { $0.contains("customer-api agent add") })
        }
    }
}
