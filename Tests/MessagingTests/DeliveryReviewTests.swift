import Hiredis
import Messaging
import NIOCore
import RedisFixture
import Testing

@Suite("The message log where routes are incomplete and numbers are at their edges")
struct DeliveryReviewTests {
    private let ann = Principal.agent(id: UniqueID(in: .ofAgents), role: .agent, name: "安娜")

    @Test("A customer's other connection gets the message although the sender's own is not registered")
    func tellsTheOtherConnection() async throws {
        try await LogFixture.run { fixture in
            let customerID = try await fixture.makeCustomer()
            let customer = Principal.customer(id: customerID, channel: .app)
            _ = try await fixture.onLog { log, done in
                log.registerCustomer(customerID, in: "here.0", connections: 1, full: 1, listing: true, done)
            }
            // As after the loss of a subscription: the sender's mailbox was forgotten and is not back yet.
            let items = try await fixture.publications(into: "here.0", count: 2) {
                _ = try await fixture.append("from the other device", from: customer, origin: "elsewhere.0:1")
                // So that the test ends if the message above was told to nobody.
                _ = try await fixture.append("marker", from: customer)
            }
            let seqs = items.compactMap { if case .message(let item) = $0 { item.message.seq } else { nil } }
            // After the assignment, which says that the conversation waits.
            #expect(seqs == [1])
        }
    }

    @Test("An agent's other connection gets the answer although the sender's own is not registered")
    func tellsTheAgentsOtherConnection() async throws {
        try await LogFixture.run { fixture in
            let customer = Principal.customer(id: try await fixture.makeCustomer(), channel: .app)
            let conversation = try await fixture.append("help", from: customer).conversation
            guard case .agent(let annID, _, _) = ann else { return }
            _ = try await fixture.onLog { log, done in
                log.registerAgent(
                    annID,
                    in: "here.0",
                    connections: 1,
                    full: 1,
                    listing: true,
                    partitions: [conversation.partition],
                    done
                )
            }
            let items = try await fixture.publications(into: "here.0", count: 2) {
                _ = try await fixture.append("yes", from: ann, to: "\(conversation)", origin: "elsewhere.0:1")
                _ = try await fixture.append("marker", from: ann, to: "\(conversation)")
            }
            let seqs = items.compactMap { if case .message(let item) = $0 { item.message.seq } else { nil } }
            // After the assignment.
            #expect(seqs == [2])
        }
    }

    @Test("An agent's clientMessageId counts within its conversation, wherever conversations are placed")
    func deduplicatesAgentsWithinConversation() async throws {
        try await LogFixture.run { fixture in
            let customer = Principal.customer(id: try await fixture.makeCustomer(), channel: .web)
            let one = try await fixture.append("a", from: customer, to: "one").conversation
            let two = try await fixture.append("b", from: customer, to: "two").conversation
            #expect(one.partition == two.partition)
            let first = try await fixture.append("x", from: ann, to: "\(one)", clientMessageID: "1")
            let second = try await fixture.append("y", from: ann, to: "\(two)", clientMessageID: "1")
            #expect(second.isDuplicate == false)
            #expect(second.conversation == two)
            let again = try await fixture.append("x", from: ann, to: "\(one)".uppercased(), clientMessageID: "1")
            #expect(again.isDuplicate)
            #expect(again.id == first.id)
        }
    }

    @Test("A page before the first message, or after any number a client can name, is empty")
    func readsAtTheEdges() async throws {
        try await LogFixture.run { fixture in
            let customer = Principal.customer(id: try await fixture.makeCustomer(), channel: .web)
            let conversation = try await fixture.append("a", from: customer).conversation
            let largest = 9_007_199_254_740_991
            for start in [MessageLog.Start.before(0), .before(1), .after(1), .after(largest)] {
                let page = try await fixture.onLog { log, done in
                    log.read(conversation, from: start, limit: 10, done)
                }
                #expect(page?.messages.count == 0)
                #expect(page?.lastSeq == 1)
            }
            for start in [MessageLog.Start.before(2), .before(largest), .after(0)] {
                let page = try await fixture.onLog { log, done in
                    log.read(conversation, from: start, limit: 10, done)
                }
                #expect(page?.messages.map(\.seq) == [1])
            }
        }
    }
}
