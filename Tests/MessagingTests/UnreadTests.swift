import Hiredis
import Messaging
import NIOCore
import RedisFixture
import Testing

@Suite("Unread messages")
struct UnreadTests {
    private static let annID = UniqueID(in: .ofAgents)
    private let ann = Principal.agent(id: annID, role: .agent, name: "安娜")

    /// A conversation as each side must count it.
    private struct Model {
        var isFromCustomer: [Bool] = []
        var customerRead = 0
        var agentRead = 0

        var forCustomer: Int { isFromCustomer.dropFirst(customerRead).count { !$0 } }
        var forAgent: Int { isFromCustomer.dropFirst(agentRead).count { $0 } }
    }

    @Test("The counts are exact after any sequence of sends and reads by both sides", arguments: [1, 2, 3])
    func exact(seed: UInt64) async throws {
        try await LogFixture.run { fixture in
            var random = SplitMix(state: seed)
            var model = Model()
            let customerID = try await fixture.makeCustomer()
            let customer = Principal.customer(id: customerID, channel: .web)
            let conversation = try await fixture.append("first", from: customer).conversation
            model.isFromCustomer.append(true)
            _ = try await fixture.append("hello", from: ann, to: "\(conversation)")
            model.isFromCustomer.append(false)

            for step in 0..<300 {
                let isCustomer = Bool.random(using: &random)
                let principal = isCustomer ? customer : ann
                switch Int.random(in: 0..<5, using: &random) {
                case 0, 1:
                    for _ in 0..<Int.random(in: 1...8, using: &random) {
                        _ = try await fixture.append("x", from: principal, to: "\(conversation)")
                        model.isFromCustomer.append(isCustomer)
                    }
                case 2, 3:
                    // Up to date, somewhere in between, back again, or past the end.
                    let last = model.isFromCustomer.count
                    let seq = Bool.random(using: &random) ? last : Int.random(in: 0...(last + 3), using: &random)
                    try await fixture.move(principal, in: conversation, to: seq, read: true)
                    if isCustomer {
                        model.customerRead = max(model.customerRead, min(seq, last))
                    } else {
                        model.agentRead = max(model.agentRead, min(seq, last))
                    }
                default:
                    // What was delivered is not read for that.
                    try await fixture.move(principal, in: conversation, to: model.isFromCustomer.count, read: false)
                }
                let record = try await fixture.conversations.conversation(conversation, for: Self.annID)
                #expect(record.unread == model.forAgent, "seed \(seed), step \(step)")
                let rows: [ConversationPosition] = try await fixture.onLog { log, done in
                    log.registerCustomer(customerID, in: "g.0", connections: 1, full: 1, listing: true, done)
                }
                #expect(rows.map(\.unread) == [model.forCustomer], "seed \(seed), step \(step)")
            }
            let listed = try await fixture.conversations.conversations(
                matching: .init(),
                for: Self.annID,
                page: 0,
                size: 20
            )
            #expect(listed.content.map(\.unread) == [model.forAgent])
            let rows: [ConversationPosition] = try await fixture.onLog { log, done in
                log.registerAgent(
                    Self.annID,
                    in: "g.0",
                    connections: 1,
                    full: 1,
                    listing: true,
                    partitions: [conversation.partition],
                    done
                )
            }
            #expect(rows.map(\.unread) == [model.forAgent])
            #expect(try await fixture.conversations.conversation(conversation).unread == nil)
        }
    }

    @Test("Reading on in a log that has lost its beginning leaves what can still be read")
    func trimmedLog() async throws {
        try await LogFixture.run(limits: .init(log: 100, conversationsPerCustomer: 10)) { fixture in
            let customer = Principal.customer(id: try await fixture.makeCustomer(), channel: .web)
            let conversation = try await fixture.append("first", from: customer).conversation
            _ = try await fixture.append("hello", from: ann, to: "\(conversation)")
            for _ in 0..<998 { _ = try await fixture.append("x", from: customer, to: "\(conversation)") }
            let held = Int(try fixture.server.command("XLEN", Keyspace.log(conversation))) ?? 0
            #expect(held < 500)
            try await fixture.move(ann, in: conversation, to: 10, read: true)
            #expect(try await fixture.conversations.conversation(conversation, for: Self.annID).unread == held)
            try await fixture.move(ann, in: conversation, to: 990, read: true)
            #expect(try await fixture.conversations.conversation(conversation, for: Self.annID).unread == 10)
        }
    }

    @Test("Marking the middle of a long backlog as read counts all of it, more than one page of the log")
    func longBacklog() async throws {
        try await LogFixture.run { fixture in
            let customer = Principal.customer(id: try await fixture.makeCustomer(), channel: .web)
            let conversation = try await fixture.append("first", from: customer).conversation
            for number in 1..<5000 {
                let principal = number.isMultiple(of: 5) ? ann : customer
                _ = try await fixture.append("x", from: principal, to: "\(conversation)")
            }
            try await fixture.move(ann, in: conversation, to: 2400, read: true)
            #expect(try await fixture.conversations.conversation(conversation, for: Self.annID).unread == 2080)
            try await fixture.move(ann, in: conversation, to: 2600, read: true)
            #expect(try await fixture.conversations.conversation(conversation, for: Self.annID).unread == 1920)
        }
    }
}

/// Repeatable random numbers.
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

extension LogFixture {
    fileprivate func move(_ reader: Principal, in conversation: UniqueID, to seq: Int, read: Bool) async throws {
        try await onLog { log, done in log.moveCursor(of: reader, in: conversation, to: seq, read: read, done) }
    }
}
