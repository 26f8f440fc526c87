package import NIOCore

/// How often an address may do something: a ``RateLimit`` for each subscriber's address.
///
/// 24 bytes for each place.
package struct AddressLimit: Sendable {
    /// Addresses that are remembered at a time: 1.5 MiB.
    package static let defaultCapacity = 65_536

    private var limit: RateLimit<NetworkAddress>

    /// - Parameters: as for ``RateLimit``.
    package init(
        _ count: Int,
        per period: TimeAmount,
        burst: Int,
        capacity: Int = AddressLimit.defaultCapacity
    ) {
        limit = RateLimit(count, per: period, burst: burst, capacity: capacity, nobody: NetworkAddress(high: 0, low: 0))
    }

    /// Takes one from an address's bucket.
    ///
    /// - Returns: `nil` when there was one, or how long until there is; nothing is taken then.
    package mutating func take(from address: NetworkAddress, at now: NIODeadline = .now()) -> TimeAmount? {
        limit.take(from: address.subscriber, at: now)
    }

    /// How long until there is one in an address's bucket; `nil` when there is. Takes nothing.
    package func wait(for address: NetworkAddress, at now: NIODeadline = .now()) -> TimeAmount? {
        limit.wait(for: address.subscriber, at: now)
    }
}
