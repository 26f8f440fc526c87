package import NIOCore

/// How often an address may do something: a token bucket for each subscriber's address, in a table of fixed size.
///
/// A bucket holds `burst` at most and regains `count` each `period`. It is kept as one time: when it will be full again
/// (the generic cell rate algorithm). A bucket that is full is as good as forgotten, so nothing has to be cleared away.
///
/// The table never refuses anybody for being full. An address has ``ways`` places, chosen by a hash with a secret of this
/// process, so nobody can aim at another's; when all are taken by others, the one that had used least is forgotten and begins
/// anew. So past some ``defaultCapacity`` addresses at a time some may do more than the limit says; who has just reached the
/// limit is forgotten last.
///
/// 24 bytes for each place, allocated once; every step looks at ``ways`` places. A value: its owner guards it.
package struct AddressLimit: Sendable {
    /// Addresses that are remembered at a time: 1.5 MiB.
    package static let defaultCapacity = 65_536
    /// Places in which an address may be.
    package static let ways = 8

    private struct Place {
        var address: NetworkAddress
        /// When its bucket is full again, in nanoseconds of ``NIODeadline``; 0 where nobody ever was.
        var full: UInt64
    }

    private var places: [Place]
    /// Nanoseconds for one.
    private let interval: UInt64
    /// Nanoseconds from an empty bucket to a full one.
    private let depth: UInt64

    /// - Parameters:
    ///   - count: How many each `period`, in the long run: 1 to 1,000,000,000 a second.
    ///   - burst: How many at once, where there were none before: 1 or more.
    ///   - capacity: Rounded up to a power of two, at least ``ways``.
    package init(
        _ count: Int,
        per period: TimeAmount,
        burst: Int,
        capacity: Int = AddressLimit.defaultCapacity
    ) {
        interval = max(1, UInt64(max(1, period.nanoseconds)) / UInt64(max(1, count)))
        let (product, overflows) = interval.multipliedReportingOverflow(by: UInt64(max(1, burst)))
        // A year at most: sums of times stay far from overflowing.
        depth = min(overflows ? .max : product, 365 * 86_400_000_000_000)
        var size = Self.ways
        while size < capacity { size *= 2 }
        places = Array(repeating: Place(address: NetworkAddress(high: 0, low: 0), full: 0), count: size)
    }

    /// Takes one from an address's bucket.
    ///
    /// - Returns: `nil` when there was one, or how long until there is; nothing is taken then.
    package mutating func take(from address: NetworkAddress, at now: NIODeadline = .now()) -> TimeAmount? {
        let address = address.subscriber
        let index = place(of: address)
        let full =
            places[index].address == address ? max(places[index].full, now.uptimeNanoseconds) : now.uptimeNanoseconds
        let after = full + interval
        guard after - now.uptimeNanoseconds <= depth else {
            return .nanoseconds(Int64(after - now.uptimeNanoseconds - depth))
        }
        places[index] = Place(address: address, full: after)
        return nil
    }

    /// How long until there is one in an address's bucket; `nil` when there is. Takes nothing.
    package func wait(for address: NetworkAddress, at now: NIODeadline = .now()) -> TimeAmount? {
        let address = address.subscriber
        let found = places[place(of: address)]
        guard found.address == address, found.full + interval > now.uptimeNanoseconds + depth else { return nil }
        return .nanoseconds(Int64(found.full + interval - now.uptimeNanoseconds - depth))
    }

    /// Where an address is, or else is to be: at the place that is full soonest.
    private func place(of address: NetworkAddress) -> Int {
        // Swift's hashes have a random key for each process.
        var hasher = Hasher()
        hasher.combine(address)
        let first = (hasher.finalize() & (places.count / Self.ways - 1)) * Self.ways
        var soonest = first
        for index in first..<first + Self.ways {
            if places[index].address == address { return index }
            if places[index].full < places[soonest].full { soonest = index }
        }
        return soonest
    }
}
