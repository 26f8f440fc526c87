import Hiredis
import Messaging
import NIOCore
import RedisFixture
import Testing

@Suite("A token that ends closes the sockets that were opened with it")
struct TokenEndTests {
    private func identity(_ name: String) -> ChannelIdentity { ChannelIdentity(channel: .web, channelID: name) }

    private func connect(_ running: RunningGateway, _ token: Token) async throws -> SocketClient {
        let client = try await running.connect(token, "chat.v2")
        _ = try await client.next(containing: #""type":"welcome""#)
        return client
    }

    @Test("Revoking a customer's tokens closes all of its sockets with 4004; others stay, and a new token is let in")
    func customer() async throws {
        try await RunningGateway.run { running in
            let first = try await running.tokens.issueToken(named: "One", for: identity("one"))
            let second = try await running.tokens.issueToken(named: "One", for: identity("one"))
            let other = try await running.tokens.issueToken(named: "Two", for: identity("two"))
            let here = try await connect(running, first.token)
            let there = try await connect(running, second.token)
            let bystander = try await connect(running, other.token)
            #expect(try await running.tokens.revokeTokens(ofCustomer: first.customer) == 2)
            #expect(try await here.closeCode() == 4004)
            #expect(try await there.closeCode() == 4004)
            try await bystander.say("still here")
            _ = try await bystander.next(containing: #""type":"ack""#)

            let third = try await running.tokens.issueToken(named: "One", for: identity("one"))
            let again = try await connect(running, third.token)
            try await again.say("back")
            _ = try await again.next(containing: #""type":"ack""#)
            let stranger = try await SocketClient(to: running.address)
            #expect(try await stranger.shakeHands(first.token, "chat.v2") == "401")
            for client in [here, there, bystander, again, stranger] { try? await client.close() }
        }
    }

    @Test("Revoking one token of a customer closes the sockets opened with it, and not those of the others")
    func oneToken() async throws {
        try await RunningGateway.run { running in
            let first = try await running.tokens.issueToken(named: "One", for: identity("one"))
            let second = try await running.tokens.issueToken(named: "One", for: identity("one"))
            let here = try await connect(running, first.token)
            let there = try await connect(running, second.token)
            let listed = try await running.tokens.tokens(ofCustomer: first.customer)
            let token = try #require(listed.first { first.token.hash.hasPrefix($0.id) })
            #expect(try await running.tokens.revokeToken(token.id, ofCustomer: first.customer))
            #expect(try await here.closeCode() == 4004)
            try await there.say("still here")
            _ = try await there.next(containing: #""type":"ack""#)
            #expect(try await !running.tokens.revokeToken(token.id, ofCustomer: first.customer))
            for client in [here, there] { try? await client.close() }
        }
    }

    @Test("Revoking an agent's tokens closes the agent's sockets with 4004")
    func agent() async throws {
        try await RunningGateway.run { running in
            let agents = AgentStore(redis: running.redis)
            let ann = try await agents.create(login: "ann", name: "Ann", role: .agent, passwordHash: "-")
            let bob = try await agents.create(login: "bob", name: "Bob", role: .agent, passwordHash: "-")
            let client = try await connect(running, running.tokens.issueAgentToken(for: ann.id).token)
            let bystander = try await connect(running, running.tokens.issueAgentToken(for: bob.id).token)
            #expect(try await running.tokens.revokeTokens(ofAgent: ann.id) == 1)
            #expect(try await client.closeCode() == 4004)
            let customer = try await running.tokens.issueToken(named: "One", for: identity("one"))
            let writer = try await connect(running, customer.token)
            try await writer.say("anybody?")
            _ = try await bystander.next(containing: "anybody?")
            for client in [client, bystander, writer] { try? await client.close() }
        }
    }

    @Test("A revocation whose publication was lost closes the socket as soon as the gap is seen")
    func lostPublication() async throws {
        try await RunningGateway.run { running in
            let issued = try await running.tokens.issueToken(named: "One", for: identity("one"))
            let other = try await running.tokens.issueToken(named: "One", for: identity("one"))
            let client = try await connect(running, issued.token)
            let bystander = try await connect(running, other.token)
            // The token's record goes as it does when it is revoked, the mailbox's count says that something was published,
            // and nothing arrives.
            let partition = issued.customer.partition
            let prefix = Keyspace.prefix(partition)
            let key = Keyspace.token(issued.token.hash, in: partition)
            let mailboxes = try await running.redis.send(RedisCommand("HKEYS", Keyspace.routes(issued.customer))).array
            let mailbox = try #require(mailboxes?.first?.string)
            _ = try await running.redis.send(RedisCommand("DEL", key))
            let now = "\(Timestamp.now.milliseconds)"
            let record = Keyspace.customer(issued.customer)
            _ = try await running.redis.send(RedisCommand("HSET", record, "tokensRevokedAt", now))
            _ = try await running.redis.send(RedisCommand("HINCRBY", "\(prefix)mailbox", mailbox, "1"))
            #expect(try await client.closeCode() == 4004)
            try await bystander.say("still here")
            _ = try await bystander.next(containing: #""type":"ack""#)
            for client in [client, bystander] { try? await client.close() }
        }
    }

    @Test(
        "A socket whose token Redis has lost, and nobody revoked, is told to get a new one (4001), and does get in with it"
    )
    func lostToken() async throws {
        try await RunningGateway.run { running in
            let issued = try await running.tokens.issueToken(named: "One", for: identity("one"))
            let client = try await connect(running, issued.token)
            let partition = issued.customer.partition
            // As after a failover: the record is not there, and the mailbox's count is another one.
            let mailboxes = try await running.redis.send(RedisCommand("HKEYS", Keyspace.routes(issued.customer))).array
            let mailbox = try #require(mailboxes?.first?.string)
            let key = Keyspace.token(issued.token.hash, in: partition)
            _ = try await running.redis.send(RedisCommand("DEL", key))
            _ = try await running.redis.send(
                RedisCommand("HINCRBY", "\(Keyspace.prefix(partition))mailbox", mailbox, "1")
            )
            #expect(try await client.closeCode() == 4001)
            let again = try await connect(running, running.tokens.issueToken(named: "One", for: identity("one")).token)
            for client in [client, again] { try? await client.close() }
        }
    }

    @Test("A socket is closed with 4005 when its token's time is over, and not before")
    func expiry() async throws {
        try await RunningGateway.run { running in
            let short = TokenStore(redis: running.redis, lifetime: .seconds(8))
            let issued = try await short.issueToken(named: "One", for: identity("one"))
            let client = try await connect(running, issued.token)
            #expect(try await client.closeCode() == 4005)
            #expect(Timestamp.now >= issued.expiresAt)
            try? await client.close()
        }
    }

    private func admin(_ running: RunningGateway) async throws -> (id: UniqueID, token: Token) {
        let agents = AgentStore(redis: running.redis)
        _ = try await agents.create(login: "root", name: "Root", role: .admin, passwordHash: "-")
        let ann = try await agents.create(login: "ann", name: "Ann", role: .admin, passwordHash: "-")
        return (ann.id, try await running.tokens.issueAgentToken(for: ann.id).token)
    }

    @Test(
        "An agent's new role closes its sockets with 4006, and it returns with the same token and the new role",
        .timeLimit(.minutes(2))
    ) func newRole() async throws {
        try await RunningGateway.run { running in
            let agents = AgentStore(redis: running.redis)
            let ann = try await admin(running)
            let bob = try await agents.create(login: "bob", name: "Bob", role: .agent, passwordHash: "-")
            let bystander = try await connect(running, running.tokens.issueAgentToken(for: bob.id).token)
            let issued = try await running.tokens.issueToken(named: "One", for: identity("one"))
            let customer = try await connect(running, issued.token)
            try await customer.say("hello")
            let opened = try await customer.next(containing: #""type":"ack""#)
            let conversation = try #require(
                opened.firstMatch(of: /"conversationId":"([0-9a-f-]+)"/).map { String($0.1) }
            )
            try await bystander.say("mine", in: conversation)
            _ = try await bystander.next(containing: #""type":"ack""#)

            // An admin may write in Bob's conversation.
            let client = try await connect(running, ann.token)
            try await client.say("as an admin", in: conversation)
            _ = try await client.next(containing: #""type":"ack""#)
            _ = try await agents.update(ann.id, AgentChanges(role: .agent))
            #expect(try await client.closeCode() == 4006)
            let again = try await connect(running, ann.token)
            try await again.say("as an agent", in: conversation)
            let answer = try await again.next(containing: #""code""#)
            #expect(answer.contains(#""code":"conflict""#), "\(answer)")

            // What is no change of either closes nothing.
            _ = try await agents.update(ann.id, AgentChanges(name: "Ann", role: .agent))
            _ = try await agents.update(ann.id, AgentChanges(role: .admin))
            #expect(try await again.closeCode() == 4006)
            try await bystander.say("still here", in: conversation)
            _ = try await bystander.next(containing: #""type":"ack""#)
            for client in [client, again, bystander, customer] { try? await client.close() }
        }
    }

    @Test("So does a new name, which others are shown from then on", .timeLimit(.minutes(2))) func newName()
        async throws
    {
        try await RunningGateway.run { running in
            let ann = try await admin(running)
            let client = try await connect(running, ann.token)
            _ = try await AgentStore(redis: running.redis).update(ann.id, AgentChanges(name: "Anna 安"))
            #expect(try await client.closeCode() == 4006)
            let again = try await running.connect(ann.token, "chat.v2")
            let welcome = try await again.next(containing: #""type":"welcome""#)
            #expect(welcome.contains("Anna 安"))
            for client in [client, again] { try? await client.close() }
        }
    }

    @Test("A new role whose publication was lost closes the socket as soon as the gap is seen", .timeLimit(.minutes(2)))
    func lostNewRole() async throws {
        try await RunningGateway.run { running in
            let ann = try await admin(running)
            let client = try await connect(running, ann.token)
            let key = Keyspace.agent(ann.id)
            let prefix = Keyspace.prefix(.ofAgents)
            let agents = Keyspace.connectedAgents(in: .ofAgents)
            let entry = try await running.redis.send(RedisCommand("HGET", agents, ann.id.description)).string
            let mailbox = try #require(entry?.split(separator: "=").first.map(String.init))
            _ = try await running.redis.send(RedisCommand("HSET", key, "role", "agent"))
            _ = try await running.redis.send(RedisCommand("HINCRBY", "\(prefix)mailbox", mailbox, "1"))
            #expect(try await client.closeCode() == 4006)
            let again = try await connect(running, ann.token)
            try await again.send(#"{"type":"ping"}"#)
            _ = try await again.next()
            for client in [client, again] { try? await client.close() }
        }
    }
}
