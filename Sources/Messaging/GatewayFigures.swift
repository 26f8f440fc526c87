import Hiredis

/// What one event loop of a gateway tells of itself once a second, for those who look after the system.
package struct GatewayFigures: Sendable, Equatable {
    package var connections: Int
    /// Customers that are connected here; one with connections elsewhere too counts on each event loop.
    package var customers: Int
    package var agents: Int
    /// How long a tick took from here into Redis and back.
    package var lagMilliseconds: Int
    package var startedAt: Timestamp
    package var isDraining: Bool
    /// Messages that clients of this event loop had stored, by the last five seconds.
    package var messagesPerTenSeconds: Int

    package init(
        connections: Int,
        customers: Int,
        agents: Int,
        lagMilliseconds: Int,
        startedAt: Timestamp,
        isDraining: Bool,
        messagesPerTenSeconds: Int
    ) {
        self.connections = connections
        self.customers = customers
        self.agents = agents
        self.lagMilliseconds = lagMilliseconds
        self.startedAt = startedAt
        self.isDraining = isDraining
        self.messagesPerTenSeconds = messagesPerTenSeconds
    }

    /// Seven numbers with spaces between, in the order of the fields.
    var record: String {
        let numbers = [
            connections, customers, agents, lagMilliseconds, startedAt.milliseconds, isDraining ? 1 : 0,
            messagesPerTenSeconds,
        ]
        return numbers.map(String.init).joined(separator: " ")
    }

    init?(record: String) {
        let numbers = record.split(separator: " ").compactMap { Int($0) }
        guard numbers.count == 7 else { return nil }
        self.init(
            connections: numbers[0],
            customers: numbers[1],
            agents: numbers[2],
            lagMilliseconds: numbers[3],
            startedAt: Timestamp(milliseconds: numbers[4]),
            isDraining: numbers[5] == 1,
            messagesPerTenSeconds: numbers[6]
        )
    }
}

extension MessageLog {
    /// Figures that nobody renewed for so long are gone: they are written each second.
    private static let figuresLast = 5500

    /// Writes a mailbox's figures, and adds to the count of all messages.
    ///
    /// - Parameter stored: messages since the last time; told again to `completion` where that is not known to have counted.
    package func write(
        _ figures: GatewayFigures,
        of mailbox: String,
        stored: Int,
        _ completion: @escaping (_ uncounted: Int) -> Void
    ) {
        let key = Keyspace.figures(of: mailbox)
        redis.send(RedisCommand("SET", key, figures.record, "PX", "\(Self.figuresLast)")) { _ in }
        guard stored > 0 else { return }
        redis.send(RedisCommand("INCRBY", Keyspace.messageCount, "\(stored)")) { result in
            if case .failure = result { completion(stored) }
        }
    }

    /// This mailbox ends in order: its figures are gone at once.
    package func removeFigures(of mailbox: String) {
        redis.send(RedisCommand("DEL", Keyspace.figures(of: mailbox))) { _ in }
    }
}
