import Hiredis
import Messaging
import NIOCore
import NIOPosix
import RedisFixture
import Testing

@Suite("The copy that customers are listed from")
struct CustomerIndexTests {
    private static let characters = ["张", "三", "丰", "a", "B", "ａ", " ", "é", "İ", "ß", "한", "👩‍👩‍👧", "1", "%", "\n"]
    private static let tags = ["VIP", "vip", "已购买", "a b", "VI", "P"]

    private static func text(_ range: ClosedRange<Int>, _ chance: inout SeededGenerator) -> String {
        (0..<Int.random(in: range, using: &chance)).map { _ in characters.randomElement(using: &chance)! }.joined()
    }

    private static func some<Element>(_ elements: [Element], _ chance: inout SeededGenerator) -> Element {
        elements.randomElement(using: &chance)!
    }

    /// Everything in Redis, looked at one by one: what a listing has to be equal to.
    private func scan(_ fixture: AccountFixture, for filter: CustomerFilter) async throws -> [UniqueID] {
        let keys = try fixture.server.command("KEYS", "*:customer:*").split(separator: "\n").map(String.init)
        var found: [(time: Int, id: String)] = []
        for (key, reply) in zip(keys, await fixture.redis.send(keys.map { RedisCommand("HGETALL", $0) })) {
            let words = try reply.get().array?.map { $0.string ?? "" } ?? []
            let record = Dictionary(
                uniqueKeysWithValues: stride(from: 0, to: words.count, by: 2).map { (words[$0], words[$0 + 1]) }
            )
            let name = try #require(record["name"]).foldedForSearch.unicodeScalars.map { $0 }
            let part = (filter.name ?? "").foldedForSearch.unicodeScalars.map { $0 }
            let hasName =
                part.count <= name.count
                && (0...(name.count - part.count)).contains { name[$0..<($0 + part.count)].elementsEqual(part) }
            let tags = (record["tags"] ?? "").split(separator: "\n").map(String.init)
            if hasName, filter.channel.map({ $0.rawValue == record["primaryChannel"] }) ?? true,
                filter.active.map({ $0 == (record["active"] == "1") }) ?? true,
                filter.tag.map({ tags.contains($0) }) ?? true
            {
                found.append((try #require(record["lastInteractionAt"].flatMap { Int($0) }), String(key.suffix(36))))
            }
        }
        return found.sorted { ($0.time, $0.id) > ($1.time, $1.id) }.compactMap { UniqueID($0.id) }
    }

    private func list(
        _ customers: CustomerStore,
        _ filter: CustomerFilter,
        size: Int
    ) async throws -> [UniqueID] {
        var ids: [UniqueID] = []
        var page = 0
        while true {
            let found = try await customers.customers(matching: filter, page: page, size: size)
            ids += found.content.map(\.id)
            page += 1
            if page >= found.totalPages {
                #expect(found.totalElements == ids.count)
                return ids
            }
            #expect(found.content.count == size)
        }
    }

    /// The customer says something, by the script that every message goes through.
    private func say(_ fixture: AccountFixture, _ customer: UniqueID) async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let promise = loop.makePromise(of: AppendedMessage.self)
        loop.execute {
            let limits = MessageLog.Limits(log: 1000, conversationsPerCustomer: 10)
            let log = MessageLog(redis: fixture.redis.connection(for: loop), limits: limits)
            log.append(
                from: log.sender(.customer(id: customer, channel: .web), origin: "-"),
                reference: "",
                tail: Message.recordTail(
                    content: ByteBuffer(string: "\"hi\""),
                    metadata: ByteBuffer(),
                    clientMessageID: nil,
                    senderNote: nil
                ),
                clientMessageID: nil
            ) { promise.completeWith($0.mapError { $0 as any Error }) }
        }
        _ = try await promise.futureResult.get()
    }

    @Test("Whatever is written, two programs list what a look at every record finds", arguments: 1...6)
    func randomWrites(seed: Int) async throws {
        try await AccountFixture.run { fixture in
            var chance = SeededGenerator(seed: UInt64(seed))
            let programs = [fixture.customers, CustomerStore(redis: fixture.redis)]
            let tokens = fixture.tokens()
            var ids: [UniqueID] = []
            for step in 1...400 {
                let name = Self.text(1...6, &chance)
                let channel = Self.some(CustomerChannel.allCases, &chance)
                switch Int.random(in: 0..<10, using: &chance) {
                case 0..<3:
                    let identity = ChannelIdentity(
                        channel: channel,
                        channelID: "c\(Int.random(in: 0..<200, using: &chance))"
                    )
                    let customer = try await tokens.issueToken(named: name, for: identity).customer
                    if !ids.contains(customer) { ids.append(customer) }
                case 3:
                    var profile = CustomerProfile(name: name, primaryChannel: channel)
                    profile.tags = Array(
                        Self.tags.shuffled(using: &chance).prefix(Int.random(in: 0...3, using: &chance))
                    )
                    profile.active = Bool.random(using: &chance)
                    ids.append(try await Self.some(programs, &chance).create(profile).id)
                case 4..<7 where !ids.isEmpty:
                    let tags = Array(Self.tags.shuffled(using: &chance).prefix(Int.random(in: 0...3, using: &chance)))
                    let what = Int.random(in: 0..<5, using: &chance)
                    let id = Self.some(ids, &chance)
                    _ = try await Self.some(programs, &chance).update(id) { profile in
                        switch what {
                        case 0: profile.name = name
                        case 1: profile.tags = tags
                        case 2: profile.active.toggle()
                        case 3: profile.notes = name
                        default: profile.primaryChannel = channel
                        }
                    }
                default:
                    if !ids.isEmpty { try await say(fixture, Self.some(ids, &chance)) }
                }
                guard step % 20 == 0 else { continue }
                var filter = CustomerFilter()
                if Bool.random(using: &chance) { filter.name = Self.text(0...3, &chance) }
                if Int.random(in: 0..<4, using: &chance) == 0 { filter.channel = channel }
                if Int.random(in: 0..<3, using: &chance) == 0 { filter.active = Bool.random(using: &chance) }
                if Int.random(in: 0..<3, using: &chance) == 0 { filter.tag = Self.some(Self.tags, &chance) }
                let expected = try await scan(fixture, for: filter)
                let size = Int.random(in: 1...30, using: &chance)
                for program in programs {
                    #expect(try await list(program, filter, size: size) == expected, "\(filter), step \(step)")
                }
            }
            #expect(try await list(CustomerStore(redis: fixture.redis), CustomerFilter(), size: 100).count == ids.count)
        }
    }

    @Test("What somebody wrote before asking is on the page, however many ask and write at once")
    func ownWrites() async throws {
        try await AccountFixture.run { fixture in
            try await withThrowingTaskGroup(of: Int.self) { tasks in
                for number in 0..<200 {
                    tasks.addTask {
                        let profile = CustomerProfile(name: "no. \(number).", primaryChannel: .web)
                        _ = try await fixture.customers.create(profile)
                        let filter = CustomerFilter(name: "no. \(number).")
                        return try await fixture.customers.customers(matching: filter, page: 0, size: 1).totalElements
                    }
                }
                for try await total in tasks { #expect(total == 1) }
            }
        }
    }

    @Test("More changes of one partition than Redis remembers are seen all the same")
    func manyChanges() async throws {
        try await AccountFixture.run { fixture in
            let identity = ChannelIdentity.some(.line, in: Partition(5))
            var profile = CustomerProfile(name: "before", primaryChannel: .line)
            profile.channelIDs[.line] = identity.channelID
            let customer = try await fixture.customers.create(profile)
            #expect(try await list(fixture.customers, CustomerFilter(name: "before"), size: 10) == [customer.id])
            let other = CustomerStore(redis: fixture.redis)
            for number in 0..<1200 { _ = try await other.update(customer.id) { $0.notes = "\(number)" } }
            _ = try await other.update(customer.id) { $0.name = "after" }
            let edits = Int(try fixture.server.command("XLEN", Keyspace.customerEdits(in: Partition(5))))
            #expect(try #require(edits) < 1200)
            #expect(try await list(fixture.customers, CustomerFilter(name: "before"), size: 10) == [])
            #expect(try await list(fixture.customers, CustomerFilter(name: "after"), size: 10) == [customer.id])
        }
    }

    @Test("Nothing is listed from a Redis that lost it")
    func lostWrites() async throws {
        try await AccountFixture.run { fixture in
            let profile = { CustomerProfile(name: $0, primaryChannel: .web) }
            for number in 0..<100 { _ = try await fixture.customers.create(profile("old \(number)")) }
            #expect(try await list(fixture.customers, CustomerFilter(), size: 100).count == 100)
            try fixture.server.kill()
            try await fixture.server.restart()
            try await fixture.redis.waitUntilReady(timeout: .seconds(30))
            // As many again, so that they have the same rows.
            for number in 0..<100 {
                try await retrying { _ = try await fixture.customers.create(profile("new \(number)")) }
            }
            #expect(try await list(fixture.customers, CustomerFilter(name: "old"), size: 100) == [])
            #expect(try await list(fixture.customers, CustomerFilter(name: "new"), size: 100).count == 100)
        }
    }

    private func retrying(_ body: () async throws -> Void) async throws {
        for _ in 0..<50 {
            do { return try await body() } catch { try await Task.sleep(for: .milliseconds(100)) }
        }
        try await body()
    }

    /// Customers as a version stored them that had a sorted set of all, and no rows.
    private func storeWithoutRows(_ count: Int, _ fixture: AccountFixture) async throws -> [UniqueID] {
        var ids: [UniqueID] = []
        var commands: [RedisCommand] = []
        for number in 0..<count {
            let id = UniqueID(in: .random())
            ids.append(id)
            var record = RedisCommand("HSET", Keyspace.customer(id))
            let time = 1_700_000_000_000 + number
            for (field, value) in [
                ("name", "老客户 \(number)"), ("nameFolded", "老客户 \(number)"), ("primaryChannel", "WECHAT"),
                ("tags", "VIP"),
                ("active", "1"), ("createdAt", "\(time)"), ("lastInteractionAt", "\(time)"), ("version", "1"),
            ] {
                record.append(field)
                record.append(value)
            }
            commands.append(record)
            commands.append(RedisCommand("ZADD", Keyspace.customers(in: id.partition), "\(time)", id.description))
        }
        for result in await fixture.redis.send(commands) { _ = try result.get() }
        return ids
    }

    @Test("Customers of a version without rows are found, each once, though several programs start at once")
    func earlierVersion() async throws {
        try await AccountFixture.run { fixture in
            let old = try await storeWithoutRows(4000, fixture)
            let programs = (0..<3).map { _ in CustomerStore(redis: fixture.redis) }
            let counts = try await withThrowingTaskGroup(of: Int.self) { tasks in
                for program in programs { tasks.addTask { try await program.prepareListing() } }
                // Meanwhile customers come, and old ones write.
                for number in 0..<50 {
                    let profile = CustomerProfile(name: "新客户 \(number)", primaryChannel: .web)
                    _ = try await fixture.customers.create(profile)
                    try await say(fixture, old[number])
                }
                return try await tasks.reduce(into: []) { $0.append($1) }
            }
            #expect(counts.allSatisfy { $0 >= 4000 })
            for program in programs {
                #expect(try await list(program, CustomerFilter(), size: 100) == scan(fixture, for: CustomerFilter()))
                let filter = CustomerFilter(name: "老客户 399", tag: "VIP")
                #expect(try await list(program, filter, size: 100) == scan(fixture, for: filter))
            }
            #expect(try fixture.server.command("KEYS", "*:customers").isEmpty)
        }
    }

    @Test("A program of the earlier version may go on for a while: what it writes is listed, and nobody twice")
    func earlierVersionStillRuns() async throws {
        try await AccountFixture.run { fixture in
            let old = try await storeWithoutRows(3, fixture)
            #expect(try await list(fixture.customers, CustomerFilter(), size: 10) == old.reversed())
            // It writes a message of the first, and stores one more.
            for command in [
                RedisCommand("HSET", Keyspace.customer(old[0]), "lastInteractionAt", "1800000000000"),
                RedisCommand("ZADD", Keyspace.customers(in: old[0].partition), "1800000000000", old[0].description),
            ] { _ = try await fixture.redis.send(command) }
            let more = try await storeWithoutRows(1, fixture)
            #expect(try await list(fixture.customers, CustomerFilter(), size: 10) == [old[0], old[2], old[1], more[0]])
        }
    }

    @Test("On a Redis Cluster customers of all partitions are listed, also after one has moved")
    func cluster() async throws {
        try await withClusterSystem { system in
            let redis = try RedisClient(
                configuration: RedisConfiguration(url: system.programsURL),
                eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
                logger: .init(label: "test")
            )
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try await redis.run() }
                defer { tasks.cancelAll() }
                try await redis.waitUntilReady(timeout: .seconds(30))
                let customers = CustomerStore(redis: redis)
                for number in 0..<300 {
                    _ = try await customers.create(CustomerProfile(name: "客户 \(number)", primaryChannel: .web))
                }
                #expect(try await list(customers, CustomerFilter(name: "客户"), size: 100).count == 300)
                let key = Keyspace.prefix(Partition(9))
                let from = try system.owner(of: key)
                let to = try #require(system.primaries.first { $0 !== from })
                try await system.move(slot: RedisSlot.of(key), from: from, to: to)
                #expect(try await list(customers, CustomerFilter(name: "客户 29"), size: 100).count == 11)
                #expect(try await list(customers, CustomerFilter(), size: 100).count == 300)
            }
        }
    }
}
