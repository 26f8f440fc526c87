import Messaging
import RedisFixture
import Testing

@Suite("Unread messages in welcome")
struct UnreadTests {
    @Test("Each side is told how many messages of the other it has not read, and reading counts them off")
    func welcome() async throws {
        try await RunningGateway.run { running in
            let identity = ChannelIdentity(channel: .web, channelID: "one")
            let token = try await running.tokens.issueToken(named: "One", for: identity).token
            let customer = try await running.connect(token, "chat.v2")
            try await customer.say("first")
            try await customer.say("second")
            let stored = try await customer.next(containing: #""seq":2,"#)
            let conversation = try #require(stored.firstMatch(of: #/"conversationId":"([-0-9a-f]+)"/#)).1

            let agents = AgentStore(redis: running.redis)
            let ann = try await agents.create(login: "ann", name: "Ann", role: .agent, passwordHash: "-")
            let annToken = try await running.tokens.issueAgentToken(for: ann.id).token
            let agent = try await running.connect(annToken, "chat.v2")
            let before = try await agent.next(containing: #""type":"welcome""#)
            #expect(before.contains(#""conversationId":"\#(conversation)","state":"waiting""#))
            #expect(before.contains(#""unread":2}"#))
            try await agent.send(#"{"type":"read","conversationId":"\#(conversation)","seq":1}"#)
            _ = try await customer.next(containing: #""type":"receipt""#)
            try await agent.say("hello", in: String(conversation))
            _ = try await agent.next(containing: #""type":"ack""#)
            try await agent.close()

            let again = try await running.connect(annToken, "chat.v2")
            #expect(try await again.next(containing: #""type":"welcome""#).contains(#""unread":1}"#))
            let second = try await running.connect(token, "chat.v2")
            #expect(try await second.next(containing: #""type":"welcome""#).contains(#""unread":1}"#))
            for client in [customer, again, second] { try? await client.close() }
        }
    }
}
