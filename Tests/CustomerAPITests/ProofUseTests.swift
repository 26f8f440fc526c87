import CustomerAPI
import Foundation
import Hiredis
import Messaging
import Testing

/// Who may use a proof once it was used.
@Suite("A proof that was used") struct ProofUseTests {
    private static let secret = "0123456789abcdef0123456789abcdef"
    private static let home = "192.0.2.1"
    private static let elsewhere = "198.51.100.7"

    private struct Proof {
        let id: String
        let expires: Int
        let signature: String

        init(_ id: String, in seconds: Int = 3600) {
            self.id = id
            expires = Timestamp.now.milliseconds / 1000 + seconds
            signature = IdentityProofTests.sign("LINE", id, secret: ProofUseTests.secret, expires: expires)
        }
    }

    private func use(_ proof: Proof, _ api: TestAPI, from address: String? = home, signature: String? = nil)
        async throws -> Answer
    {
        let body = #"""
            {"name":"a","channel":"LINE","channelId":"\#(proof.id)","expires":\#(proof.expires),
            "signature":"\#(signature ?? proof.signature)"}
            """#
        return try await api.call(
            "POST",
            "/api/v1/public/customer-token",
            body: body,
            headers: address.map { ["X-Forwarded-For": $0] } ?? [:]
        )
    }

    private func expectUsed(_ answer: Answer, _ what: Comment? = nil) {
        #expect(answer.status == 403, what)
        #expect(answer.code == "proof_used", what)
        #expect(answer.field == "signature", what)
        #expect(answer.message.contains("Sign a new one"), what)
    }

    private func run(_ body: @Sendable (TestAPI) async throws -> Void) async throws {
        try await TestAPI.run(Self.configure, body)
    }

    @Sendable private static func configure(_ configuration: inout Configuration) {
        configuration.identityProof = IdentityProof(secrets: [.line: [secret]])
    }

    @Test("is good again for the address that used it first, and for no other one") func address() async throws {
        try await run { api in
            let proof = Proof("a")
            let first = try await use(proof, api)
            #expect(first.status == 200)
            for _ in 0..<2 {
                let again = try await use(proof, api)
                #expect(again.status == 200)
                #expect(again.data["customerId"] == first.data["customerId"])
            }
            expectUsed(try await use(proof, api, from: Self.elsewhere))
            // The same digits in another form are the same proof.
            expectUsed(try await use(proof, api, from: Self.elsewhere, signature: proof.signature.uppercased()))
            expectUsed(try await use(proof, api, from: nil))
            expectUsed(try await use(proof, api, from: "2001:db8::1"))
            #expect(try await use(proof, api).status == 200)
            // What the client wrote itself stands before what the proxy saw.
            expectUsed(try await use(proof, api, from: "\(Self.home), \(Self.elsewhere)"))

            // Who comes without a proxy has an address too, and a household has a /64.
            let local = Proof("b")
            #expect(try await use(local, api, from: nil).status == 200)
            #expect(try await use(local, api, from: nil).status == 200)
            expectUsed(try await use(local, api))
            let household = Proof("c")
            #expect(try await use(household, api, from: "2001:db8::1").status == 200)
            #expect(try await use(household, api, from: "2001:db8::2:9").status == 200)
            expectUsed(try await use(household, api, from: "2001:db8:0:1::1"))

            let tokens = try await api.call(
                "GET",
                "/api/v1/customers/\(first.data["customerId"].text)/tokens",
                token: api.agentToken()
            )
            #expect(tokens.data["tokens"].elements.count == 4)
            let root = try await api.agentToken("root", role: .admin)
            let log = try await api.call("GET", "/api/v1/audit?act=proof.refused", token: root).data["entries"].elements
            #expect(log.first?["details"]["code"] == "proof_used")
        }
    }

    @Test("is one address's also when many use it at the same moment") func sameMoment() async throws {
        try await run { api in
            let proof = Proof("a")
            let statuses = try await withThrowingTaskGroup(of: Int.self) { tasks in
                for number in 1...20 { tasks.addTask { try await use(proof, api, from: "192.0.2.\(number)").status } }
                return try await tasks.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses.filter { $0 == 200 }.count == 1)
            #expect(statuses.filter { $0 == 403 }.count == 19)
        }
    }

    @Test("is so after a restart of customer-api, and at another one") func restart() async throws {
        try await run { api in
            let proof = Proof("a")
            #expect(try await use(proof, api).status == 200)
            try await api.another(Self.configure) { another in
                expectUsed(try await use(proof, another, from: Self.elsewhere))
                #expect(try await use(proof, another).status == 200)
            }
        }
    }

    @Test("says nothing about others: an older one is good after a newer one, each for its own address") func order()
        async throws
    {
        try await run { api in
            // Two pages of one customer, in two places; the one that was signed last connects first.
            let older = Proof("a", in: 1800)
            let newer = Proof("a", in: 3600)
            #expect(try await use(newer, api).status == 200)
            #expect(try await use(older, api, from: Self.elsewhere).status == 200)
            #expect(try await use(newer, api).status == 200)
            expectUsed(try await use(older, api))
            expectUsed(try await use(newer, api, from: Self.elsewhere))
        }
    }

    @Test("ends with all tokens of its customer, from every address; a new one is good", arguments: [false, true])
    func revocation(isLinked: Bool) async throws {
        try await run { api in
            let agent = try await api.agentToken()
            let customer = try await customer("a", isLinked: isLinked, api, agent)
            let proof = Proof("a")
            let other = Proof("a", in: 1800)
            #expect(try await use(proof, api).data["customerId"].text == customer.description)
            #expect(try await use(other, api, from: Self.elsewhere).status == 200)
            let bystander = Proof("b")
            #expect(try await use(bystander, api).status == 200)

            let path = "/api/v1/customers/\(customer)/tokens"
            #expect(try await api.call("DELETE", path, token: agent).status == 200)
            for address in [Self.home, Self.elsewhere, "203.0.113.9"] {
                expectUsed(try await use(proof, api, from: address))
                expectUsed(try await use(other, api, from: address))
            }
            #expect(try await use(bystander, api).status == 200)
            let fresh = Proof("a", in: 3601)
            #expect(try await use(fresh, api).data["customerId"].text == customer.description)
            #expect(try await use(fresh, api).status == 200)
            // Again, so that those that ended before are still ended.
            #expect(try await api.call("DELETE", path, token: agent).status == 200)
            for proof in [proof, other, fresh] { expectUsed(try await use(proof, api)) }
            try await api.another(Self.configure) { expectUsed(try await use(fresh, $0)) }
        }
    }

    @Test("ends when its customer is erased, and makes no new one", arguments: [false, true]) func erasure(
        isLinked: Bool
    ) async throws {
        try await run { api in
            let admin = try await api.agentToken("root", role: .admin)
            let customer = try await customer("a", isLinked: isLinked, api, admin)
            let proof = Proof("a")
            #expect(try await use(proof, api).data["customerId"].text == customer.description)
            let path = "/api/v1/customers/\(customer)?erase=true"
            #expect(try await api.call("DELETE", path, token: admin).status == 200)
            for address in [Self.home, Self.elsewhere] { expectUsed(try await use(proof, api, from: address)) }
            let list = try await api.call("GET", "/api/v1/customers", token: admin)
            #expect(list.data["totalElements"] == 0)
            #expect(try await use(Proof("a", in: 3601), api).status == 200)
        }
    }

    @Test("is of no use when an agent gives its identity to another customer") func moved() async throws {
        try await run { api in
            let agent = try await api.agentToken()
            for id in ["a", "b", "c", "d"] {
                let proof = Proof(id)
                let before = try await use(proof, api).data["customerId"].text
                let path = "/api/v1/customers/\(before)"
                let body = #"{"lineUserId":null}"#
                #expect(try await api.call("PUT", path, token: agent, body: body).status == 200)
                let after = try await customer(id, isLinked: true, api, agent)
                for address in [Self.home, Self.elsewhere] { expectUsed(try await use(proof, api, from: address)) }
                #expect(try await use(Proof(id, in: 3601), api).data["customerId"].text == after.description)
            }
        }
    }

    /// A customer with this LINE id: in the partition where the identity belongs, or in another one.
    private func customer(_ id: String, isLinked: Bool, _ api: TestAPI, _ agent: String) async throws -> UniqueID {
        guard isLinked else {
            return try #require(UniqueID(try await use(Proof(id, in: 60), api).data["customerId"].text))
        }
        let home = Partition(of: ChannelIdentity(channel: .line, channelID: id))
        let web = try #require(
            (0..<100).map { "web_\(id)\($0)" }.first {
                Partition(of: ChannelIdentity(channel: .web, channelID: $0)) != home
            }
        )
        let found = try await api.customerToken(channelID: web).data["customerId"].text
        let body = #"{"lineUserId":"\#(id)"}"#
        #expect(try await api.call("PUT", "/api/v1/customers/\(found)", token: agent, body: body).status == 200)
        return try #require(UniqueID(found))
    }

    @Test("ends at most 24 hours ahead, and five minutes for clocks that differ: what is past that is 422")
    func lifetime() async throws {
        try await run { api in
            let most = 24 * 3600 + 300
            #expect(try await use(Proof("a", in: 24 * 3600), api).status == 200)
            #expect(try await use(Proof("a", in: most - 1), api).status == 200)
            // As much later as this test may be held up.
            for seconds in [most + 120, 25 * 3600 - 60, 25 * 3600 + 60] {
                let refused = try await use(Proof("a", in: seconds), api)
                #expect(refused.status == 422, "\(seconds)")
                #expect(refused.field == "expires")
                #expect(refused.message.contains("24 hours"))
            }
        }
    }

    @Test("is not valid with any two of its parts exchanged") func parts() async throws {
        try await run { api in
            let now = Timestamp.now.milliseconds / 1000
            let expires = "\(now + 3600)"
            let number = "\(now + 1800)"
            for text in [["LINE", expires, number], [number, "LINE", expires], [expires, number, "LINE"]] {
                // Of an id that looks like a time, so that each order is a possible one.
                let signature = IdentityProofTests.sign(
                    text[0],
                    text[1],
                    secret: Self.secret,
                    expires: Int(text[2]) ?? 0
                )
                let body = #"""
                    {"name":"a","channel":"LINE","channelId":"\#(number)","expires":\#(expires),"signature":"\#(signature)"}
                    """#
                let answer = try await api.call("POST", "/api/v1/public/customer-token", body: body)
                #expect(answer.code == "proof_invalid", "\(text)")
            }
        }
    }

    @Test("is in Redis as a digest, beside no address, in its customer's partition, until it ends") func stored()
        async throws
    {
        try await run { api in
            let proof = Proof("a", in: 600)
            let answer = try await use(proof, api)
            let customer = try #require(UniqueID(answer.data["customerId"].text))
            var dump = ""
            for key in try api.server.command("KEYS", "*").split(separator: "\n") where key.contains("proof") {
                #expect(key.hasPrefix(Keyspace.prefix(customer.partition)), "\(key)")
                let left = try #require(Int(try api.server.command("PTTL", String(key)).filter(\.isNumber)))
                #expect(600_000...900_000 ~= left, "\(key)")
                dump += try "\(key) \(api.server.command("DUMP", String(key)))\n"
            }
            #expect(!dump.isEmpty)
            #expect(!dump.contains(proof.signature))
            #expect(!dump.contains(Self.home))
        }
    }
}
