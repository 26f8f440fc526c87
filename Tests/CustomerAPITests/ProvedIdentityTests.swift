import CustomerAPI
import Foundation
import Hiredis
import Messaging
import Testing

/// That an identity was proved is a fact about the identity, whoever has it.
@Suite("An identity that was proved") struct ProvedIdentityTests {
    private static let secret = "0123456789abcdef0123456789abcdef"

    private func prove(_ api: TestAPI, _ id: String) async throws -> UniqueID {
        let expires = Timestamp.now.milliseconds / 1000 + 3600
        let signature = IdentityProofTests.sign("LINE", id, secret: Self.secret, expires: expires)
        let body =
            #"{"name":"a","channel":"LINE","channelId":"\#(id)","expires":\#(expires),"signature":"\#(signature)"}"#
        let answer = try await api.call("POST", "/api/v1/public/customer-token", body: body)
        return try #require(UniqueID(answer.data["customerId"].text), "\(answer.json)")
    }

    private func change(_ api: TestAPI, _ customer: UniqueID, _ id: String?, _ agent: String) async throws {
        let value = id.map { "\"\($0)\"" } ?? "null"
        let body = #"{"lineUserId":\#(value)}"#
        #expect(try await api.call("PUT", "/api/v1/customers/\(customer)", token: agent, body: body).status == 200)
    }

    private func create(_ api: TestAPI, _ id: String, _ agent: String) async throws -> UniqueID {
        let body = #"{"name":"b","primaryChannel":"WEB","lineUserId":"\#(id)"}"#
        let answer = try await api.call("POST", "/api/v1/customers", token: agent, body: body)
        return try #require(UniqueID(answer.data["id"].text), "\(answer.json)")
    }

    private func expectClosed(_ api: TestAPI, _ id: String) async throws {
        let answer = try await api.customerToken(channel: "LINE", channelID: id)
        #expect(answer.status == 403, "\(id): \(answer.json)")
        #expect(answer.code == "forbidden")
        #expect(answer.field == "channelId")
    }

    /// Runs `first` with the channel's secret, and `then` with another program that has none.
    private func whenTheSecretGoes(
        _ first: @Sendable (TestAPI, String) async throws -> Void,
        then: @Sendable (TestAPI, String) async throws -> Void
    ) async throws {
        try await TestAPI.run {
            $0.identityProof = IdentityProof(secrets: [.line: [Self.secret]])
        } _: { api in
            let agent = try await api.agentToken("root", role: .admin)
            try await first(api, agent)
            try await api.another { try await then($0, agent) }
        }
    }

    @Test(
        "wants a proof also when an agent changed it and changed it back, gave it up, or moved it to another customer"
    ) func moved() async throws {
        try await whenTheSecretGoes { api, agent in
            let back = try await prove(api, "back")
            try await change(api, back, "other", agent)
            #expect(try await prove(api, "other") == back)
            try await change(api, back, "back", agent)

            try await change(api, try await prove(api, "given-up"), nil, agent)

            for number in 0..<4 {
                let before = try await prove(api, "moved-\(number)")
                try await change(api, before, nil, agent)
                // Placed by chance, mostly in another partition than the identity's.
                let after = try await create(api, "moved-\(number)", agent)
                #expect(after != before)
            }
        } then: { api, agent in
            for id in ["back", "other", "given-up", "moved-0", "moved-1", "moved-2", "moved-3"] {
                try await expectClosed(api, id)
            }
            // Nobody has it any more, and who is given it by an agent has it with what is known of it.
            _ = try await create(api, "given-up", agent)
            try await expectClosed(api, "given-up")
            #expect(try await api.customerToken(channel: "LINE", channelID: "never-proved").status == 200)
        }
    }

    @Test("as an earlier version kept it, in its customer's record, is proved all the same, and stays so when it moves")
    func earlierVersion() async throws {
        try await TestAPI.run { api in
            let agent = try await api.agentToken("root", role: .admin)
            func proveAsBefore(_ id: String, _ customer: UniqueID) async throws {
                let key = Keyspace.customer(customer)
                _ = try await api.redis.send(RedisCommand("HSET", key, "proved:LINE", id))
            }
            let answer = try await api.customerToken(channel: "LINE", channelID: "own")
            let own = try #require(UniqueID(answer.data["customerId"].text))
            try await proveAsBefore("own", own)
            try await expectClosed(api, "own")
            try await change(api, own, nil, agent)
            try await expectClosed(api, "own")

            let linked = ChannelIdentity(
                channel: .line,
                channelID: try #require(
                    (0..<100).map { "linked-\($0)" }.first {
                        Partition(of: ChannelIdentity(channel: .line, channelID: $0)) != own.partition
                    }
                )
            )
            try await change(api, own, linked.channelID, agent)
            #expect(try await api.customerToken(channel: "LINE", channelID: linked.channelID).status == 200)
            try await proveAsBefore(linked.channelID, own)
            try await expectClosed(api, linked.channelID)
            try await change(api, own, nil, agent)
            try await expectClosed(api, linked.channelID)
            _ = try await create(api, linked.channelID, agent)
            try await expectClosed(api, linked.channelID)
        }
    }

    @Test("is forgotten with the customer who is erased: what it protected is gone") func erased() async throws {
        try await whenTheSecretGoes { api, agent in
            let customer = try await prove(api, "own")
            let linked = ["linked-0", "linked-1", "linked-2"]
            for id in linked {
                #expect(try await prove(api, id) != customer)
                try await change(api, try await prove(api, id), nil, agent)
                let other = try await create(api, id, agent)
                #expect(
                    try await api.call("DELETE", "/api/v1/customers/\(other)?erase=true", token: agent).status == 200
                )
            }
            #expect(
                try await api.call("DELETE", "/api/v1/customers/\(customer)?erase=true", token: agent).status == 200
            )
            let names = try api.server.command("KEYS", "*proved*") + api.server.command("KEYS", "*identity*")
            #expect(names.trimmingCharacters(in: .whitespacesAndNewlines).isEmpty, "\(names)")
        } then: { api, _ in
            for id in ["own", "linked-0", "linked-1", "linked-2"] {
                let answer = try await api.customerToken(channel: "LINE", channelID: id)
                #expect(answer.status == 200, "\(id)")
            }
        }
    }
}
