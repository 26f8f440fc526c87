import Hiredis
import Logging
import Messaging
import NIOCore
import NIOPosix
import RedisFixture
import Testing

/// A private Redis, one event loop with its log, and mailboxes to look into.
final class LogFixture: Sendable {
    let server: RedisServer
    let redis: RedisClient
    let loop: any EventLoop
    let conversations: ConversationStore
    private let limits: MessageLog.Limits
    private let log: NIOLoopBoundBox<MessageLog?>

    init(server: RedisServer, redis: RedisClient, loop: any EventLoop, limits: MessageLog.Limits) {
        self.server = server
        self.redis = redis
        self.loop = loop
        self.limits = limits
        log = NIOLoopBoundBox.makeEmptyBox(valueType: MessageLog.self, eventLoop: loop)
        conversations = ConversationStore(redis: redis)
    }

    static func run(
        limits: MessageLog.Limits = .init(log: 100_000, conversationsPerCustomer: 200),
        appendOnly: Bool = false,
        replicas: Int = 0,
        _ body: @Sendable (LogFixture) async throws -> Void
    ) async throws {
        try await withRedis(appendOnly: appendOnly) { server in
            let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
            var configuration = try RedisConfiguration(url: server.programsURL)
            configuration.replicas = replicas
            let redis = RedisClient(
                configuration: configuration,
                eventLoopGroup: group,
                logger: Logger(label: "test")
            )
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try await redis.run() }
                try await redis.waitUntilReady(timeout: .seconds(30))
                try await body(LogFixture(server: server, redis: redis, loop: group.next(), limits: limits))
                tasks.cancelAll()
            }
            try await group.shutdownGracefully()
        }
    }

    /// Runs `body` with the log on its event loop, and waits for what it completes with.
    func onLog<Value: Sendable>(
        _ body: @escaping @Sendable (MessageLog, @escaping (Result<Value, MessagingError>) -> Void) -> Void
    ) async throws -> Value {
        let promise = loop.makePromise(of: Value.self)
        loop.execute {
            if self.log.value == nil {
                self.log.value = MessageLog(redis: self.redis.connection(for: self.loop), limits: self.limits)
            }
            guard let log = self.log.value else { return }
            body(log) {
                promise.completeWith($0.mapError { $0 as any Error })
            }
        }
        return try await promise.futureResult.get()
    }

    /// A customer as the token script leaves it.
    func makeCustomer() async throws -> UniqueID {
        let id = UniqueID(in: .random())
        _ = try await redis.send(RedisCommand("HSET", Keyspace.customer(id), "name", "张三"))
        return id
    }

    func append(
        _ text: String,
        from principal: Principal,
        to reference: String = "",
        clientMessageID: String? = nil,
        origin: String = "-"
    ) async throws -> AppendedMessage {
        try await onLog { log, done in
            let key = clientMessageID.map { ByteBuffer(string: "\"\($0)\"") }
            log.append(
                from: log.sender(principal, origin: origin),
                reference: reference,
                tail: Message.recordTail(
                    content: ByteBuffer(string: JSONText.literal(text)),
                    metadata: ByteBuffer(string: #"{"a":1}"#),
                    clientMessageID: key,
                    senderNote: nil
                ),
                clientMessageID: key,
                done
            )
        }
    }

    /// Appends so many messages, each in a turn of the event loop of its own, and none waits for the answer to the one before.
    ///
    /// - Returns: Their places in the log.
    func appendInTurns(_ count: Int, from principal: Principal) async throws -> [Int] {
        let answers = (0..<count).map { _ in loop.makePromise(of: Int.self) }
        loop.execute {
            let log = MessageLog(redis: self.redis.connection(for: self.loop), limits: self.limits)
            self.appendInTurns(answers[...], from: principal, to: NIOLoopBound(log, eventLoop: self.loop))
        }
        return try await EventLoopFuture.whenAllSucceed(answers.map(\.futureResult), on: loop).get()
    }

    private func appendInTurns(
        _ answers: ArraySlice<EventLoopPromise<Int>>,
        from principal: Principal,
        to log: NIOLoopBound<MessageLog>
    ) {
        guard let answer = answers.first else { return }
        let tail = Message.recordTail(
            content: ByteBuffer(string: #""a""#),
            metadata: nil,
            clientMessageID: nil,
            senderNote: nil
        )
        let sender = log.value.sender(principal, origin: "-")
        log.value.append(from: sender, reference: "", tail: tail, clientMessageID: nil) {
            answer.completeWith($0.map(\.seq).mapError { $0 as any Error })
        }
        loop.scheduleTask(in: .microseconds(100)) { self.appendInTurns(answers.dropFirst(), from: principal, to: log) }
    }

    /// Takes the last message away, as a Redis that lost the end of its file does.
    func loseLast(of conversation: UniqueID) throws {
        let key = Keyspace.conversation(conversation)
        let seq = try server.command("HGET", key, "seq")
        _ = try server.command("XDEL", Keyspace.log(conversation), "\(seq)-0")
        // XADD insists on ids above the last one ever added.
        let last = (Int(seq) ?? 1) - 1
        _ = try server.command("XSETID", Keyspace.log(conversation), "\(last)-0")
        _ = try server.command("HSET", key, "seq", "\(last)")
    }

    /// What is published into a mailbox while `body` runs, in order; at least `count` items.
    func publications(
        into mailbox: String,
        count: Int,
        while body: () async throws -> Void
    ) async throws -> [Publication] {
        let (stream, continuation) = AsyncStream.makeStream(of: Publication?.self)
        let configuration = try RedisConfiguration(url: server.programsURL)
        let redis = self.redis
        let loop = self.loop
        let broker = try await loop.submit {
            let broker = Broker(
                mailbox: mailbox,
                redis: redis.connection(for: loop),
                configuration: configuration,
                logger: Logger(label: "test")
            )
            broker.start { event in
                switch event {
                case .publication(let publication): continuation.yield(publication)
                case .subscribed: continuation.yield(nil)
                case .gap, .heard, .lost: continuation.finish()
                }
            }
            return NIOLoopBound(broker, eventLoop: loop)
        }.get()
        var seen: [Publication] = []
        for await item in stream {
            if let item {
                seen.append(item)
                if seen.count == count { break }
            } else {
                try await body()
                if count == 0 { break }
            }
        }
        try await loop.flatSubmit { broker.value.close() }.get()
        return seen
    }
}

@Suite("The message log, on a real Redis")
struct MessageLogTests {
    private let ann = Principal.agent(id: UniqueID(in: .ofAgents), role: .agent, name: "安娜")
    private let bob = Principal.agent(id: UniqueID(in: .ofAgents), role: .agent, name: "Bob")
    private let boss = Principal.agent(id: UniqueID(in: .ofAgents), role: .admin, name: "Boss")

    private func id(of principal: Principal) -> UniqueID {
        switch principal {
        case .customer(let id, _), .agent(let id, _, _): id
        }
    }

    @Test("The first message opens a conversation that waits; the first agent to answer has it")
    func opensAndAssigns() async throws {
        try await LogFixture.run { fixture in
            let customer = Principal.customer(id: try await fixture.makeCustomer(), channel: .weChat)
            let first = try await fixture.append("你好", from: customer)
            #expect(first.seq == 1)
            #expect(first.generation == 1)
            var conversation = try await fixture.conversations.conversation(first.conversation)
            #expect(conversation.state == .waiting)
            #expect(conversation.channel == .weChat)
            #expect(conversation.assignee == nil)

            let answer = try await fixture.append("您好", from: ann, to: first.conversation.description)
            #expect(answer.seq == 2)
            conversation = try await fixture.conversations.conversation(first.conversation)
            #expect(conversation.state == .assigned)
            #expect(conversation.assignee == id(of: ann))
            #expect(conversation.fence == 2)

            let error = await #expect(throws: MessagingError.self) {
                try await fixture.append("mine", from: bob, to: first.conversation.description)
            }
            #expect(error?.code == .conflict)
            // An admin may say something without taking it over.
            _ = try await fixture.append("boss here", from: boss, to: first.conversation.description)
            #expect(try await fixture.conversations.conversation(first.conversation).assignee == id(of: ann))
            #expect(try await fixture.append("more", from: customer).seq == 4)
        }
    }

    @Test("Of 50 agents who answer at the same moment, one gets the conversation and the others are told")
    func oneAgentWins() async throws {
        try await LogFixture.run { fixture in
            let customer = Principal.customer(id: try await fixture.makeCustomer(), channel: .web)
            let first = try await fixture.append("help", from: customer)
            let results = await withTaskGroup(of: Bool.self) { group in
                for number in 0..<50 {
                    group.addTask {
                        let agent = Principal.agent(id: UniqueID(in: .ofAgents), role: .agent, name: "\(number)")
                        return (try? await fixture.append("I", from: agent, to: first.conversation.description)) != nil
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(results.count { $0 } == 1)
            #expect(try await fixture.conversations.conversation(first.conversation).seq == 2)
        }
    }

    @Test("A name of the client's own for a conversation is kept as an alias; another customer's id opens a new one")
    func aliases() async throws {
        try await LogFixture.run { fixture in
            let customer = Principal.customer(id: try await fixture.makeCustomer(), channel: .web)
            let other = Principal.customer(id: try await fixture.makeCustomer(), channel: .web)
            let first = try await fixture.append("a", from: customer, to: "session-123")
            let second = try await fixture.append("b", from: customer, to: "session-123")
            #expect(first.conversation == second.conversation)
            #expect(second.seq == 2)
            #expect(try await fixture.conversations.conversation(first.conversation).alias == "session-123")
            let byID = try await fixture.append("c", from: customer, to: first.conversation.description.uppercased())
            #expect(byID.conversation == first.conversation)

            let foreign = try await fixture.append("x", from: other, to: first.conversation.description)
            #expect(foreign.conversation != first.conversation)
            #expect(foreign.seq == 1)
            let foreignAlias = try await fixture.append("x", from: other, to: "session-123")
            #expect(foreignAlias.conversation != first.conversation)
            // Without a name: the one it wrote in last.
            #expect(try await fixture.append("d", from: customer).conversation == first.conversation)
        }
    }

    @Test("A customer's message after resolve opens the same conversation again, for whoever answers first")
    func reopens() async throws {
        try await LogFixture.run { fixture in
            let customer = Principal.customer(id: try await fixture.makeCustomer(), channel: .web)
            let first = try await fixture.append("a", from: customer)
            _ = try await fixture.append("b", from: ann, to: first.conversation.description)
            let resolved = try await fixture.conversations.resolve(
                first.conversation,
                by: id(of: ann),
                role: .agent,
                name: "安娜"
            )
            #expect(resolved.state == .resolved)
            let again = try await fixture.append("c", from: customer)
            #expect(again.conversation == first.conversation)
            let conversation = try await fixture.conversations.conversation(first.conversation)
            #expect(conversation.state == .waiting)
            #expect(conversation.assignee == nil)
            _ = try await fixture.append("d", from: bob, to: first.conversation.description)
            #expect(try await fixture.conversations.conversation(first.conversation).assignee == id(of: bob))
        }
    }

    @Test("Claim, release and resolve: who may, and who is told no")
    func changesAssignment() async throws {
        try await LogFixture.run { fixture in
            let customer = Principal.customer(id: try await fixture.makeCustomer(), channel: .web)
            let conversation = try await fixture.append("a", from: customer).conversation
            let store = fixture.conversations
            func code(_ body: () async throws -> Conversation) async -> MessagingError.Code? {
                do { _ = try await body(); return nil } catch { return (error as? MessagingError)?.code }
            }
            #expect(
                await code { try await store.release(conversation, by: id(of: ann), role: .agent, name: "") }
                    == .conflict
            )
            #expect(
                try await store.claim(conversation, by: id(of: ann), role: .agent, name: "A").assignee == id(of: ann)
            )
            #expect(try await store.claim(conversation, by: id(of: ann), role: .agent, name: "A").fence == 2)
            #expect(
                await code { try await store.claim(conversation, by: id(of: bob), role: .agent, name: "") } == .conflict
            )
            #expect(
                await code { try await store.release(conversation, by: id(of: bob), role: .agent, name: "") }
                    == .conflict
            )
            #expect(
                await code { try await store.resolve(conversation, by: id(of: bob), role: .bot, name: "") } == .conflict
            )
            #expect(
                try await store.claim(conversation, by: id(of: boss), role: .admin, name: "B").assignee == id(of: boss)
            )
            #expect(try await store.release(conversation, by: id(of: boss), role: .admin, name: "").state == .waiting)
            #expect(try await store.resolve(conversation, by: id(of: ann), role: .agent, name: "").state == .resolved)
            let missing = UniqueID(in: Partition(5))
            #expect(await code { try await store.claim(missing, by: id(of: ann), role: .agent, name: "") } == .notFound)
        }
    }

    @Test("The same clientMessageId of the same sender is stored once and answered alike")
    func deduplicates() async throws {
        try await LogFixture.run { fixture in
            let customer = Principal.customer(id: try await fixture.makeCustomer(), channel: .web)
            let other = Principal.customer(id: try await fixture.makeCustomer(), channel: .web)
            let first = try await fixture.append("a", from: customer, clientMessageID: "m-1")
            let again = try await fixture.append("a", from: customer, clientMessageID: "m-1")
            #expect(again.isDuplicate)
            #expect(again.id == first.id)
            #expect(again.seq == first.seq)
            #expect(again.conversation == first.conversation)
            #expect(try await fixture.append("b", from: customer, clientMessageID: "m-2").seq == 2)
            #expect(try await fixture.append("a", from: other, clientMessageID: "m-1").isDuplicate == false)
            #expect(try await fixture.conversations.conversation(first.conversation).seq == 2)
        }
    }

    @Test("An agent that names no conversation, or one that is not there, is refused")
    func agentMustName() async throws {
        try await LogFixture.run { fixture in
            for reference in ["", "session-123", UniqueID(in: Partition(9)).description] {
                let error = await #expect(throws: MessagingError.self) {
                    try await fixture.append("a", from: ann, to: reference)
                }
                #expect(error?.code == .notFound)
            }
        }
    }

    @Test("A customer who does not exist any more can't write, and past the limit none opens another conversation")
    func refusesCustomers() async throws {
        try await LogFixture.run(limits: .init(log: 100, conversationsPerCustomer: 2)) { fixture in
            let gone = Principal.customer(id: UniqueID(in: Partition(1)), channel: .web)
            var error = await #expect(throws: MessagingError.self) { try await fixture.append("a", from: gone) }
            #expect(error?.code == .forbidden)
            let customer = Principal.customer(id: try await fixture.makeCustomer(), channel: .web)
            _ = try await fixture.append("a", from: customer, to: "one")
            _ = try await fixture.append("a", from: customer, to: "two")
            error = await #expect(throws: MessagingError.self) {
                try await fixture.append("a", from: customer, to: "three")
            }
            #expect(error?.code == .limitReached)
            #expect(try await fixture.append("b", from: customer, to: "one").seq == 2)
        }
    }

    @Test("A message goes into the mailboxes of both sides, with everything in it, and nowhere else")
    func publishes() async throws {
        try await LogFixture.run { fixture in
            let customerID = try await fixture.makeCustomer()
            let customer = Principal.customer(id: customerID, channel: .line)
            _ = try await fixture.onLog { log, done in
                log.registerCustomer(customerID, in: "g.0", connections: 1, full: 0, listing: true, done)
            }
            var sent: AppendedMessage?
            let items = try await fixture.publications(into: "g.0", count: 1) {
                let first = try await fixture.append("hi", from: customer, origin: "g.0:1")
                // The customer's only connection gets nothing for its own message.
                sent = try await fixture.append("您好\n\"", from: ann, to: first.conversation.description)
            }
            guard case .message(let item) = items.first, let sent else {
                Issue.record("No message was published: \(items)")
                return
            }
            #expect(item.customer == customerID)
            #expect(item.target == .one(id(of: ann)))
            #expect(item.message.id == sent.id)
            #expect(item.message.seq == 2)
            #expect(item.message.channel == .line)
            #expect(item.message.senderKind == .agent)
            #expect(String(buffer: item.message.content) == "\"您好\\n\\\"\"")
            #expect(String(buffer: item.message.metadata) == #"{"a":1}"#)
        }
    }

    @Test("A mailbox that nobody listens to is forgotten, so presence heals by itself")
    func forgetsDeadMailbox() async throws {
        try await LogFixture.run { fixture in
            let customerID = try await fixture.makeCustomer()
            let customer = Principal.customer(id: customerID, channel: .web)
            _ = try await fixture.onLog { log, done in
                log.registerCustomer(customerID, in: "dead.0", connections: 2, full: 0, listing: false, done)
            }
            #expect(try fixture.server.command("HGET", Keyspace.routes(customerID), "dead.0") == "2:0")
            _ = try await fixture.append("hi", from: customer, origin: "dead.0:1")
            #expect(try fixture.server.command("EXISTS", Keyspace.routes(customerID)) == "0")
        }
    }

    @Test("Registering tells what waits: a customer's unseen messages, an agent's waiting and own conversations")
    func registers() async throws {
        try await LogFixture.run { fixture in
            let customerID = try await fixture.makeCustomer()
            let customer = Principal.customer(id: customerID, channel: .web)
            let first = try await fixture.append("a", from: customer)
            let agentID = id(of: ann)
            let listings = Listings()
            try await fixture.loop.flatSubmit { () -> EventLoopFuture<Void> in
                let done = fixture.loop.makePromise(of: Void.self)
                let log = MessageLog(
                    redis: fixture.redis.connection(for: fixture.loop),
                    limits: .init(log: 10, conversationsPerCustomer: 1)
                )
                nonisolated(unsafe) var missing = Partition.count
                log.registerAgent(
                    agentID,
                    in: "g.0",
                    connections: 1,
                    full: 1,
                    listing: true,
                    partitions: Partition.all
                ) { result in
                    if case .success(let rows) = result { listings.add(rows) }
                    missing -= 1
                    if missing == 0 { done.succeed() }
                }
                return done.futureResult
            }.get()
            #expect(listings.rows.map(\.conversation) == [first.conversation])
            #expect(listings.rows.first?.state == .waiting)
            #expect(listings.rows.first?.base == 0)

            _ = try await fixture.append("b", from: ann, to: first.conversation.description)
            let rows = try await fixture.onLog { log, done in
                log.registerCustomer(customerID, in: "g.1", connections: 1, full: 0, listing: true, done)
            }
            #expect(rows.first?.lastSeq == 2)
            #expect(rows.first?.base == 0)
            try await fixture.onLog { log, done in
                log.moveCursor(of: customer, in: first.conversation, to: 2, read: false, done)
            }
            let after = try await fixture.onLog { log, done in
                log.registerCustomer(customerID, in: "g.1", connections: 0, full: 0, listing: true, done)
            }
            #expect(after.first?.base == 2)
        }
    }

    @Test("A cursor never moves back, nor past the last message, nor in somebody else's conversation")
    func cursors() async throws {
        try await LogFixture.run { fixture in
            let customerID = try await fixture.makeCustomer()
            let customer = Principal.customer(id: customerID, channel: .web)
            let stranger = Principal.customer(id: UniqueID(in: customerID.partition), channel: .web)
            let conversation = try await fixture.append("a", from: customer).conversation
            for _ in 0..<4 { _ = try await fixture.append("b", from: customer) }
            let key = "\(Keyspace.prefix(conversation.partition))cursors:\(conversation)"
            // What was shown before a restart of Redis may be forgotten, and its seq another message's.
            for (generation, expected) in [(7, ""), (1, "1")] {
                let cursor = CursorMove.Cursor(reader: customer, conversation: conversation, generation: generation)
                try await fixture.onLog { log, done in
                    log.moveCursors([CursorMove(cursor: cursor, seq: 1, read: false)]) { _ in done(.success(())) }
                }
                #expect(try fixture.server.command("HGET", key, "\(customerID)") == expected)
            }
            for (principal, seq, expected) in [
                (customer, 3, "3"), (customer, 2, "3"), (customer, 99, "5"), (stranger, 1, "5"),
            ] {
                try await fixture.onLog { log, done in
                    log.moveCursor(of: principal, in: conversation, to: seq, read: true, done)
                }
                #expect(try fixture.server.command("HGET", key, "\(customerID)") == expected)
            }
            #expect(try fixture.server.command("HLEN", key) == "3")
        }
    }

    @Test("Each Redis process begins a new generation, and a reader of any older one learns how much of it survived")
    func generations() async throws {
        try await LogFixture.run(appendOnly: true) { fixture in
            let customer = Principal.customer(id: try await fixture.makeCustomer(), channel: .web)
            let conversation = try await fixture.append("a", from: customer).conversation
            _ = try await fixture.append("b", from: customer)
            var generations = [1]
            // The second process finds fewer messages than were written.
            for lost in [0, 2, 0] {
                try await fixture.server.restart()
                try await fixture.redis.waitUntilReady(timeout: .seconds(30))
                for _ in 0..<lost { try fixture.loseLast(of: conversation) }
                let after = try await fixture.append("c", from: customer)
                #expect(after.generation > generations.last ?? 0)
                generations.append(after.generation)
                #expect(try await fixture.append("d", from: customer).generation == after.generation)
            }
            // The first wrote 1 2, the second 3 4, which were lost, the third 3 4 again, the fourth 5 6.
            for (generation, survived) in zip(generations, [2, 2, 4, 6]) {
                let page = try await fixture.onLog { log, done in
                    log.read(conversation, from: .after(0), limit: 10, generation: generation, done)
                }
                #expect(page?.survived == survived)
                #expect(page?.knowsGeneration == true)
                #expect(page?.messages.map(\.seq) == [1, 2, 3, 4, 5, 6])
            }
        }
    }

    @Test("A generation that was lost with its first messages is not begun again: its readers learn what survived")
    func lostGeneration() async throws {
        try await LogFixture.run(appendOnly: true) { fixture in
            let customer = Principal.customer(id: try await fixture.makeCustomer(), channel: .web)
            let conversation = try await fixture.append("a", from: customer).conversation
            let key = Keyspace.conversation(conversation)
            let run = try fixture.server.command("HGET", key, "runId")
            try await fixture.server.restart()
            try await fixture.redis.waitUntilReady(timeout: .seconds(30))
            let lost = try await fixture.append("b", from: customer)
            #expect(try await fixture.append("c", from: customer).seq == 3)

            // The next one to serve was a replica of the first, and knows nothing of the second.
            try await fixture.server.restart()
            try await fixture.redis.waitUntilReady(timeout: .seconds(30))
            for _ in 0..<2 { try fixture.loseLast(of: conversation) }
            _ = try fixture.server.command("HSET", key, "generation", "1", "runId", run)
            _ = try fixture.server.command("HDEL", key, "forks")
            let present = try await fixture.append("d", from: customer)
            #expect(present.seq == lost.seq)
            #expect(present.generation > lost.generation)
            let page = try await fixture.onLog { log, done in
                log.read(conversation, from: .after(3), limit: 10, generation: lost.generation, done)
            }
            #expect(page?.survived == 1)
            // One that began after all that the log knows of.
            let later = try await fixture.onLog { log, done in
                log.read(conversation, from: .after(3), limit: 10, generation: present.generation + 1, done)
            }
            #expect(later?.survived == 1)
            #expect(later?.knowsGeneration == false)
        }
    }

    @Test("With replicated durability a message is answered only once a replica has it, also the second time")
    func replicatedDurability() async throws {
        try await LogFixture.run(replicas: 1) { fixture in
            let customer = Principal.customer(id: try await fixture.makeCustomer(), channel: .web)
            for _ in 1...2 {
                let error = await #expect(throws: MessagingError.self) {
                    try await fixture.append("a", from: customer, clientMessageID: "m-1")
                }
                #expect(error?.code == .storeUnavailable)
                #expect(error?.cause?.mayHaveRun == true)
            }
            try await withRedis { replica in
                _ = try replica.command("REPLICAOF", "127.0.0.1", "\(fixture.server.port)")
                while try !replica.command("ROLE").contains("connected") {
                    try await Task.sleep(for: .milliseconds(50))
                }
                let stored = try await fixture.append("a", from: customer, clientMessageID: "m-1")
                #expect(stored.isDuplicate)
                #expect(stored.seq == 1)
            }
        }
    }

    @Test("Pages of the log go both ways, and a listing filters and counts over all partitions")
    func readsAndLists() async throws {
        try await LogFixture.run { fixture in
            var conversations: [UniqueID] = []
            for number in 0..<30 {
                let customer = Principal.customer(
                    id: try await fixture.makeCustomer(),
                    channel: number % 2 == 0 ? .web : .sms
                )
                conversations.append(try await fixture.append("m", from: customer).conversation)
            }
            let store = fixture.conversations
            _ = try await store.claim(conversations[4], by: id(of: ann), role: .agent, name: "A")
            let all = try await store.conversations(matching: .init(), page: 0, size: 20)
            #expect(all.totalElements == 30)
            #expect(all.totalPages == 2)
            #expect(all.content.count == 20)
            let rest = try await store.conversations(matching: .init(), page: 1, size: 20)
            #expect(Set((all.content + rest.content).map(\.id)) == Set(conversations))
            #expect(zip(all.content, all.content.dropFirst()).allSatisfy { $0.lastMessageAt >= $1.lastMessageAt })
            #expect(
                try await store.conversations(matching: .init(channel: .sms), page: 0, size: 20).totalElements == 15
            )
            #expect(
                try await store.conversations(matching: .init(states: [.waiting]), page: 0, size: 1).totalElements == 29
            )
            #expect(
                try await store.conversations(matching: .init(assignee: id(of: ann)), page: 0, size: 5).content.map(
                    \.id
                )
                    == [conversations[4]]
            )
            #expect(try await store.conversations(matching: .init(), page: 7, size: 20).content.isEmpty)

            let talk = conversations[4]
            for number in 2...20 { _ = try await fixture.append("\(number)", from: ann, to: talk.description) }
            var page = try await store.messages(of: talk, limit: 5)
            #expect(page.messages.map(\.seq) == [16, 17, 18, 19, 20])
            #expect(page.hasMore)
            page = try await store.messages(of: talk, before: 4, limit: 5)
            #expect(page.messages.map(\.seq) == [1, 2, 3])
            #expect(!page.hasMore)
            page = try await store.messages(of: talk, after: 18, limit: 5)
            #expect(page.messages.map(\.seq) == [19, 20])
            #expect(!page.hasMore)
        }
    }
}

private final class Listings: @unchecked Sendable {
    // Written on one event loop, read after the future that ends the writing.
    private(set) var rows: [ConversationPosition] = []
    func add(_ more: [ConversationPosition]) { rows += more }
}
