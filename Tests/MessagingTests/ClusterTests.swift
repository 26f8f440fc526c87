import Hiredis
import Logging
import Messaging
import NIOCore
import NIOPosix
import RedisFixture
import Testing

@Suite("On a Redis Cluster", .timeLimit(.minutes(10)))
struct ClusterTests {
    @Test(
        "Customers of all partitions send, and each publication reaches the mailbox of its partition, over moves of slots"
    )
    func sendsAndHears() async throws {
        try await withClusterSystem { system in
            let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
            let loop = group.next()
            let configuration = try RedisConfiguration(url: system.programsURL)
            let redis = RedisClient(configuration: configuration, eventLoopGroup: group, logger: Logger(label: "test"))
            let limits = MessageLog.Limits(log: 1000, conversationsPerCustomer: 10)
            let topics = Partition.all.map { Keyspace.topic(of: "box.0", in: $0) }
            let (heard, publication) = AsyncStream.makeStream(of: String.self)
            let (states, state) = AsyncStream.makeStream(of: Bool.self)
            let subscription = RedisSubscription(
                configuration: configuration,
                eventLoop: loop,
                topics: topics,
                logger: Logger(label: "test"),
                onMessage: { _, payload in publication.yield(String(buffer: payload)) },
                onChange: { change in if case .subscribed = change { state.yield(true) } else { state.yield(false) } }
            )
            try await loop.submit { subscription.start() }.get()
            var changes = states.makeAsyncIterator()
            #expect(await changes.next() == true)
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try await redis.run() }
                try await redis.waitUntilReady(timeout: .seconds(30))
                try await Layout.check(in: redis)
                let customers = Partition.all.map { UniqueID(in: $0) }
                for customer in customers {
                    _ = try await redis.send(RedisCommand("HSET", Keyspace.customer(customer), "name", "张三"))
                    // One connection in the full dialect, so that what another one sends comes here.
                    _ = try await redis.send(RedisCommand("HSET", Keyspace.routes(customer), "box.0", "1:1"))
                }
                var publications = heard.makeAsyncIterator()
                for round in 1...3 {
                    for customer in customers {
                        let promise = loop.makePromise(of: AppendedMessage.self)
                        loop.execute {
                            let log = MessageLog(redis: redis.connection(for: loop), limits: limits)
                            log.append(
                                from: log.sender(.customer(id: customer, channel: .web), origin: "other.0:1"),
                                reference: "",
                                tail: Message.recordTail(
                                    content: ByteBuffer(string: "\"round \(round)\""),
                                    metadata: ByteBuffer(),
                                    clientMessageID: nil,
                                    senderNote: nil
                                ),
                                clientMessageID: nil
                            ) { promise.completeWith($0.mapError { $0 as any Error }) }
                        }
                        #expect(try await promise.futureResult.get().seq == round)
                        while try #require(await publications.next()).contains("round \(round)") == false {}
                    }
                    // Then one partition moves, with its keys and its topic.
                    let key = Keyspace.prefix(Partition(round))
                    let from = try system.owner(of: key)
                    let to = try #require(system.primaries.first { $0 !== from })
                    try await system.move(slot: RedisSlot.of(key), from: from, to: to)
                    #expect(await changes.next() == false)
                    #expect(await changes.next() == true)
                }
                tasks.cancelAll()
            }
            try await loop.flatSubmit { subscription.close() }.get()
            try await group.shutdownGracefully()
        }
    }

    @Test("Agents list, search, hand over and note conversations of all partitions, and files and the status are there")
    func agentsDesk() async throws {
        try await withClusterSystem { system in
            let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
            let configuration = try RedisConfiguration(url: system.programsURL)
            let redis = RedisClient(configuration: configuration, eventLoopGroup: group, logger: Logger(label: "test"))
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try await redis.run() }
                try await redis.waitUntilReady(timeout: .seconds(30))
                try await Layout.check(in: redis)
                let agents = AgentStore(redis: redis)
                let ann = try await agents.create(login: "ann", name: "Ann", role: .admin, passwordHash: "-")
                let bob = try await agents.create(login: "bob", name: "Bob", role: .agent, passwordHash: "-")
                let store = ConversationStore(redis: redis)
                let attachments = AttachmentStore(redis: redis, quota: 10_000)
                let tokens = TokenStore(redis: redis, lifetime: .seconds(60))
                var conversations: Set<UniqueID> = []
                for partition in Partition.all {
                    let identity = ChannelIdentity.some(.web, in: partition)
                    let issued = try await tokens.issueToken(named: "C\(partition.number)", for: identity)
                    let customer = issued.customer
                    let conversation = try await append(from: customer, on: group.next(), redis).conversation
                    conversations.insert(conversation)
                    let moved = try await store.transfer(conversation, to: bob.id, by: ann.id, role: .admin)
                    #expect(moved.assigneeName == "Bob")
                    #expect(moved.customerName == "C\(partition.number)")
                    let note = try await store.addNote("n", to: conversation, by: ann.id, name: "Ann")
                    #expect(try await store.notes(of: conversation) == [note])
                    let live = try await tokens.tokens(ofCustomer: customer)
                    #expect(try await tokens.revokeToken(try #require(live.first).id, ofCustomer: customer))
                    let id = UniqueID(in: partition)
                    let file = Attachment(id: id, customer: customer, name: "f", contentType: "text/plain", size: 3)
                    try await attachments.add(file, data: ByteBuffer(string: "abc"))
                    #expect(try await attachments.attachment(id) == file)
                    #expect(try await attachments.data(of: id) == ByteBuffer(string: "abc"))
                }
                let all = try await store.conversations(matching: .init(), page: 0, size: 100)
                #expect(Set(all.content.map(\.id)) == conversations)
                let mine = ConversationFilter(states: [.assigned], assignee: bob.id)
                #expect(try await store.conversations(matching: mine, page: 0, size: 1).totalElements == 64)
                let found = try await store.conversations(matching: .init(text: "C63"), page: 0, size: 10)
                #expect(found.content.map(\.customerName) == ["C63"])
                let answers = CannedAnswerStore(redis: redis)
                let answer = try await answers.create(shortcut: "hi", content: "Hello")
                #expect(try await answers.answers() == [answer])
                #expect(try await agents.everybody().agents.map(\.name) == ["Ann", "Bob"])
                let status = try await SystemStatusStore(redis: redis).status()
                #expect(status.waiting == 0)
                #expect(status.redisMemoryBytes ?? 0 > 0)
                tasks.cancelAll()
            }
            try await group.shutdownGracefully()
        }
    }

    private func append(
        from customer: UniqueID,
        on loop: any EventLoop,
        _ redis: RedisClient
    ) async throws -> AppendedMessage {
        let promise = loop.makePromise(of: AppendedMessage.self)
        loop.execute {
            let limits = MessageLog.Limits(log: 1000, conversationsPerCustomer: 10)
            let log = MessageLog(redis: redis.connection(for: loop), limits: limits)
            log.append(
                from: log.sender(.customer(id: customer, channel: .web), origin: "other.0:1"),
                reference: "",
                tail: Message.recordTail(
                    content: ByteBuffer(string: "\"hello\""),
                    metadata: nil,
                    clientMessageID: nil,
                    senderNote: nil
                ),
                clientMessageID: nil
            ) { promise.completeWith($0.mapError { $0 as any Error }) }
        }
        return try await promise.futureResult.get()
    }
}
