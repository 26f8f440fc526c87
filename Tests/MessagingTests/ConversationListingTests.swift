import Foundation
import Hiredis
import Messaging
import RedisFixture
import Testing

@Suite("Listing conversations")
struct ConversationListingTests {
    /// Puts conversations straight into Redis, each last spoken in at its time in ms.
    private func insert(_ times: [Int], into fixture: LogFixture) async throws {
        var commands: [RedisCommand] = []
        for (number, time) in times.enumerated() {
            let id = UniqueID(in: .random())
            let customer = UniqueID(in: id.partition)
            commands.append(RedisCommand("HSET", Keyspace.customer(customer), "name", "Name \(number)"))
            commands.append(
                RedisCommand(
                    "HSET",
                    Keyspace.conversation(id),
                    "customer",
                    customer.description,
                    "channel",
                    "WEB",
                    "state",
                    number % 2 == 0 ? "waiting" : "resolved",
                    "createdAt",
                    "\(time)",
                    "lastMessageAt",
                    "\(time)"
                )
            )
            commands.append(RedisCommand("ZADD", Keyspace.conversations(in: id.partition), "\(time)", id.description))
        }
        for result in await fixture.redis.send(commands) { _ = try result.get() }
    }

    /// All pages, one after the other.
    private func everything(
        _ fixture: LogFixture,
        _ filter: ConversationFilter,
        size: Int
    ) async throws -> [Conversation] {
        var conversations: [Conversation] = []
        var page = 0
        while true {
            let found = try await fixture.conversations.conversations(matching: filter, page: page, size: size)
            conversations += found.content
            page += 1
            if page >= found.totalPages { return conversations }
            #expect(found.content.count == size)
        }
    }

    @Test("Without a filter, far pages too are those of the list that looking at each conversation gives")
    func merged() async throws {
        try await LogFixture.run { fixture in
            // Some share their millisecond.
            try await insert((0..<1500).map { 1_700_000_000_000 + $0 / 3 * 7 }, into: fixture)
            let merged = try await everything(fixture, .init(), size: 97)
            let looked = try await everything(fixture, .init(states: [.waiting, .assigned, .resolved]), size: 97)
            #expect(merged.count == 1500)
            #expect(merged == looked)
            let order = merged.map { ($0.lastMessageAt.milliseconds, $0.id.high, $0.id.low) }
            #expect(zip(order, order.dropFirst()).allSatisfy { $0 > $1 })
        }
    }

    @Test("A conversation whose log is gone is listed without a last message")
    func withoutLog() async throws {
        try await LogFixture.run { fixture in
            try await insert([1000], into: fixture)
            let listed = try await everything(fixture, .init(), size: 10)
            #expect(listed.map(\.customerName) == ["Name 0"])
            #expect(listed.first?.lastMessage == nil)
            #expect(listed.first?.waitingSince == nil)
        }
    }

    @Test(
        "The beginning of a JSON string is read as a decoder reads all of it",
        arguments: [
            #""plain""#, #""中文 😀 é""#, #""a\"b\\c\/d\b\f\n\r\t""#, #""\u4e2d\u00e9\ud83d\ude00""#, #""""#,
        ]
    )
    func literals(literal: String) throws {
        let whole = JSONText.beginning(ofLiteral: Array(literal.utf8), maxCharacters: 100)
        let decoded = try JSONDecoder().decode([String].self, from: Data("[\(literal)]".utf8))
        #expect(whole == decoded[0])
        let cut = JSONText.beginning(ofLiteral: Array(literal.utf8), maxCharacters: 2)
        #expect(Array(cut.unicodeScalars) == Array(decoded[0].unicodeScalars.prefix(2)))
    }

    @Test("Of a string that is cut off, or has half a character, the rest is read")
    func brokenLiterals() {
        for (literal, text) in [
            (#""ab\"#, "ab"), (#""ab\u12"#, "ab\u{12}"), (#""\ud83dx""#, "\u{fffd}x"),
            (#""\ude00\ud83d\ud83d\ude00""#, "\u{fffd}\u{fffd}😀"), (#""ab"#, "ab"),
        ] {
            #expect(JSONText.beginning(ofLiteral: Array(literal.utf8), maxCharacters: 100) == text, "\(literal)")
        }
        #expect(JSONText.beginning(ofLiteral: [], maxCharacters: 5) == "")
    }
}
