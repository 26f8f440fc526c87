import Hummingbird
import Messaging

/// `GET /status`: how the system does. For agents of any role.
struct StatusRoutes: Sendable {
    let board: StatusBoard

    func add(to group: RouterGroup<APIContext>) {
        group.get("status") { _, _ in
            try APIResponse.success(StatusJSON(try await board.status()))
        }
    }
}

/// The status as it was at most a second ago, however many ask.
actor StatusBoard {
    private let store: SystemStatusStore
    private var latest: (status: SystemStatus, at: ContinuousClock.Instant)?
    private var reading: Task<SystemStatus, any Error>?

    static let maxAge = Duration.seconds(1)

    init(store: SystemStatusStore) { self.store = store }

    /// - Throws: ``MessagingError`` `.storeUnavailable`.
    func status() async throws -> SystemStatus {
        if let latest, latest.at + Self.maxAge > .now { return latest.status }
        // Whoever comes while one reads waits for that. A task of its own: the one who began it may go away.
        let task = reading ?? Task { try await store.status() }
        reading = task
        defer { reading = nil }
        let status = try await task.value
        latest = (status, .now)
        return status
    }
}

private struct StatusJSON: Encodable {
    struct Gateway: Encodable {
        let id: String
        let connections: Int
        let customers: Int
        let agents: Int
        let lagMs: Int
        let startedAt: String
        let draining: Bool
        let messagesPerSecond: Double
    }

    struct Waiting: Encodable {
        let count: Int
        let longestSince: String?
    }

    struct Redis: Encodable {
        let usedMemoryBytes: Int?
    }

    let gateways: [Gateway]
    let waiting: Waiting
    let messagesPerSecond: Double
    let messagesTotal: Int
    let redis: Redis

    init(_ status: SystemStatus) {
        gateways = status.gateways.map { gateway in
            let figures = gateway.figures
            return Gateway(
                id: gateway.id,
                connections: figures.connections,
                customers: figures.customers,
                agents: figures.agents,
                lagMs: figures.lagMilliseconds,
                startedAt: figures.startedAt.iso8601,
                draining: figures.isDraining,
                messagesPerSecond: Double(figures.messagesPerTenSeconds) / 10
            )
        }
        waiting = Waiting(count: status.waiting, longestSince: status.longestWaitingSince?.iso8601)
        let rate = status.gateways.reduce(0) { $0 + $1.figures.messagesPerTenSeconds }
        messagesPerSecond = Double(rate) / 10
        messagesTotal = status.messages
        redis = Redis(usedMemoryBytes: status.redisMemoryBytes)
    }
}
