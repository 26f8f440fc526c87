import Hiredis
import Messaging
import Testing

@Suite("Routes that Redis has lost", .timeLimit(.minutes(10)))
struct RouteHealingTests {
    @Test("Customers and agents who are connected are found again, and what was said meanwhile reaches them")
    func heal() async throws {
        try await RunningGateway.run { running in
            let ann = try await AgentStore(redis: running.redis)
                .create(login: "ann", name: "Ann", role: .agent, passwordHash: "-")
            let identity = ChannelIdentity(channel: .web, channelID: "one")
            let issued = try await running.tokens.issueToken(named: "One", for: identity)
            let customer = try await running.connect(issued.token, "chat.v2")
            let agent = try await running.connect(running.tokens.issueAgentToken(for: ann.id).token, "chat.v2")
            for client in [customer, agent] { _ = try await client.next(containing: #""type":"welcome""#) }

            let conversations = ConversationStore(redis: running.redis)
            let limits = MessageLog.Limits(log: 1000, conversationsPerCustomer: 10)
            func lose() async throws {
                let partition = issued.customer.partition
                for key in [Keyspace.routes(issued.customer), Keyspace.connectedAgents(in: partition)] {
                    _ = try await running.redis.send(RedisCommand("DEL", key))
                }
            }
            func say(_ text: String, from principal: Principal, to reference: String) async throws -> UniqueID {
                try await conversations.append(
                    text,
                    metadata: nil,
                    clientMessageID: nil,
                    from: principal,
                    to: reference,
                    limits: limits
                ).conversation
            }
            try await lose()
            let conversation = try await say("anybody?", from: .customer(id: issued.customer, channel: .web), to: "")
            _ = try await agent.next(containing: "anybody?")
            _ = try await customer.next(containing: "anybody?")
            try await lose()
            _ = try await say("me", from: .agent(id: ann.id, role: .agent, name: "Ann"), to: "\(conversation)")
            _ = try await customer.next(containing: #""content":"me""#)
            for client in [customer, agent] { try? await client.close() }
        }
    }
}
