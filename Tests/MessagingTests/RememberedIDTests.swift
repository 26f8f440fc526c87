import Hiredis
import Messaging
import NIOCore
import RedisFixture
import Testing

@Suite("Remembered clientMessageIds")
struct RememberedIDTests {
    /// Just past a power of two, where Redis's hash tables are largest for what they hold.
    private static let count = 70_000

    @Test("Each takes at most 200 bytes of Redis")
    func size() async throws {
        // The log stays at its limit, so that nothing else grows.
        try await LogFixture.run(limits: .init(log: 100, conversationsPerCustomer: 10)) { fixture in
            let customer = Principal.customer(id: try await fixture.makeCustomer(), channel: .web)
            try await fixture.append(1000, from: customer, remembering: false)
            let before = try fixture.usedMemory()
            try await fixture.append(Self.count, from: customer, remembering: true)
            // Redis moves its entries into larger tables bit by bit, and has both until then.
            var each = Double.infinity
            for _ in 0..<100 where each > 200 {
                each = Double(try fixture.usedMemory() - before) / Double(Self.count)
                if each > 200 { try await Task.sleep(for: .milliseconds(200)) }
            }
            #expect(each <= 200)
            // Otherwise nothing was remembered.
            #expect(each > 32)
        }
    }

    @Test("Nothing is left of them when their time is over")
    func end() async throws {
        var limits = MessageLog.Limits(log: 100, conversationsPerCustomer: 10)
        limits.remembered = .seconds(1)
        try await LogFixture.run(limits: limits) { fixture in
            let customer = Principal.customer(id: try await fixture.makeCustomer(), channel: .web)
            try await fixture.append(1, from: customer, remembering: false)
            let before = try fixture.server.command("DBSIZE")
            try await fixture.append(200, from: customer, remembering: true)
            while try fixture.server.command("DBSIZE") != before { try await Task.sleep(for: .milliseconds(100)) }
            #expect(try fixture.server.command("INFO", "keyspace").contains("expires=0"))
        }
    }
}

extension LogFixture {
    /// Bytes that Redis has in use.
    fileprivate func usedMemory() throws -> Int {
        let lines = try server.command("INFO", "memory").split(whereSeparator: \.isNewline)
        let line = lines.first { $0.hasPrefix("used_memory:") }
        return try #require(line.flatMap { Int($0.dropFirst("used_memory:".count)) })
    }

    /// Sends messages with ids of 64 bytes, 500 at a time; the ids are in the messages in any case.
    fileprivate func append(_ count: Int, from principal: Principal, remembering: Bool) async throws {
        for start in stride(from: 0, to: count, by: 500) {
            let some = start..<min(start + 500, count)
            _ = try await onLog { (log, done: @escaping (Result<Int, MessagingError>) -> Void) in
                var missing = some.count
                for number in some {
                    let digits = String(number)
                    let text = String(repeating: "0", count: 64 - digits.count) + digits
                    let id = ByteBuffer(string: "\"\(text)\"")
                    log.append(
                        from: log.sender(principal, origin: "-"),
                        reference: "",
                        tail: Message.recordTail(
                            content: ByteBuffer(string: #""hello""#),
                            metadata: nil,
                            clientMessageID: id,
                            senderNote: nil
                        ),
                        clientMessageID: remembering ? id : nil
                    ) { result in
                        missing -= 1
                        switch result {
                        case .failure(let error): if missing >= 0 { missing = -1; done(.failure(error)) }
                        case .success: if missing == 0 { done(.success(0)) }
                        }
                    }
                }
            }
        }
    }
}
