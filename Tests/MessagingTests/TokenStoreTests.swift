import Hiredis
import Messaging
import RedisFixture
import Testing

@Suite("Tokens")
struct TokenStoreTests {
    private let identity = ChannelIdentity(channel: .web, channelID: "web_user_123456")

    private static let forms: [(text: String, isCustomer: Bool?)] = [
        ("cust_a1b2c3d4-e5f6-7890-abcd-ef1234567890", true), ("a1b2c3d4-e5f6-7890-abcd-ef1234567890", false),
        ("cust_", nil), ("", nil), ("cust_a1b2c3d4e5f67890abcdef1234567890", nil),
        ("agent_a1b2c3d4-e5f6-7890-abcd-ef1234567890", nil), ("a1b2c3d4-e5f6-7890-abcd-ef123456789g", nil),
    ]

    @Test("A token is read only in its own form", arguments: forms)
    func form(text: String, isCustomer: Bool?) {
        #expect(Token(text)?.isCustomer == isCustomer)
        #expect(Token(text).map(\.text) == (isCustomer == nil ? nil : text))
    }

    @Test("Printing a token in any way shows no part of it")
    func redaction() {
        let token = Token.forCustomer(UniqueID(in: Partition(1)))
        var dumped = ""
        dump(token, to: &dumped)
        for text in ["\(token)", String(reflecting: token), dumped] { #expect(!text.contains(token.text.suffix(36))) }
    }

    @Test("The hash is the SHA-256 of the text")
    func hash() {
        #expect(
            Token("cust_a1b2c3d4-e5f6-7890-abcd-ef1234567890")?.hash
                == "44d94b08ebd9248c3cc4801c5316306c091957014ac5c1e5de4e0b81c33a6f8f"
        )
    }

    @Test("A token is authenticated as the customer it was issued to")
    func authentication() async throws {
        try await AccountFixture.run { fixture in
            let issued = try await fixture.tokens().issueToken(named: "张三", for: identity)
            #expect(issued.token.partition == issued.customer.partition)
            #expect(issued.customer.partition == Partition(of: identity))
            let authenticated = try await fixture.tokens().authenticate(issued.token)
            #expect(authenticated.principal == .customer(id: issued.customer, channel: .web))
            #expect(authenticated.hash == issued.token.hash)
            #expect(authenticated.expiresAt == issued.expiresAt)
        }
    }

    @Test("An unknown token is refused")
    func unknown() async throws {
        try await AccountFixture.run { fixture in
            for token in [Token.forAgent(), Token.forCustomer(UniqueID(in: Partition(7)))] {
                let error = await messagingError { _ = try await fixture.tokens().authenticate(token) }
                #expect(error?.code == .unauthenticated)
                #expect(error?.message.contains(token.text) == false)
            }
        }
    }

    @Test("The UUID of a customer's token is no agent token")
    func strippedPrefix() async throws {
        try await AccountFixture.run { fixture in
            let issued = try await fixture.tokens().issueToken(named: "x", for: identity)
            let stripped = try #require(Token(String(issued.token.text.dropFirst(5))))
            #expect(
                await messagingError { _ = try await fixture.tokens().authenticate(stripped) }?.code == .unauthenticated
            )
        }
    }

    @Test("A token ends when its time is over, and its record with it")
    func expiry() async throws {
        try await AccountFixture.run { fixture in
            let tokens = fixture.tokens(living: .milliseconds(300))
            let issued = try await tokens.issueToken(named: "x", for: identity)
            let key = Keyspace.token(issued.token.hash, in: issued.token.partition)
            let list = Keyspace.customerTokens(issued.customer)
            while try await fixture.now() < issued.expiresAt.milliseconds {
                try await Task.sleep(for: .milliseconds(20))
            }
            #expect(await messagingError { _ = try await tokens.authenticate(issued.token) }?.code == .unauthenticated)
            #expect(try await fixture.redis.send(RedisCommand("EXISTS", key, list)).int == 0)
        }
    }

    @Test("A new token leaves the older ones valid, and keeps the name on record")
    func severalTokens() async throws {
        try await AccountFixture.run { fixture in
            let first = try await fixture.tokens().issueToken(named: "张三", for: identity)
            let second = try await fixture.tokens().issueToken(named: "somebody else", for: identity)
            #expect(first.customer == second.customer)
            #expect(first.token.text != second.token.text)
            #expect(second.name == "张三")
            _ = try await fixture.tokens().authenticate(first.token)
            _ = try await fixture.tokens().authenticate(second.token)
        }
    }

    @Test("200 first requests at once make one customer and 200 tokens")
    func concurrentRequests() async throws {
        try await AccountFixture.run { fixture in
            let issued = try await withThrowingTaskGroup(of: IssuedToken.self) { group in
                for number in 0..<200 {
                    group.addTask { try await fixture.tokens().issueToken(named: "n\(number)", for: identity) }
                }
                return try await group.reduce(into: [IssuedToken]()) { $0.append($1) }
            }
            #expect(Set(issued.map(\.customer)).count == 1)
            #expect(Set(issued.map(\.name)).count == 1)
            #expect(Set(issued.map(\.token.text)).count == 200)
            #expect(
                try await fixture.customers.customers(matching: CustomerFilter(), page: 0, size: 1).totalElements == 1
            )
        }
    }

    @Test("Past the limit of live tokens the oldest ends")
    func cap() async throws {
        try await AccountFixture.run { fixture in
            let tokens = fixture.tokens()
            let first = try await tokens.issueToken(named: "x", for: identity)
            // Later expiries than the first one's.
            let list = Keyspace.customerTokens(first.customer)
            var command = RedisCommand("ZADD", list)
            for number in 1..<TokenStore.maxLiveTokens {
                command.append(first.expiresAt.milliseconds + number)
                command.append("hash-\(number)")
            }
            _ = try await fixture.redis.send(command)
            _ = try await tokens.authenticate(first.token)
            _ = try await tokens.issueToken(named: "x", for: identity)
            #expect(await messagingError { _ = try await tokens.authenticate(first.token) }?.code == .unauthenticated)
            #expect(try await fixture.redis.send(RedisCommand("ZCARD", list)).int == TokenStore.maxLiveTokens)
        }
    }

    @Test("A token by an identity that was linked from another partition lives with its customer")
    func linkedIdentity() async throws {
        try await AccountFixture.run { fixture in
            let owner = try await fixture.tokens().issueToken(named: "张三", for: identity).customer
            let linked = ChannelIdentity.some(.line, in: owner.partition, inside: false)
            _ = try await fixture.customers.update(owner) { $0.channelIDs[.line] = linked.channelID }
            let issued = try await fixture.tokens().issueToken(named: "ignored", for: linked)
            #expect(issued.customer == owner)
            #expect(issued.name == "张三")
            #expect(issued.token.partition == owner.partition)
            #expect(
                try await fixture.tokens().authenticate(issued.token).principal == .customer(id: owner, channel: .line)
            )
        }
    }

    @Test("A claim whose customer gave the identity up makes a new customer")
    func staleClaim() async throws {
        try await AccountFixture.run { fixture in
            let owner = try await fixture.tokens().issueToken(named: "张三", for: identity).customer
            let linked = ChannelIdentity.some(.line, in: owner.partition, inside: false)
            // As if the program had died between writing the record and releasing the claim.
            try await fixture.set(Keyspace.identity(linked), to: owner.description)
            let issued = try await fixture.tokens().issueToken(named: "new", for: linked)
            #expect(issued.customer != owner)
            #expect(issued.name == "new")
        }
    }

    @Test("A young reservation by somebody else asks to repeat; an old one is freed")
    func reservedIdentity() async throws {
        try await AccountFixture.run { fixture in
            let key = Keyspace.identity(identity)
            let other = UniqueID(in: Partition(60))
            try await fixture.set(key, to: "\(other)@\(try await fixture.now())")
            let error = await messagingError { _ = try await fixture.tokens().issueToken(named: "x", for: identity) }
            #expect(error?.code == .storeUnavailable)
            #expect(error?.retryAfter == .seconds(1))
            try await fixture.set(key, to: "\(other)@\(try await fixture.now() - 10_001)")
            #expect(try await fixture.tokens().issueToken(named: "x", for: identity).customer != other)
        }
    }

    @Test("A channel id of any bytes is one identity", arguments: ["a b", "张三", "a:b", "{x}", "a@b@1", "%00\u{0}"])
    func oddIdentities(channelID: String) async throws {
        try await AccountFixture.run { fixture in
            for channel in CustomerChannel.allCases {
                let identity = ChannelIdentity(channel: channel, channelID: channelID)
                let first = try await fixture.tokens().issueToken(named: "x", for: identity).customer
                #expect(try await fixture.tokens().issueToken(named: "x", for: identity).customer == first)
                let profile = try await fixture.customers.customer(first).profile
                #expect(profile.identities == [identity])
            }
        }
    }
}
