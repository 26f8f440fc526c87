import Messaging
import NIOCore
import Synchronization

/// Lets each token's owner, a customer or an agent, make so many requests, at this program; others that share the load count
/// for themselves.
///
/// A `Mutex` for each kind guards it.
final class OwnerGate: Sendable {
    /// As many may come at once as in so many seconds: a console that opens asks for much.
    static let savedSeconds = 10
    /// An agent answers many customers, and a bot all of them; as a gateway has it.
    static let agentsFactor = 10
    /// Customers who are remembered at a time: 1.5 MiB. Of agents all there can be.
    static let customers = 65_536

    /// `nil`: any number.
    private let ofCustomer, ofAgent: Mutex<RateLimit<UniqueID>?>

    /// - Parameter perSecond: Of a customer; 0 for any number.
    init(perSecond: Int) {
        ofCustomer = Mutex(Self.limit(perSecond, capacity: Self.customers))
        ofAgent = Mutex(Self.limit(perSecond * Self.agentsFactor, capacity: AgentStore.maxAgents))
    }

    private static func limit(_ perSecond: Int, capacity: Int) -> RateLimit<UniqueID>? {
        guard perSecond > 0 else { return nil }
        return RateLimit(
            perSecond,
            per: .seconds(1),
            burst: perSecond * savedSeconds,
            capacity: capacity,
            nobody: UniqueID(in: .ofAgents)
        )
    }

    /// - Throws: 429 with the time to wait.
    func pass(_ owner: Principal) throws {
        let wait =
            owner.isAgent
            ? ofAgent.withLock { $0?.take(from: owner.id) ?? nil }
            : ofCustomer.withLock { $0?.take(from: owner.id) ?? nil }
        guard let wait else { return }
        throw MessagingError(
            .rateLimited,
            "You make too many requests. Please wait before you make another.",
            retryAfter: .nanoseconds(wait.nanoseconds)
        )
    }
}
