package import NIOCore

/// How often each client may do something: a token bucket for each, in a table of fixed size.
///
/// A bucket holds `burst` at most and regains `count` each `period`. It is kept as one time: when it will be full again
/// (the generic cell rate algorithm). A bucket that is full is as good as forgotten, so nothing has to be cleared away.
///
/// The table never refuses anybody for being full. A client has ``ways`` places, chosen by a hash with a secret of this
/// process, so nobody can aim at another's; when all are taken by others, the one that had used least is forgotten and begins
/// anew. So past some `capacity` clients at a time some may do more than the limit says; who has just reached the limit is
/// forgotten last.
///
/// The client's size and 8 bytes for each place, allocated once; every step looks at ``ways`` places. A value: its owner
/// guards it.
package struct RateLimit<Client: Hashable & Sendable>: Sendable {
    /// Places in which a client may be.
    package static var ways: Int { 8 }

    private struct Place {
        var client: Client
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
    ///   - nobody: Stands in a place that no client has had; is none.
    package init(_ count: Int, per period: TimeAmount, burst: Int, capacity: Int, nobody: Client) {
        interval = max(1, UInt64(max(1, period.nanoseconds)) / UInt64(max(1, count)))
        let (product, overflows) = interval.multipliedReportingOverflow(by: UInt64(max(1, burst)))
        // A year at most: sums of times stay far from overflowing.
        depth = min(overflows ? .max : product, 365 * 86_400_000_000_000)
        var size = Self.ways
        while size < capacity { size *= 2 }
        places = Array(repeating: Place(client: nobody, full: 0), count: size)
    }

    /// Takes one from a client's bucket.
    ///
    /// - Returns: `nil` when there was one, or how long until there is; nothing is taken then.
    package mutating func take(from client: Client, at now: NIODeadline = .now()) -> TimeAmount? {
        let index = place(of: client)
        let full =
            places[index].client == client ? max(places[index].full, now.uptimeNanoseconds) : now.uptimeNanoseconds
        let after = full + interval
        guard after - now.uptimeNanoseconds <= depth else {
            return .nanoseconds(Int64(after - now.uptimeNanoseconds - depth))
        }
        places[index] = Place(client: client, full: after)
        return nil
    }

    /// How long until there is one in a client's bucket; `nil` when there is. Takes nothing.
    package func wait(for client: Client, at now: NIODeadline = .now()) -> TimeAmount? {
        let found = places[place(of: client)]
        guard found.client == client, found.full + interval > now.uptimeNanoseconds + depth else { return nil }
        return .nanoseconds(Int64(found.full + interval - now.uptimeNanoseconds - depth))
    }

    /// Where a client is, or else is to be: at the place that is full soonest.
    private func place(of client: Client) -> Int {
        // Swift's hashes have a random key for each process.
        var hasher = Hasher()
        hasher.combine(client)
        let first = (hasher.finalize() & (places.count / Self.ways - 1)) * Self.ways
        var soonest = first
        for index in first..<first + Self.ways {
            if places[index].client == client { return index }
            if places[index].full < places[soonest].full { soonest = index }
        }
        return soonest
    }
}
