import Messaging
import NIOCore

/// What a hub counts of what it does.
struct HubFigures {
    fileprivate let startedAt = Timestamp.now
    /// Messages of this hub's clients that were stored since they were last told.
    fileprivate var stored = 0
    /// Those that were told, and Redis did not count.
    fileprivate var uncounted = 0
    /// The same for each of the last seconds.
    fileprivate var lately: [Int] = []

    /// How many seconds a rate is the mean of.
    fileprivate static let seconds = 5

    /// A message was stored; called for each.
    mutating func countMessage() { stored += 1 }
}

extension Hub {
    /// Tells how this event loop does; once a second.
    func tellFigures() {
        let stored = figures.stored
        figures.stored = 0
        figures.lately = (figures.lately + [stored]).suffix(HubFigures.seconds)
        let rate = figures.lately.reduce(0, +) * 10 / figures.lately.count
        let now = GatewayFigures(
            connections: connections.count,
            customers: customers.count,
            agents: agents.count,
            lagMilliseconds: Int(broker.lag.nanoseconds / 1_000_000),
            startedAt: figures.startedAt,
            isDraining: isDraining,
            messagesPerTenSeconds: rate
        )
        let uncounted = figures.uncounted
        figures.uncounted = 0
        log.write(now, of: mailbox, stored: stored + uncounted) { [weak self] in self?.figures.uncounted += $0 }
    }
}
