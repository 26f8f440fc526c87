import Hiredis
import Messaging
import NIOCore
import RedisFixture
import Testing

@Suite("Messages of one turn of an event loop, which leave as one command")
struct AppendBatchTests {
    private typealias Outcome = Result<AppendedMessage, MessagingError>

    /// Appends all in one turn, and waits for what becomes of each.
    private func append(
        _ messages: [(from: Principal, to: String, clientMessageID: String?)],
        _ fixture: LogFixture
    ) async throws -> [Outcome] {
        try await fixture.onLog { log, done in
            var outcomes: [Int: Outcome] = [:]
            for (index, message) in messages.enumerated() {
                let key = message.clientMessageID.map { ByteBuffer(string: "\"\($0)\"") }
                log.append(
                    from: log.sender(message.from, origin: "g.0:1"),
                    reference: message.to,
                    tail: Message.recordTail(
                        content: ByteBuffer(string: "\"m\(index)\""),
                        metadata: nil,
                        clientMessageID: key,
                        senderNote: nil
                    ),
                    clientMessageID: key
                ) { outcome in
                    outcomes[index] = outcome
                    if outcomes.count == messages.count {
                        done(.success(messages.indices.compactMap { outcomes[$0] }))
                    }
                }
            }
        }
    }

    private func commands(_ fixture: LogFixture) throws -> Int {
        let line = try fixture.server.command("INFO", "commandstats").split(whereSeparator: \.isNewline).filter {
            $0.hasPrefix("cmdstat_eval")
        }
        return line.reduce(0) { $0 + (Int($1.split(separator: "=")[1].prefix { $0 != "," }) ?? 0) }
    }

    @Test("Each gets its own answer: stored, refused, or stored before, all in one command")
    func answers() async throws {
        try await LogFixture.run { fixture in
            let one = Principal.customer(id: try await fixture.makeCustomer(), channel: .web)
            let other = Principal.customer(id: try await fixture.makeCustomer(), channel: .web)
            let nobody = Principal.customer(id: UniqueID(in: Partition(9)), channel: .web)
            let ann = Principal.agent(id: UniqueID(in: Partition(0)), role: .agent, name: "Ann")
            let first = try await fixture.append("hi", from: one)
            let before = try commands(fixture)
            let outcomes = try await append(
                [
                    (one, "\(first.conversation)", "a"), (nobody, "", nil), (other, "", nil),
                    (ann, "\(first.conversation)", nil), (one, "\(first.conversation)", "a"),
                    (ann, "\(UniqueID(in: Partition(5)))", nil), (one, "my own name", nil), (ann, "no id", nil),
                ],
                fixture
            )
            #expect(try commands(fixture) == before + 1)
            let stored = outcomes.map { try? $0.get() }
            let seqs: [Int?] = [2, nil, 1, 3, 2, nil, 1, nil]
            #expect(stored.map { $0?.seq } == seqs)
            #expect(stored[4]?.isDuplicate == true)
            #expect(stored[4]?.id == stored[0]?.id)
            #expect(stored[3]?.conversation == first.conversation)
            #expect(Set([stored[0], stored[2], stored[6]].map { $0?.conversation }).count == 3)
            for (index, code) in [(1, MessagingError.Code.forbidden), (5, .notFound), (7, .notFound)] {
                guard case .failure(let error) = outcomes[index] else { continue }
                #expect(error.code == code)
            }
        }
    }

    @Test("One that Redis can't store fails alone")
    func failure() async throws {
        try await LogFixture.run { fixture in
            var senders: [Principal] = []
            var conversations: [UniqueID] = []
            for _ in 0..<3 {
                senders.append(.customer(id: try await fixture.makeCustomer(), channel: .web))
                conversations.append(try await fixture.append("hi", from: senders[senders.count - 1]).conversation)
            }
            _ = try fixture.server.command("DEL", Keyspace.log(conversations[1]))
            _ = try fixture.server.command("SET", Keyspace.log(conversations[1]), "no stream")
            let outcomes = try await append(
                zip(senders, conversations).map { ($0, "\($1)", nil) },
                fixture
            )
            let seqs: [Int?] = [2, nil, 2]
            #expect(outcomes.map { (try? $0.get())?.seq } == seqs)
            guard case .failure(let error) = outcomes[1] else { return }
            #expect(error.code == .storeUnavailable)
            #expect(error.cause?.mayHaveRun == true)
        }
    }

    @Test(
        "One that fails after the writes that are for memory only takes none of the others out of the append-only file"
    )
    func replication() async throws {
        try await LogFixture.run(appendOnly: true) { fixture in
            var senders: [Principal] = []
            var conversations: [UniqueID] = []
            for _ in 0..<2 {
                let id = try await fixture.makeCustomer()
                senders.append(.customer(id: id, channel: .web))
                conversations.append(try await fixture.append("hi", from: senders[senders.count - 1]).conversation)
                // Somebody else's connection, so that there is something to publish.
                _ = try await fixture.onLog { log, done in
                    log.registerCustomer(id, in: "g.1", connections: 2, full: 0, listing: true, done)
                }
            }
            // The count of the first one's mailbox can't be counted on.
            let counts = Keyspace.prefix(conversations[0].partition) + "mailbox"
            _ = try fixture.server.command("HSET", counts, "g.1", "no number")
            let outcomes = try await append(zip(senders, conversations).map { ($0, "\($1)", nil) }, fixture)
            let stored = outcomes.map { (try? $0.get())?.seq }
            // Where both are in one partition, both fail.
            try #require(conversations[0].partition == conversations[1].partition || stored == [nil, 2])
            try await fixture.server.restart()
            let length = try fixture.server.command("XLEN", Keyspace.log(conversations[1]))
            #expect(length == "2")
        }
    }

    @Test("More than one command takes are stored in order all the same, and what is asked behind them sees them")
    func order() async throws {
        try await LogFixture.run { fixture in
            let customer = Principal.customer(id: try await fixture.makeCustomer(), channel: .web)
            let conversation = try await fixture.append("hi", from: customer).conversation
            let outcomes = try await append((0..<100).map { _ in (customer, "\(conversation)", nil) }, fixture)
            #expect(try outcomes.map { try $0.get().seq } == Array(2...101))

            let page: LogPage? = try await fixture.onLog { log, done in
                log.append(
                    from: log.sender(customer, origin: "-"),
                    reference: "\(conversation)",
                    tail: Message.recordTail(
                        content: ByteBuffer(string: "\"last\""),
                        metadata: nil,
                        clientMessageID: nil,
                        senderNote: nil
                    ),
                    clientMessageID: nil
                ) { _ in }
                log.read(conversation, from: .after(100), limit: 10, done)
            }
            #expect(page?.messages.map(\.seq) == [101, 102])
        }
    }
}

@Suite("By which times customers and conversations are listed")
struct ListedTimesTests {
    @Test(
        "They are moved by the first message in a while, and again by a later one; the conversation's own time by each"
    )
    func moved() async throws {
        try await LogFixture.run { fixture in
            let id = try await fixture.makeCustomer()
            let customer = Principal.customer(id: id, channel: .web)
            var last = try await fixture.append("hi", from: customer)
            let conversation = last.conversation
            func number(_ words: String...) throws -> Int { try #require(Int(try fixture.server.command(words))) }
            func score() throws -> Int {
                try number("ZSCORE", Keyspace.conversations(in: id.partition), "\(conversation)")
            }
            func interaction() throws -> Int { try number("HGET", Keyspace.customer(id), "lastInteractionAt") }
            let begin = last.at
            #expect(try score() == begin.milliseconds)
            #expect(try interaction() == begin.milliseconds)
            while last.at.milliseconds < begin.milliseconds + 500 {
                last = try await fixture.append("and", from: customer, to: "\(conversation)")
                #expect(try score() > last.at.milliseconds - 200)
                #expect(try interaction() > last.at.milliseconds - 200)
                let at = try fixture.server.command("HGET", Keyspace.conversation(conversation), "lastMessageAt")
                #expect(at == "\(last.at.milliseconds)")
            }
        }
    }

    @Test("A customer's next message goes to the conversation of its last one, however fast it goes to and fro")
    func latest() async throws {
        try await LogFixture.run { fixture in
            let customer = Principal.customer(id: try await fixture.makeCustomer(), channel: .web)
            let one = try await fixture.append("hi", from: customer, to: "one").conversation
            let two = try await fixture.append("hi", from: customer, to: "two").conversation
            for conversation in [one, two, one, one, two, two, one] {
                #expect(
                    try await fixture.append("a", from: customer, to: "\(conversation)").conversation == conversation
                )
                #expect(try await fixture.append("b", from: customer).conversation == conversation)
            }
        }
    }
}
