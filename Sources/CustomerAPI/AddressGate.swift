import Messaging
import NIOCore
import Synchronization

/// Lets each client's address do something so often, at this program; others that share the load count for themselves.
///
/// A `Mutex` guards it.
final class AddressGate: Sendable {
    /// `nil`: any number.
    private let limit: Mutex<AddressLimit?>
    private let what: String

    /// - Parameters:
    ///   - perMinute: 0 for any number. As many may come at once.
    ///   - what: Names them for people.
    init(perMinute: Int, _ what: String) {
        limit = Mutex(perMinute > 0 ? AddressLimit(perMinute, per: .minutes(1), burst: perMinute) : nil)
        self.what = what
    }

    /// Counts one.
    ///
    /// - Throws: 429 with the time to wait.
    func pass(_ address: NetworkAddress) throws {
        if let wait = limit.withLock({ $0?.take(from: address) ?? nil }) { throw refusal(wait) }
    }

    /// Counts none.
    ///
    /// - Throws: 429 with the time to wait.
    func check(_ address: NetworkAddress) throws {
        if let wait = limit.withLock({ $0?.wait(for: address) ?? nil }) { throw refusal(wait) }
    }

    /// Counts one that is over.
    func count(_ address: NetworkAddress) { limit.withLock { _ = $0?.take(from: address) } }

    private func refusal(_ wait: TimeAmount) -> MessagingError {
        MessagingError(
            .rateLimited,
            "Too many \(what) come from your address. Please wait before you try again.",
            retryAfter: .nanoseconds(wait.nanoseconds)
        )
    }
}
