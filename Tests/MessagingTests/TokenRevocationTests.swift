import Hiredis
import Messaging
import RedisFixture
import Testing

@Suite("Revoking tokens")
struct TokenRevocationTests {
    private let identity = ChannelIdentity(channel: .web, channelID: "web_user_123456")

    private func isDead(_ token: Token, in tokens: TokenStore) async -> Bool {
        await messagingError { _ = try await tokens.authenticate(token) }?.code == .unauthenticated
    }

    @Test("All of a customer's tokens end at once, nobody else's do, and new ones live")
    func customer() async throws {
        try await AccountFixture.run { fixture in
            let tokens = fixture.tokens()
            var issued: [IssuedToken] = []
            for _ in 0..<3 { issued.append(try await tokens.issueToken(named: "张三", for: identity)) }
            let customer = issued[0].customer
            let neighbour = ChannelIdentity.some(.line, in: customer.partition)
            let other = try await tokens.issueToken(named: "李四", for: neighbour)
            #expect(try await tokens.revokeTokens(ofCustomer: customer) == 3)
            for token in issued { #expect(await isDead(token.token, in: tokens)) }
            #expect(await isDead(other.token, in: tokens) == false)
            var left = RedisCommand("EXISTS", Keyspace.customerTokens(customer))
            for token in issued { left.append(Keyspace.token(token.token.hash, in: customer.partition)) }
            #expect(try await fixture.redis.send(left).int == 0)

            #expect(try await tokens.revokeTokens(ofCustomer: customer) == 0)
            let new = try await tokens.issueToken(named: "张三", for: identity)
            #expect(new.customer == customer)
            #expect(await isDead(new.token, in: tokens) == false)
        }
    }

    @Test("All of an agent's tokens end at once; the agent stays")
    func agent() async throws {
        try await AccountFixture.run { fixture in
            let tokens = fixture.tokens()
            let agent = try await fixture.agents.create(login: "ann", name: "Ann", role: .agent, passwordHash: "-")
            let first = try await tokens.issueAgentToken(for: agent.id).token
            let second = try await tokens.issueAgentToken(for: agent.id).token
            #expect(try await tokens.revokeTokens(ofAgent: agent.id) == 2)
            #expect(await isDead(first, in: tokens))
            #expect(await isDead(second, in: tokens))
            let third = try await tokens.issueAgentToken(for: agent.id).token
            #expect(await isDead(third, in: tokens) == false)
        }
    }

    @Test("Whoever does not exist has no tokens to end")
    func unknown() async throws {
        try await AccountFixture.run { fixture in
            let tokens = fixture.tokens()
            let customer = UniqueID(in: .random())
            let agent = UniqueID(in: .ofAgents)
            #expect(await messagingError { _ = try await tokens.revokeTokens(ofCustomer: customer) }?.code == .notFound)
            #expect(await messagingError { _ = try await tokens.revokeTokens(ofAgent: agent) }?.code == .notFound)
            let left = try await fixture.redis.send(RedisCommand("EXISTS", Keyspace.customer(customer))).int
            #expect(left == 0)
        }
    }

    @Test("Every mailbox that holds the customer's connections is told")
    func publication() async throws {
        try await LogFixture.run { fixture in
            let customer = try await fixture.makeCustomer()
            for mailbox in ["here.0", "there.1"] {
                _ = try await fixture.onLog { log, done in
                    log.registerCustomer(customer, in: mailbox, connections: 1, full: 0, listing: false, done)
                }
            }
            let tokens = TokenStore(redis: fixture.redis, lifetime: .seconds(60))
            for mailbox in ["here.0", "there.1"] {
                let seen = try await fixture.publications(into: mailbox, count: 1) {
                    // The other one has no reader and loses its route when it is told.
                    _ = try await fixture.onLog { log, done in
                        log.registerCustomer(customer, in: mailbox, connections: 1, full: 0, listing: false, done)
                    }
                    _ = try await tokens.revokeTokens(ofCustomer: customer)
                }
                #expect(seen == [.revocation(principal: customer, tokenHash: Publication.allTokens)])
            }
        }
    }

    @Test("With a replica, a revocation is answered once the replica has it, and 503 if it does not confirm")
    func replica() async throws {
        try await AccountFixture.run { fixture in
            _ = try fixture.server.command("CONFIG", "SET", "repl-diskless-sync-delay", "0")
            let tokens = fixture.tokens()
            try await withRedis(extra: ["--replicaof", "127.0.0.1", "\(fixture.server.port)"]) { replica in
                while try !fixture.server.command("INFO", "replication").contains("state=online") {
                    try await Task.sleep(for: .milliseconds(50))
                }
                let issued = try await tokens.issueToken(named: "张三", for: identity)
                let key = Keyspace.token(issued.token.hash, in: issued.token.partition)
                #expect(try await tokens.revokeTokens(ofCustomer: issued.customer) == 1)
                #expect(try replica.command("EXISTS", key) == "0")

                let second = try await tokens.issueToken(named: "张三", for: identity)
                try replica.suspend()
                let error = await messagingError { _ = try await tokens.revokeTokens(ofCustomer: issued.customer) }
                #expect(error?.code == .storeUnavailable)
                #expect(error?.message.contains("no replica") == true)
                #expect(await isDead(second.token, in: tokens))
                // Nothing is left to end, and still it is not confirmed.
                #expect(
                    await messagingError { _ = try await tokens.revokeTokens(ofCustomer: issued.customer) }?.code
                        == .storeUnavailable
                )
                try replica.resume()
                #expect(try await tokens.revokeTokens(ofCustomer: issued.customer) == 0)
                let secondKey = Keyspace.token(second.token.hash, in: second.token.partition)
                #expect(try replica.command("EXISTS", secondKey) == "0")
            }
        }
    }

    @Test("Tokens that Redis no longer has are found among those it has")
    func deadTokens() async throws {
        try await LogFixture.run { fixture in
            let partition = Partition(7)
            let live = (0..<20).map { "live\($0)" }
            for hash in live {
                _ = try await fixture.redis.send(RedisCommand("SET", Keyspace.token(hash, in: partition), "x"))
            }
            func dead(_ hashes: [String]) async throws -> Set<String> {
                let tokens = hashes.map {
                    AuthenticatedToken(
                        principal: .customer(id: UniqueID(in: partition), channel: .web),
                        hash: $0,
                        expiresAt: .now
                    )
                }
                return Set(
                    try await fixture.onLog { log, done in log.findEndedTokens(tokens, in: partition, done) }.keys
                )
            }
            #expect(try await dead([]) == [])
            #expect(try await dead(live) == [])
            #expect(try await dead(live + ["dead1", "dead2"]) == ["dead1", "dead2"])
            try fixture.server.kill()
            let error = await messagingError { _ = try await dead(live) }
            #expect(error?.code == .storeUnavailable)
        }
    }

    @Test("Of agents' tokens those are found that ended, and those whose agent has another role or name")
    func changedAgents() async throws {
        try await LogFixture.run { fixture in
            let agents = AgentStore(redis: fixture.redis)
            let tokens = TokenStore(redis: fixture.redis, lifetime: .seconds(60))
            var known: [AuthenticatedToken] = []
            var ids: [UniqueID] = []
            for login in ["root", "ann", "bob", "eve", "joe"] {
                let agent = try await agents.create(login: login, name: login, role: .admin, passwordHash: "-")
                ids.append(agent.id)
                known.append(try await tokens.authenticate(tokens.issueAgentToken(for: agent.id).token))
            }
            func ended() async throws -> [String: MessageLog.TokenEnd] {
                try await fixture.onLog { [known] log, done in log.findEndedTokens(known, in: .ofAgents, done) }
            }
            #expect(try await ended().isEmpty)
            _ = try await agents.update(ids[1], AgentChanges(role: .agent))
            _ = try await agents.update(ids[2], AgentChanges(name: "Bob"))
            _ = try await agents.update(ids[3], AgentChanges(active: false))
            try await tokens.revokeAgentToken(known[4].hash, of: ids[4])
            #expect(
                try await ended() == [
                    known[1].hash: .changed, known[2].hash: .changed, known[3].hash: .gone, known[4].hash: .gone,
                ]
            )
        }
    }
}
