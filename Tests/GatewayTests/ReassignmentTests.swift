import Messaging
import Testing

@Suite("A conversation that changes hands, and an agent who reads slowly")
struct ReassignmentTests {
    @Test("What is said after another agent's claim reaches the slow one only once the conversation is given back")
    func keepsPrivate() async throws {
        try await RunningGateway.run { running in
            let agents = AgentStore(redis: running.redis)
            let slow = try await agents.create(login: "slow", name: "Slow", role: .agent, passwordHash: "-")
            let other = try await agents.create(login: "other", name: "Other", role: .agent, passwordHash: "-")
            let agent = try await running.connect(running.tokens.issueAgentToken(for: slow.id).token, "chat.v2")
            _ = try await agent.next(containing: #""type":"welcome""#)

            let identity = ChannelIdentity(channel: .web, channelID: "one")
            let token = try await running.tokens.issueToken(named: "One", for: identity).token
            let customer = try await running.connect(token, "chat.v2")
            _ = try await customer.next(containing: #""type":"welcome""#)
            try await customer.say("first")
            let first = try await agent.next(containing: "first")
            let ack = try await customer.next(containing: #""type":"ack""#)
            #expect(ack.contains(#""seq":1,"#))
            let conversation = try #require(Self.text(of: "conversationId", in: first).flatMap { UniqueID($0) })

            // More than all buffers between the gateway and the agent hold.
            try await agent.pauseReading()
            let filling = String(repeating: "x", count: 30_000)
            for _ in 0..<400 { try await customer.say(filling) }
            for _ in 0..<400 { _ = try await customer.next(containing: #""type":"ack""#) }

            let store = ConversationStore(redis: running.redis)
            _ = try await store.claim(conversation, by: other.id, role: .agent, name: "Other")
            for _ in 0..<5 {
                try await customer.say("private")
                _ = try await customer.next(containing: #""type":"ack""#)
            }
            try await agent.resumeReading()
            let released = Self.state(conversation, "waiting")
            var seqs = [1]
            var isPrivate = false
            var early: [Int] = []
            var markers = 0
            while seqs.last != 406 {
                let text = try await agent.next()
                if text.contains(Self.state(conversation, "assigned")) {
                    isPrivate = true
                    // Time for what must not come: other conversations are served meanwhile.
                    try await customer.say("marker", in: "another")
                } else if text.contains(released) {
                    isPrivate = false
                } else if text.contains("marker") {
                    markers += 1
                    if markers < 20 {
                        try await customer.say("marker", in: "another")
                    } else {
                        _ = try await store.release(conversation, by: other.id, role: .agent, name: "Other")
                    }
                } else if text.contains(#""type":"message""#) {
                    let seq = try #require(Self.number(of: "seq", in: text))
                    if isPrivate { early.append(seq) }
                    #expect(seq == (seqs.last ?? 0) + 1)
                    seqs.append(seq)
                }
            }
            #expect(early == [])
            try await customer.close()
            try await agent.close()
        }
    }

    private static func state(_ conversation: UniqueID, _ state: String) -> String {
        #""type":"assignment","conversationId":"\#(conversation)","state":"\#(state)""#
    }

    private static func text(of field: String, in json: String) -> String? {
        json.firstRange(of: "\"\(field)\":\"").map { String(json[$0.upperBound...].prefix { $0 != "\"" }) }
    }

    @Test(
        "An agent who gets a conversation by answering is in the audit log, with the address of the WebSocket's client"
    ) func answerIsAudited() async throws {
        try await RunningGateway.run { running in
            let agents = AgentStore(redis: running.redis)
            let ann = try await agents.create(login: "ann", name: "Ann \"安\"", role: .bot, passwordHash: "-")
            let agent = try await running.connect(running.tokens.issueAgentToken(for: ann.id).token, "chat.v2")
            let identity = ChannelIdentity(channel: .web, channelID: "one")
            let issued = try await running.tokens.issueToken(named: "One", for: identity)
            let customer = try await running.connect(issued.token, "chat.v2")
            try await customer.say("first")
            let first = try await agent.next(containing: "first")
            let conversation = try #require(Self.text(of: "conversationId", in: first).flatMap { UniqueID($0) })
            for _ in 0..<3 {
                try await agent.say("answer", in: conversation.description)
                _ = try await agent.next(containing: #""type":"ack""#)
            }
            let log = AuditLog(redis: running.redis, retention: .seconds(3600))
            let entries = try await log.entries(matching: .init(), after: nil, size: 10).entries
            #expect(
                entries.map(\.record) == [
                    AuditRecord(
                        .conversationClaim,
                        by: AuditAuthor(.agent, id: ann.id, name: "Ann \"安\"", address: "127.0.0.1"),
                        on: .conversation(conversation),
                        ["by": "answer", "was": "waiting"]
                    )
                ]
            )
            for client in [agent, customer] { try? await client.close() }
        }
    }

    private static func number(of field: String, in json: String) -> Int? {
        json.firstRange(of: "\"\(field)\":").flatMap { Int(json[$0.upperBound...].prefix { $0.isNumber }) }
    }
}
