import Hiredis
import Messaging
import RedisFixture
import Testing

@Suite("Listing customers")
struct CustomerListingTests {
    /// Puts customers straight into Redis, with `lastInteractionAt` as given, as a version without rows stored them.
    private func insert(_ scores: [Int], into fixture: AccountFixture) async throws {
        var commands: [RedisCommand] = []
        for (number, score) in scores.enumerated() {
            let id = UniqueID(in: .random())
            commands.append(
                RedisCommand(
                    "HSET",
                    Keyspace.customer(id),
                    "name",
                    "Name \(number)",
                    "nameFolded",
                    "name \(number)",
                    "primaryChannel",
                    number % 3 == 0 ? "LINE" : "WEB",
                    "active",
                    number % 2 == 0 ? "1" : "0",
                    "tags",
                    number % 5 == 0 ? "fifth\nmore" : "fifths",
                    "createdAt",
                    "\(score)",
                    "lastInteractionAt",
                    "\(score)",
                    "version",
                    "1"
                )
            )
            commands.append(
                RedisCommand("ZADD", Keyspace.customers(in: id.partition), "\(score)", id.description)
            )
        }
        for result in await fixture.redis.send(commands) { _ = try result.get() }
    }

    /// All pages, one after the other.
    private func everything(
        _ fixture: AccountFixture,
        matching filter: CustomerFilter,
        size: Int
    ) async throws -> (customers: [Customer], total: Int) {
        var customers: [Customer] = []
        var page = 0
        while true {
            let found = try await fixture.customers.customers(matching: filter, page: page, size: size)
            customers += found.content
            page += 1
            #expect(found.totalPages == (found.totalElements + size - 1) / size)
            if page >= found.totalPages { return (customers, found.totalElements) }
            #expect(found.content.count == size)
        }
    }

    private func expectInOrder(_ customers: [Customer]) {
        for (a, b) in zip(customers, customers.dropFirst()) {
            let isInOrder =
                a.lastInteractionAt != b.lastInteractionAt
                ? a.lastInteractionAt > b.lastInteractionAt : (a.id.high, a.id.low) > (b.id.high, b.id.low)
            #expect(isInOrder)
        }
        #expect(Set(customers.map(\.id)).count == customers.count)
    }

    @Test(
        "Pages over 3,000 customers are in order, without duplicates and without gaps",
        arguments: [
            (0..<3000).map { 1_700_000_000_000 + $0 * 977_777 },  // spread over a month
            (0..<3000).map { 1_700_000_000_000 + $0 / 100 },  // a hundred in each millisecond
        ]
    )
    func pages(scores: [Int]) async throws {
        try await AccountFixture.run { fixture in
            try await insert(scores.shuffled(), into: fixture)
            let (customers, total) = try await everything(fixture, matching: CustomerFilter(), size: 70)
            #expect(total == 3000)
            #expect(customers.count == 3000)
            expectInOrder(customers)
            let past = try await fixture.customers.customers(matching: CustomerFilter(), page: 43, size: 70)
            #expect(past.content.isEmpty)
            #expect(past.totalElements == 3000)
        }
    }

    @Test("For a page Redis sends little more than its records, near and far, whatever it is filtered by")
    func redisSendsLittle() async throws {
        try await AccountFixture.run { fixture in
            try await insert((0..<5000).map { 1_700_000_000_000 + $0 * 1009 }, into: fixture)
            func bytes(_ page: Int, _ filter: CustomerFilter) async throws -> Int {
                let before = try outputBytes(fixture)
                _ = try await fixture.customers.customers(matching: filter, page: page, size: 20)
                return try outputBytes(fixture) - before
            }
            _ = try await bytes(0, CustomerFilter())
            for (page, filter) in [
                (0, CustomerFilter()), (249, CustomerFilter()), (0, CustomerFilter(name: "name")),
                (20, CustomerFilter(active: true, tag: "fifths")),
            ] {
                // 64 partitions say that nothing has changed; 5,000 records are more than a megabyte.
                #expect(try await bytes(page, filter) < 40_000)
            }
        }
    }

    private func outputBytes(_ fixture: AccountFixture) throws -> Int {
        let line = try fixture.server.command("INFO", "stats").split(whereSeparator: \.isNewline)
            .first { $0.hasPrefix("total_net_output_bytes:") }
        return try #require(line?.split(separator: ":").last.flatMap { Int($0) })
    }

    @Test("Filters narrow by name, channel, activity and tag, with exact totals over chunks")
    func filters() async throws {
        try await AccountFixture.run { fixture in
            let scores = (0..<1500).map { 1_700_000_000_000 + $0 }
            try await insert(scores, into: fixture)
            func total(_ filter: CustomerFilter) async throws -> Int {
                let (customers, total) = try await everything(fixture, matching: filter, size: 100)
                #expect(customers.count == total)
                expectInOrder(customers)
                return total
            }
            #expect(try await total(CustomerFilter(channel: .line)) == 500)
            #expect(try await total(CustomerFilter(active: true)) == 750)
            #expect(try await total(CustomerFilter(tag: "fifth")) == 300)
            #expect(try await total(CustomerFilter(tag: "more")) == 300)
            #expect(try await total(CustomerFilter(tag: "fif")) == 0)
            #expect(try await total(CustomerFilter(name: "NAME 149")) == 11)
            #expect(try await total(CustomerFilter(channel: .line, active: false, tag: "fifth")) == 50)
        }
    }

    @Test("More customers in one partition than a script looks at are all found")
    func fullPartition() async throws {
        try await AccountFixture.run { fixture in
            var command = RedisCommand("ZADD", Keyspace.customers(in: Partition(9)))
            var records: [RedisCommand] = []
            for number in 0..<1201 {
                let id = UniqueID(in: Partition(9))
                command.append(1_700_000_000_000 + number)
                command.append(id.description)
                records.append(
                    RedisCommand(
                        "HSET",
                        Keyspace.customer(id),
                        "name",
                        "x",
                        "nameFolded",
                        "x",
                        "primaryChannel",
                        "WEB",
                        "active",
                        "1",
                        "tags",
                        "",
                        "createdAt",
                        "1",
                        "version",
                        "1"
                    )
                )
            }
            for result in await fixture.redis.send(records + [command]) { _ = try result.get() }
            let (customers, total) = try await everything(fixture, matching: CustomerFilter(active: true), size: 100)
            #expect(total == 1201)
            #expect(Set(customers.map(\.id)).count == 1201)
        }
    }

    @Test("A name is found by a part of it, in Chinese and Latin, in any case and width")
    func names() async throws {
        try await AccountFixture.run { fixture in
            for name in ["张三", "张三丰", "Zoë Müller", "ＡＣＭＥ 公司", "a.*b"] {
                _ = try await fixture.customers.create(CustomerProfile(name: name, primaryChannel: .web))
            }
            func names(_ part: String) async throws -> Set<String> {
                let found = try await fixture.customers.customers(
                    matching: CustomerFilter(name: part),
                    page: 0,
                    size: 10
                )
                return Set(found.content.map(\.profile.name))
            }
            #expect(try await names("张三") == ["张三", "张三丰"])
            #expect(try await names("三丰") == ["张三丰"])
            #expect(try await names("MÜLL") == ["Zoë Müller"])
            #expect(try await names("acme") == ["ＡＣＭＥ 公司"])
            #expect(try await names("ａ.*Ｂ") == ["a.*b"])
            #expect(try await names("nobody").isEmpty)
        }
    }
}
