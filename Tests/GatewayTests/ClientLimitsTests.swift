import Gateway
import Logging
import Messaging
import NIOCore
import NIOEmbedded
import Testing

@Suite("Limits of addresses, tokens and customers")
struct ClientLimitsTests {
    private let eventLoop = EmbeddedEventLoop()

    private func limits(_ change: (inout ClientLimits.Amounts) -> Void) -> ClientLimits {
        var amounts = ClientLimits.Amounts()
        change(&amounts)
        var logger = Logger(label: "test")
        logger.logLevel = .error
        return ClientLimits(amounts, refusals: RefusalLog(eventLoop: eventLoop, logger: logger))
    }

    private func address(_ text: String = "203.0.113.5") throws -> NetworkAddress { try #require(NetworkAddress(text)) }

    private func token(_ hash: String, of customer: UniqueID) -> AuthenticatedToken {
        AuthenticatedToken(
            principal: .customer(id: customer, channel: .web),
            hash: hash,
            expiresAt: Timestamp(milliseconds: 0)
        )
    }

    @Test("Past its handshakes an address is told when to come back, and others are not concerned")
    func handshakes() throws {
        let limits = limits { $0.handshakesPerSecond = 1 }
        for _ in 0..<5 { #expect(limits.enter(from: try address()) == nil) }
        // Soon, unless this machine is so slow that they come back as fast.
        var refusal: HTTPRefusal?
        while refusal == nil { refusal = limits.enter(from: try address()) }
        let found = try #require(refusal)
        #expect(found.status == .tooManyRequests)
        #expect(found.code == "rate_limited")
        #expect(found.headers.map { "\($0.name): \($0.value)" } == ["Retry-After: 1"])
        #expect(String(buffer: found.body).hasPrefix(#"{"success":false,"error":{"code":"rate_limited","message":""#))
        #expect(limits.enter(from: try address("203.0.113.6")) == nil)
    }

    @Test("Who tries many tokens that are not good gets no further; who has good ones does")
    func failedTokens() throws {
        let limits = limits { $0.failedTokensPerMinute = 3 }
        for _ in 0..<3 {
            #expect(limits.enter(from: try address()) == nil)
            limits.tokenFailed(from: try address())
        }
        #expect(limits.enter(from: try address())?.status == .tooManyRequests)
        for _ in 0..<10 { #expect(limits.enter(from: try address("203.0.113.6")) == nil) }
    }

    @Test("Connections of an address are counted until they end, those of an IPv6 /64 together")
    func connectionsOfAddress() throws {
        let limits = limits { $0.connectionsPerAddress = 2 }
        #expect(limits.enter(from: try address("2001:db8::1")) == nil)
        #expect(limits.enter(from: try address("2001:db8::2")) == nil)
        let refusal = try #require(limits.enter(from: try address("2001:db8::3")))
        #expect(refusal.code == "limit_reached")
        #expect(refusal.headers.map { "\($0.name): \($0.value)" } == ["Retry-After: 10"])
        #expect(limits.enter(from: try address("2001:db8:0:1::1")) == nil)
        limits.leave(try address("2001:db8::1"))
        #expect(limits.enter(from: try address("2001:db8::3")) == nil)
        #expect(limits.enter(from: try address("2001:db8::4")) != nil)
    }

    @Test("Connections of a token and of a customer are counted until they end")
    func connectionsOfToken() {
        let limits = limits {
            $0.connectionsPerToken = 2
            $0.connectionsPerCustomer = 3
        }
        let customer = UniqueID(in: .random())
        #expect(limits.enter(token("a", of: customer)) == nil)
        #expect(limits.enter(token("a", of: customer)) == nil)
        #expect(limits.enter(token("a", of: customer))?.status == .tooManyRequests)
        #expect(limits.enter(token("b", of: customer)) == nil)
        // The customer's limit; the token is not counted for it.
        for _ in 0..<3 { #expect(limits.enter(token("b", of: customer)) != nil) }
        #expect(limits.enter(token("c", of: UniqueID(in: .random()))) == nil)
        limits.leave(token("a", of: customer))
        #expect(limits.enter(token("b", of: customer)) == nil)
        #expect(limits.enter(token("b", of: customer)) != nil)
    }

    @Test("0 is no limit")
    func off() throws {
        let limits = limits {
            $0.handshakesPerSecond = 0
            $0.failedTokensPerMinute = 0
            $0.connectionsPerAddress = 0
            $0.connectionsPerToken = 0
            $0.connectionsPerCustomer = 0
        }
        let customer = UniqueID(in: .random())
        for _ in 0..<20_000 {
            limits.tokenFailed(from: try address())
            #expect(limits.enter(from: try address()) == nil)
            #expect(limits.enter(token("a", of: customer)) == nil)
        }
        limits.leave(try address())
        limits.leave(token("a", of: customer))
    }
}

@Suite("What a client may send")
struct AllowanceTests {
    private static let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

    @Test("Five seconds' worth at once, then more only when what is owed has come back")
    func buckets() {
        var allowance = Allowance(.init(messagesPerSecond: 10, bytesPerSecond: 1000), at: Self.start)
        #expect(allowance.take(messages: 50, bytes: 50) == true)
        #expect(allowance.take(messages: 5, bytes: 5) == false)
        #expect(allowance.wait(at: Self.start) == .milliseconds(500))
        #expect(allowance.wait(at: Self.start + .milliseconds(200)) == .milliseconds(300))
        #expect(allowance.wait(at: Self.start + .milliseconds(501)) == nil)
        // Full again, and not fuller.
        #expect(allowance.take(messages: 1, bytes: 1) == false)
        #expect(allowance.wait(at: Self.start + .hours(1)) == nil)
        #expect(allowance.take(messages: 50, bytes: 50) == true)
        #expect(allowance.take(messages: 1, bytes: 1) == false)
    }

    @Test("Bytes are counted as messages are, and what needs longer decides")
    func bytes() {
        var allowance = Allowance(.init(messagesPerSecond: 10, bytesPerSecond: 1000), at: Self.start)
        #expect(allowance.take(messages: 1, bytes: 5000) == true)
        #expect(allowance.take(messages: 1, bytes: 2000) == false)
        #expect(allowance.wait(at: Self.start) == .seconds(2))
    }

    @Test("0 is no limit")
    func off() {
        var allowance = Allowance(.init(messagesPerSecond: 0, bytesPerSecond: 0), at: Self.start)
        for _ in 0..<1000 { #expect(allowance.take(messages: 1_000_000_000, bytes: 1_000_000_000) == true) }
        #expect(allowance.wait(at: Self.start + .seconds(1)) == nil)
    }
}
