import Messaging
import RedisFixture
import Testing

@Suite("What the full dialect tells about the other side")
struct AgentsViewTests {
    private func text(_ field: String, in json: String) -> String? {
        json.firstRange(of: "\"\(field)\":\"").map { String(json[$0.upperBound...].prefix { $0 != "\"" }) }
    }

    private func agent(_ login: String, in running: RunningGateway) async throws -> (Agent, Token) {
        let agents = AgentStore(redis: running.redis)
        let agent = try await agents.create(login: login, name: login, role: .agent, passwordHash: "-")
        return (agent, try await running.tokens.issueAgentToken(for: agent.id).token)
    }

    @Test("welcome is the first frame, whatever happens while it is prepared, and what changed since comes behind it")
    func welcomeFirst() async throws {
        try await RunningGateway.run { running in
            let identity = ChannelIdentity(channel: .web, channelID: "one")
            let customer = try await running.connect(
                running.tokens.issueToken(named: "One", for: identity).token,
                "chat.v2"
            )
            try await customer.say("first")
            let stored = try await customer.next(containing: #""type":"ack""#)
            let conversation = try #require(text("conversationId", in: stored).flatMap { UniqueID($0) })
            let (ann, token) = try await agent("ann", in: running)
            let store = ConversationStore(redis: running.redis)
            // Somebody whom everything is told, so that it comes to this gateway at all times.
            let witness = try await running.connect(token, "chat.v2")
            _ = try await witness.next(containing: #""type":"welcome""#)
            for _ in 0..<100 {
                async let changes: Void = { () async throws in
                    for _ in 0..<3 {
                        _ = try await store.claim(conversation, by: ann.id, role: .agent, name: "ann")
                        _ = try await store.release(conversation, by: ann.id, role: .agent, name: "ann")
                    }
                    _ = try await store.claim(conversation, by: ann.id, role: .agent, name: "ann")
                }()
                let client = try await running.connect(token, "chat.v2")
                let first = try await client.next()
                #expect(first.hasPrefix(#"{"type":"welcome""#), "\(first)")
                try await changes
                if text("state", in: first) != "assigned" {
                    _ = try await client.next(containing: #""state":"assigned""#)
                }
                _ = try await store.release(conversation, by: ann.id, role: .agent, name: "ann")
                try await client.close()
            }
            try await witness.close()
            try await customer.close()
        }
    }

    @Test("welcome tells an agent who the customer is and what it read, a customer who answers and what was read there")
    func welcome() async throws {
        try await RunningGateway.run { running in
            let identity = ChannelIdentity(channel: .line, channelID: "one")
            let issued = try await running.tokens.issueToken(named: "王 \"小\"明", for: identity)
            let customer = try await running.connect(issued.token, "chat.v2")
            #expect(try await customer.next(containing: "welcome").contains(#""conversations":[]"#))
            try await customer.say("first")
            let stored = try await customer.next(containing: #""type":"ack""#)
            let conversation = try #require(text("conversationId", in: stored))

            let (ann, token) = try await agent("ann", in: running)
            let first = try await running.connect(token, "chat.v2")
            let greeting = try await first.next(containing: #""type":"welcome""#)
            #expect(
                greeting.contains(#""customerId":"\#(issued.customer)","customerName":"王 \"小\"明","channel":"LINE""#)
            )
            #expect(greeting.contains(#""online":true"#))
            _ = try await first.next(containing: "first")
            try await first.say("hello", in: conversation)
            let answer = try await customer.next(containing: "hello")
            #expect(answer.contains(#""seq":2,"#))
            try await customer.send(#"{"type":"read","conversationId":"\#(conversation)","seq":2}"#)
            _ = try await first.next(containing: #""read":2"#)
            try await first.send(#"{"type":"read","conversationId":"\#(conversation)","seq":1}"#)
            _ = try await customer.next(containing: #""readerType":"agent","delivered":1,"read":1"#)

            // Each on a new connection.
            let second = try await running.connect(token, "chat.v2")
            #expect(try await second.next(containing: "welcome").contains(#""delivered":2,"read":2,"#))
            let again = try await running.connect(issued.token, "chat.v2")
            let shown = try await again.next(containing: "welcome")
            #expect(shown.contains(#""assigneeId":"\#(ann.id)""#))
            #expect(shown.contains(#""assigneeName":"ann","assigneeOnline":true,"delivered":1,"read":1,"#))
            #expect(!shown.contains("customerName"))
            for client in [first, second] { try await client.close() }
            _ = try await again.next(containing: #""type":"presence""#)
            let last = try await running.connect(issued.token, "chat.v2")
            #expect(try await last.next(containing: "welcome").contains(#""assigneeOnline":false"#))
            for client in [customer, again, last] { try? await client.close() }
        }
    }

    @Test("A note reaches every agent of the full dialect and nobody else")
    func note() async throws {
        try await RunningGateway.run { running in
            let identity = ChannelIdentity(channel: .web, channelID: "one")
            let issued = try await running.tokens.issueToken(named: "One", for: identity)
            let customer = try await running.connect(issued.token, "chat.v2")
            try await customer.say("first")
            let stored = try await customer.next(containing: #""type":"ack""#)
            let conversation = try #require(text("conversationId", in: stored).flatMap { UniqueID($0) })
            let (ann, annToken) = try await agent("ann", in: running)
            let (_, bobToken) = try await agent("bob", in: running)
            let reader = try await running.connect(annToken, "chat.v2")
            let other = try await running.connect(bobToken, "chat.v2")
            let plain = try await running.connect(bobToken, "unknown")
            for client in [reader, other] { _ = try await client.next(containing: "welcome") }
            _ = try await plain.next(containing: "first")
            // The conversation is Ann's; Bob sees notes about it all the same.
            try await reader.say("hello", in: conversation.description)
            _ = try await customer.next(containing: "hello")

            let store = ConversationStore(redis: running.redis)
            let note = try await store.addNote("VIP \"!\"", to: conversation, by: ann.id, name: "Ann")
            let expected =
                #"{"type":"note","id":"\#(note.id)","conversationId":"\#(conversation)","afterSeq":2,"#
                + #""senderId":"\#(ann.id)","senderName":"Ann","content":"VIP \"!\"","#
                + #""timestamp":"\#(note.at.iso8601)"}"#
            for client in [reader, other] { #expect(try await client.next(containing: "note") == expected) }

            // What would have come before what is said next.
            try await reader.say("marker", in: conversation.description)
            var texts: [String] = []
            while texts.last?.contains("marker") != true { texts.append(try await customer.next()) }
            #expect(!texts.contains { $0.contains("VIP") })
            try await customer.say("to all", in: "another")
            texts = [try await plain.next()]
            while texts.last?.contains("to all") != true { texts.append(try await plain.next()) }
            #expect(!texts.contains { $0.contains("VIP") })
            for client in [customer, reader, other, plain] { try? await client.close() }
        }
    }

    @Test("Handed over, a conversation is shown to its new agent, and what comes next is not to the old one")
    func transfer() async throws {
        try await RunningGateway.run { running in
            let identity = ChannelIdentity(channel: .web, channelID: "one")
            let issued = try await running.tokens.issueToken(named: "One", for: identity)
            let customer = try await running.connect(issued.token, "chat.v2")
            try await customer.say("first")
            let stored = try await customer.next(containing: #""type":"ack""#)
            let conversation = try #require(text("conversationId", in: stored).flatMap { UniqueID($0) })
            let (ann, annToken) = try await agent("ann", in: running)
            let (bob, bobToken) = try await agent("bob", in: running)
            let old = try await running.connect(annToken, "chat.v2")
            let new = try await running.connect(bobToken, "chat.v2")
            for client in [old, new] { _ = try await client.next(containing: "first") }
            try await old.say("one moment", in: conversation.description)
            _ = try await new.next(containing: #""assigneeId":"\#(ann.id)""#)
            try await customer.say("only Ann sees this at first")
            _ = try await old.next(containing: "only Ann")

            let store = ConversationStore(redis: running.redis)
            _ = try await store.transfer(conversation, to: bob.id, by: ann.id, role: .agent)
            let told = #""state":"assigned","assigneeId":"\#(bob.id)","assigneeName":"bob","fence":3"#
            for client in [customer, old, new] { _ = try await client.next(containing: told) }
            _ = try await new.next(containing: "only Ann")
            try await customer.say("for Bob")
            _ = try await new.next(containing: "for Bob")
            try await customer.say("for all", in: "another")
            var texts = [try await old.next()]
            while texts.last?.contains("for all") != true { texts.append(try await old.next()) }
            #expect(!texts.contains { $0.contains("for Bob") })
            for client in [customer, old, new] { try? await client.close() }
        }
    }

    @Test("A gateway's figures are in the status while it runs, and gone when it has ended")
    func status() async throws {
        try await withRedis { server in
            try await RunningGateway.run(on: server.programsURL) { running in
                let status = SystemStatusStore(redis: running.redis)
                let identity = ChannelIdentity(channel: .web, channelID: "one")
                let issued = try await running.tokens.issueToken(named: "One", for: identity)
                let (_, token) = try await agent("ann", in: running)
                let customer = try await running.connect(issued.token, "chat.v2")
                let reader = try await running.connect(token, "chat.v2")
                for number in 1...3 { try await customer.say("\(number)") }
                _ = try await reader.next(containing: #""seq":3,"#)
                var now = try await status.status()
                while now.gateways.first?.figures.connections != 2 || now.messages < 3 {
                    try await Task.sleep(for: .milliseconds(50))
                    now = try await status.status()
                }
                #expect(now.gateways.count == 1)
                #expect(now.gateways[0].figures.customers == 1)
                #expect(now.gateways[0].figures.agents == 1)
                #expect(now.gateways[0].figures.messagesPerTenSeconds > 0)
                #expect(!now.gateways[0].figures.isDraining)
                #expect(now.messages == 3)
                #expect(now.waiting == 1)
                #expect(now.longestWaitingSince != nil)
                #expect(now.redisMemoryBytes ?? 0 > 0)
                for client in [customer, reader] { try? await client.close() }
            }
            // It ended in order, and took its figures along.
            let left = try server.command("--scan", "--pattern", "*figures*")
            #expect(left == "")
        }
    }
}
