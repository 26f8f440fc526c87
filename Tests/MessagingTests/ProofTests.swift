import Hiredis
import Messaging
import RedisFixture
import Testing

@Suite("Proofs of identity") struct ProofTests {
    private static let home = NetworkAddress("192.0.2.1")!
    private static let elsewhere = NetworkAddress("198.51.100.7")!

    /// - Parameter number: tells proofs apart.
    private func proof(_ number: Int, ending seconds: Int = 3600, by address: NetworkAddress = home) -> ProofUse {
        let signature = withUnsafeBytes(of: number) { Array($0) }
        return ProofUse(of: signature, expires: Timestamp.now.milliseconds / 1000 + seconds, by: address)
    }

    private func code(_ body: () async throws -> Void) async -> MessagingError.Code? {
        await messagingError(body)?.code
    }

    @Test(
        "Of one customer 1,000 are remembered; past that those that end first are ended, and none that ends before is taken"
    ) func many() async throws {
        try await AccountFixture.run { fixture in
            let tokens = fixture.tokens()
            let identity = ChannelIdentity(channel: .line, channelID: "a")
            let now = Timestamp.now.milliseconds / 1000
            func use(_ number: Int, by address: NetworkAddress = Self.home) async throws -> UniqueID {
                let signature = withUnsafeBytes(of: number) { Array($0) }
                // The later ones end later.
                let proof = ProofUse(of: signature, expires: now + 3600 + number, by: address)
                return try await tokens.issueToken(named: "a", for: identity, proof: proof).customer
            }
            let customer = try await use(0)
            let most = ProofUse.maxRemembered
            for number in 1..<most + 3 { #expect(try await use(number) == customer) }
            for number in 0..<3 {
                #expect(await code { _ = try await use(number) } == .proofUsed, "\(number)")
                #expect(await code { _ = try await use(number, by: Self.elsewhere) } == .proofUsed, "\(number)")
            }
            for number in [3, 4, most + 2] {
                #expect(try await use(number) == customer)
                #expect(await code { _ = try await use(number, by: Self.elsewhere) } == .proofUsed, "\(number)")
            }
            // Nobody has used this one, but it can't be told from those that were dropped.
            #expect(await code { _ = try await use(-1) } == .proofUsed)
            #expect(try await use(most + 3) == customer)
            #expect(await code { _ = try await use(3) } == .proofUsed)

            let prefix = Keyspace.prefix(customer.partition)
            let known = try await fixture.redis.send(RedisCommand("ZCARD", "\(prefix)customer-proofs:\(customer)")).int
            #expect(known == most + 1)
            #expect(try await tokens.revokeTokens(ofCustomer: customer) > 0)
            for number in [4, most + 3] { #expect(await code { _ = try await use(number) } == .proofUsed, "\(number)") }
            #expect(try await use(most + 4) == customer)
        }
    }

    @Test("A proof is taken where the identity's claim was left behind by a customer who does not list it any more")
    func leftBehind() async throws {
        try await AccountFixture.run { fixture in
            let tokens = fixture.tokens()
            for number in 0..<8 {
                let identity = ChannelIdentity(channel: .line, channelID: "a-\(number)")
                // In the identity's partition, and in another one.
                let ghost = UniqueID(in: number % 2 == 0 ? Partition(of: identity) : .random())
                try await fixture.set(Keyspace.identity(identity), to: ghost.description)
                let use = proof(number)
                let issued = try await tokens.issueToken(named: "a", for: identity, proof: use)
                #expect(issued.customer != ghost)
                #expect(try await tokens.issueToken(named: "a", for: identity, proof: use).customer == issued.customer)
                let other = proof(number, by: Self.elsewhere)
                #expect(
                    await code { _ = try await tokens.issueToken(named: "a", for: identity, proof: other) }
                        == .proofUsed
                )
            }
        }
    }

    @Test("While a customer is being erased, and its claims are still there, the proofs it used are of no use")
    func erasing() async throws {
        try await AccountFixture.run { fixture in
            let tokens = fixture.tokens()
            for (number, isInside) in [true, false].enumerated() {
                var identity = ChannelIdentity(channel: .line, channelID: "own-\(number)")
                let customer = try await tokens.issueToken(named: "a", for: identity).customer
                if !isInside {
                    identity = .some(.telegram, in: customer.partition, inside: false)
                    _ = try await fixture.customers.update(customer) { $0.channelIDs[.telegram] = identity.channelID }
                }
                let use = proof(number)
                #expect(try await tokens.issueToken(named: "a", for: identity, proof: use).customer == customer)
                let claim = try await fixture.value(of: Keyspace.identity(identity))
                _ = try await CustomerErasure(redis: fixture.redis).erase(customer, until: .now, by: nil) { _ in }
                // As if it had stopped after its first step.
                try await fixture.set(Keyspace.identity(identity), to: try #require(claim))
                #expect(
                    await code { _ = try await tokens.issueToken(named: "a", for: identity, proof: use) } == .proofUsed
                )
                #expect(try await fixture.value(of: Keyspace.identity(identity)) == claim)
                let fresh = try await tokens.issueToken(named: "a", for: identity, proof: proof(number + 10))
                #expect(fresh.customer != customer)
            }
        }
    }
}
