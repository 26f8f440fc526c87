import Messaging
import NIOCore
import Testing

@Suite("A limit for each address")
struct AddressLimitTests {
    private static let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    private let one: NetworkAddress
    private let other: NetworkAddress

    init() throws {
        one = try #require(NetworkAddress("203.0.113.5"))
        other = try #require(NetworkAddress("203.0.113.6"))
    }

    @Test("A burst at once, then as many as come back with the time, each with the time to wait")
    func burst() {
        var limit = AddressLimit(10, per: .seconds(1), burst: 3)
        for _ in 0..<3 { #expect(limit.take(from: one, at: Self.start) == nil) }
        #expect(limit.take(from: one, at: Self.start) == .milliseconds(100))
        #expect(limit.take(from: one, at: Self.start + .milliseconds(40)) == .milliseconds(60))
        #expect(limit.take(from: one, at: Self.start + .milliseconds(100)) == nil)
        #expect(limit.take(from: one, at: Self.start + .milliseconds(100)) == .milliseconds(100))
        // Full again after three intervals, and not fuller.
        for _ in 0..<3 { #expect(limit.take(from: one, at: Self.start + .hours(1)) == nil) }
        #expect(limit.take(from: one, at: Self.start + .hours(1)) != nil)
    }

    @Test("One address's use is nothing to another")
    func apart() {
        var limit = AddressLimit(1, per: .minutes(1), burst: 1)
        #expect(limit.take(from: one, at: Self.start) == nil)
        #expect(limit.take(from: one, at: Self.start) == .minutes(1))
        #expect(limit.take(from: other, at: Self.start) == nil)
    }

    @Test("To look takes nothing")
    func looking() {
        var limit = AddressLimit(1, per: .seconds(1), burst: 2)
        for _ in 0..<5 { #expect(limit.wait(for: one, at: Self.start) == nil) }
        _ = limit.take(from: one, at: Self.start)
        #expect(limit.wait(for: one, at: Self.start) == nil)
        _ = limit.take(from: one, at: Self.start)
        #expect(limit.wait(for: one, at: Self.start) == .seconds(1))
        #expect(limit.wait(for: other, at: Self.start) == nil)
        #expect(limit.wait(for: one, at: Self.start + .seconds(1)) == nil)
    }

    @Test("An IPv6 /64 counts as one, the next as another; an IPv4 address counts alone, however it is written")
    func subscribers() throws {
        var limit = AddressLimit(1, per: .minutes(1), burst: 1)
        func take(_ text: String) throws -> Bool {
            limit.take(from: try #require(NetworkAddress(text)), at: Self.start) == nil
        }
        #expect(try take("2001:db8:0:1::1"))
        #expect(try !take("2001:db8:0:1:ffff:ffff:ffff:ffff"))
        #expect(try take("2001:db8:0:2::1"))
        #expect(try take("203.0.113.5"))
        #expect(try !take("::ffff:203.0.113.5"))
        #expect(try take("203.0.113.4"))
        #expect(try take("::1"))
    }

    @Test("A million addresses are let in and take no more memory, and who has reached the limit stays there")
    func million() throws {
        var limit = AddressLimit(1, per: .minutes(10), burst: 5, capacity: 4096)
        for _ in 0..<5 { _ = limit.take(from: one, at: Self.start) }
        #expect(limit.take(from: one, at: Self.start) != nil)
        var refused = 0
        for number in 0..<1_000_000 {
            let address = NetworkAddress(high: 0x2001_0DB8_0000_0000 + UInt64(number), low: 1)
            if limit.take(from: address, at: Self.start + .nanoseconds(Int64(number))) != nil { refused += 1 }
        }
        #expect(refused == 0)
        #expect(limit.take(from: one, at: Self.start + .seconds(1)) != nil)
    }

    @Test("Limits at the ends of their ranges are kept")
    func extremes() {
        var slow = AddressLimit(1, per: .hours(24), burst: 1_000_000)
        #expect(slow.take(from: one, at: Self.start) == nil)
        var fast = AddressLimit(1_000_000, per: .seconds(1), burst: 1)
        #expect(fast.take(from: one, at: Self.start) == nil)
        #expect(fast.take(from: one, at: Self.start) == .microseconds(1))
    }
}
