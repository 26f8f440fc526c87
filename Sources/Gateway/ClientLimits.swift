package import Messaging
import NIOCore
import Synchronization

/// What one address, one token and one customer may have of this gateway. What each may do on a WebSocket is ``Allowance``.
///
/// Each gateway counts for itself: with N gateways a client may have up to N times as much. Shared by all event loops; a `Mutex`
/// guards it, once or twice for each handshake.
package final class ClientLimits: Sendable {
    /// How much; 0: no limit.
    package struct Amounts: Sendable, Equatable {
        package var handshakesPerSecond = 100
        package var failedTokensPerMinute = 300
        package var connectionsPerAddress = 2000
        package var connectionsPerToken = 50
        package var connectionsPerCustomer = 100

        package init() {}
    }

    /// Handshakes that an address may make at once are those of so many seconds: an office comes back together.
    package static let savedHandshakeSeconds: Int64 = 5

    private struct State {
        var handshakes: AddressLimit?
        var failedTokens: AddressLimit?
        var addresses: [NetworkAddress: Int] = [:]
        /// By the token's hash.
        var tokens: [String: Int] = [:]
        var customers: [UniqueID: Int] = [:]
    }

    private let amounts: Amounts
    private let state: Mutex<State>
    private let refusals: RefusalLog

    package init(_ amounts: Amounts, refusals: RefusalLog) {
        self.amounts = amounts
        self.refusals = refusals
        var state = State()
        if amounts.handshakesPerSecond > 0 {
            state.handshakes = AddressLimit(
                amounts.handshakesPerSecond,
                per: .seconds(1),
                burst: amounts.handshakesPerSecond * Int(Self.savedHandshakeSeconds)
            )
        }
        if amounts.failedTokensPerMinute > 0 {
            state.failedTokens = AddressLimit(
                amounts.failedTokensPerMinute,
                per: .minutes(1),
                burst: amounts.failedTokensPerMinute
            )
        }
        self.state = Mutex(state)
    }

    /// An address makes a handshake: counts its connection, until ``leave(_:)``.
    ///
    /// - Returns: `nil`, or why it may not; its connection is not counted then.
    package func enter(from address: NetworkAddress) -> HTTPRefusal? {
        let refused = state.withLock { state -> (RefusalLog.Cause, HTTPRefusal)? in
            if let wait = state.handshakes?.take(from: address) {
                return (.handshakes, .rateLimited("Too many connection attempts from this address.", after: wait))
            }
            if let wait = state.failedTokens?.wait(for: address) {
                return (.failedTokens, .rateLimited("Too many tokens from this address were not good.", after: wait))
            }
            guard Self.count(address.subscriber, in: &state.addresses, limit: amounts.connectionsPerAddress) else {
                return (.connectionsOfAddress, .tooManyConnections("from this address"))
            }
            return nil
        }
        guard let (cause, refusal) = refused else { return nil }
        refusals.count(cause)
        return refusal
    }

    package func leave(_ address: NetworkAddress) {
        state.withLock { Self.uncount(address.subscriber, in: &$0.addresses) }
    }

    /// A token of an address was not good.
    package func tokenFailed(from address: NetworkAddress) {
        state.withLock { _ = $0.failedTokens?.take(from: address) }
    }

    /// A good token's connection is counted, until ``leave(_:)``.
    ///
    /// - Returns: `nil`, or why there may be no more of them; it is not counted then.
    package func enter(_ token: AuthenticatedToken) -> HTTPRefusal? {
        let refused = state.withLock { state -> (RefusalLog.Cause, HTTPRefusal)? in
            guard Self.count(token.hash, in: &state.tokens, limit: amounts.connectionsPerToken) else {
                return (.connectionsOfToken, .tooManyConnections("with this token"))
            }
            if case .customer(let id, _) = token.principal,
                !Self.count(id, in: &state.customers, limit: amounts.connectionsPerCustomer)
            {
                Self.uncount(token.hash, in: &state.tokens)
                return (.connectionsOfCustomer, .tooManyConnections("of this customer"))
            }
            return nil
        }
        guard let (cause, refusal) = refused else { return nil }
        refusals.count(cause)
        return refusal
    }

    package func leave(_ token: AuthenticatedToken) {
        state.withLock { state in
            Self.uncount(token.hash, in: &state.tokens)
            if case .customer(let id, _) = token.principal { Self.uncount(id, in: &state.customers) }
        }
    }

    /// - Returns: Whether there is room for one more, which is counted then. Without a limit nothing is counted.
    private static func count<Key>(_ key: Key, in counts: inout [Key: Int], limit: Int) -> Bool {
        guard limit > 0 else { return true }
        guard counts[key, default: 0] < limit else { return false }
        counts[key, default: 0] += 1
        return true
    }

    private static func uncount<Key>(_ key: Key, in counts: inout [Key: Int]) {
        guard let count = counts[key] else { return }
        counts[key] = count > 1 ? count - 1 : nil
    }
}
