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
            let one = try await fixture.makeCustomer()
            let other = Principal.customer(id: try await fixture.makeCustomer(), channel: .web)
            let conversation = try await fixture.append("hi", from: other).conversation
            // Somebody who is told of a new conversation, in a mailbox that can't be counted.
            _ = try await fixture.onLog { log, done in
                log.registerCustomer(one, in: "g.1", connections: 1, full: 1, listing: true, done)
            }
            _ = try fixture.server.command("HSET", Keyspace.prefix(one.partition) + "mailbox", "g.1", "no number")
            let outcomes = try await append(
                [(.customer(id: one, channel: .web), "", nil), (other, "\(conversation)", nil)],
                fixture
            )
            #expect(outcomes.map { (try? $0.get())?.seq } == [nil, 2])
            try await fixture.server.restart()
            let length = try fixture.server.command("XLEN", Keyspace.log(conversation))
            #expect(length == "2")
        }
    }

    private func publications(_ fixture: LogFixture) throws -> Int {
        let line = try fixture.server.command("INFO", "commandstats").split(whereSeparator: \.isNewline)
            .first { $0.hasPrefix("cmdstat_publish:") }
        return Int(line?.split(separator: "=")[1].prefix { $0 != "," } ?? "0") ?? 0
    }

    @Test("Those for one mailbox are one publication, in order, also with what comes in between")
    func bundles() async throws {
        try await LogFixture.run { fixture in
            var senders: [Principal] = []
            var conversations: [UniqueID] = []
            for _ in 0..<5 {
                let id = try await fixture.makeCustomer()
                senders.append(.customer(id: id, channel: .web))
                conversations.append(try await fixture.append("hi", from: senders[senders.count - 1]).conversation)
                _ = try await fixture.onLog { log, done in
                    log.registerCustomer(id, in: "g.1", connections: 1, full: 1, listing: true, done)
                }
            }
            let ann = Principal.agent(id: UniqueID(in: Partition(0)), role: .agent, name: "Ann")
            let items = try await fixture.publications(into: "g.1", count: 12) {
                var before = try publications(fixture)
                let outcomes = try await append(zip(senders, conversations).map { ($0, "\($1)", nil) }, fixture)
                #expect(outcomes.allSatisfy { (try? $0.get())?.seq == 2 })
                #expect(try publications(fixture) == before + 1)
                // Her first answer takes the third conversation: that is told in its place.
                before = try publications(fixture)
                _ = try await append(
                    [(senders[0], "\(conversations[0])", nil), (ann, "\(conversations[2])", nil)]
                        + zip(senders, conversations).dropFirst().map { ($0, "\($1)", nil) },
                    fixture
                )
                #expect(try publications(fixture) == before + 3)
            }
            let told: [String] = items.map { item in
                switch item {
                case .message(let item): "\(item.message.conversation) \(item.message.seq)"
                case .assignment(let item): "\(item.conversation) assigned"
                default: "?"
                }
            }
            #expect(told.prefix(5) == conversations.map { "\($0) 2" }[...])
            let third = conversations[2]
            #expect(
                told.dropFirst(5)
                    == [
                        "\(conversations[0]) 3", "\(third) assigned", "\(third) 3", "\(conversations[1]) 3",
                        "\(third) 4",
                        "\(conversations[3]) 3", "\(conversations[4]) 3",
                    ][...]
            )
        }
    }

    @Test("A mailbox that nobody listens to is forgotten by all whose messages were for it")
    func unheardBundle() async throws {
        try await LogFixture.run { fixture in
            var senders: [(id: UniqueID, conversation: UniqueID)] = []
            for _ in 0..<3 {
                let id = try await fixture.makeCustomer()
                let customer = Principal.customer(id: id, channel: .web)
                senders.append((id, try await fixture.append("hi", from: customer).conversation))
                _ = try await fixture.onLog { log, done in
                    log.registerCustomer(id, in: "gone.1", connections: 1, full: 0, listing: true, done)
                }
            }
            _ = try await append(
                senders.map { (.customer(id: $0.id, channel: .web), "\($0.conversation)", nil) },
                fixture
            )
            for (id, _) in senders { #expect(try fixture.server.command("EXISTS", Keyspace.routes(id)) == "0") }
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

    @Test("While Redis has two commands of them to answer, those of later turns gather, and leave as one, in order")
    func gathering() async throws {
        try await LogFixture.run { fixture in
            let customer = Principal.customer(id: try await fixture.makeCustomer(), channel: .web)
            let conversation = try await fixture.append("hi", from: customer).conversation
            let before = try commands(fixture)
            try fixture.server.suspend()
            let count = 10
            let seqs: [Int?] = try await fixture.onLog { log, done in
                var seqs: [Int?] = []
                func appendNext(_ number: Int) {
                    guard number < count else { return resume() }
                    log.append(
                        from: log.sender(customer, origin: "-"),
                        reference: "\(conversation)",
                        tail: Message.recordTail(
                            content: ByteBuffer(string: "\"\(number)\""),
                            metadata: nil,
                            clientMessageID: nil,
                            senderNote: nil
                        ),
                        clientMessageID: nil
                    ) { outcome in
                        seqs.append((try? outcome.get())?.seq)
                        if seqs.count == count { done(.success(seqs)) }
                    }
                    // Behind the end of this turn.
                    fixture.loop.assumeIsolated().execute { appendNext(number + 1) }
                }
                func resume() {
                    do { try fixture.server.resume() } catch { Issue.record(error) }
                }
                appendNext(0)
            }
            #expect(seqs == Array(2...(count + 1)))
            #expect(try commands(fixture) == before + 3)
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
