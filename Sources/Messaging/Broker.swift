package import Hiredis
package import Logging
package import NIOCore

/// Reads one event loop's mailbox: subscribes to it in all partitions, decodes what arrives, and sees gaps.
///
/// Pub/sub may lose anything. Each publication carries its mailbox's count in that partition; where the count is not the
/// one after the last, something was lost and the log has to be read. Each second a tick goes the long way round, through
/// the command connection into Redis and back over the subscription: it tells the count again, so that a lost last
/// publication is missed too, and if it does not come back, the subscription is deaf, whatever TCP says, and is replaced.
/// Owner: the event loop.
package final class Broker {
    /// What happened, told on the event loop.
    package enum Event {
        case publication(Publication)
        /// Publications to this partition's topic were lost, or routes to this mailbox were.
        case gap(Partition)
        /// All topics are subscribed; what was published before is lost.
        case subscribed
        case lost
    }

    /// `GATEWAY.LOOP`.
    package let mailbox: String
    private let redis: RedisConnection
    private let configuration: RedisConfiguration
    private let logger: Logger
    private var onEvent: (Event) -> Void = { _ in }
    private var subscription: RedisSubscription?
    /// By partition: the count of the last publication or tick.
    private var counts = Array(repeating: 0, count: Partition.count)
    /// By partition: ticks that Redis took and that have not come back; -1 for one that came before Redis's reply to it.
    private var missingTicks = Array(repeating: 0, count: Partition.count)
    /// By partition: whether Redis knew this mailbox at the last tick.
    private var isKnown = Array(repeating: false, count: Partition.count)
    private var lastHeard = NIODeadline.now()
    /// When the first partition's tick left that has not come back; how long the last one took that did.
    private var tickLeft: NIODeadline?
    private var tickTook = TimeAmount.zero
    private var lastTick = NIODeadline.now()

    /// A gateway that gave no sign for so long is dead: its connections count as gone.
    package static let lease = Duration.seconds(5)
    /// A subscription on which no tick came back for so long is deaf. Ticks come every second.
    private static let deafAfter = TimeAmount.milliseconds(1800)
    /// One topic alone is deaf after so many ticks: any one of them may get lost.
    private static let maxMissingTicks = 3
    /// Customers of a dead mailbox that one tick takes away.
    private static let maxBuried = 500

    /// - Parameters:
    ///   - redis: the event loop's connection, for ticks.
    ///   - configuration: for the subscription's own connection.
    package init(
        mailbox: String,
        redis: RedisConnection,
        configuration: RedisConfiguration,
        logger: Logger
    ) {
        self.mailbox = mailbox
        self.redis = redis
        self.configuration = configuration
        self.logger = logger
    }

    /// Subscribes, and again after each loss, until ``close()``. To be called once.
    package func start(onEvent: @escaping (Event) -> Void) {
        self.onEvent = onEvent
        subscribe()
    }

    private func subscribe() {
        let subscription = RedisSubscription(
            configuration: configuration,
            eventLoop: redis.eventLoop,
            topics: Partition.all.map { Keyspace.topic(of: mailbox, in: $0) },
            logger: logger,
            onMessage: { [weak self] topic, payload in self?.received(payload, in: topic) },
            onChange: { [weak self] state in
                guard let self else { return }
                forgetTicks()
                switch state {
                case .subscribed: onEvent(.subscribed)
                case .lost: onEvent(.lost)
                }
            }
        )
        self.subscription = subscription
        subscription.start()
    }

    package func close() -> EventLoopFuture<Void> {
        subscription?.close() ?? redis.eventLoop.makeSucceededVoidFuture()
    }

    private func forgetTicks() {
        lastHeard = .now()
        for index in missingTicks.indices { missingTicks[index] = 0 }
    }

    private func received(_ payload: ByteBuffer, in topic: Int) {
        guard let (count, item) = Publication.read(payload) else {
            logger.warning("A publication could not be read", metadata: ["mailbox": "\(mailbox)"])
            return onEvent(.gap(Partition(topic)))
        }
        let last = counts[topic]
        counts[topic] = count
        if case .tick = item {
            lastHeard = .now()
            if topic == 0, let left = tickLeft {
                tickTook = lastHeard - left
                tickLeft = nil
            }
            missingTicks[topic] = missingTicks[topic] > 0 ? 0 : -1
            if count != last { onEvent(.gap(Partition(topic))) }
        } else {
            if let item { onEvent(.publication(item)) }
            if count != last + 1 { onEvent(.gap(Partition(topic))) }
        }
    }

    /// How long a publication takes from here into Redis and back, by the last tick.
    package var lag: TimeAmount { tickLeft.map { max(tickTook, .now() - $0) } ?? tickTook }

    /// To be called once a second.
    package func tick() {
        // An event loop that was held up did not listen: what came meanwhile is still to be read.
        if lastTick + Self.deafAfter < .now() { forgetTicks() }
        lastTick = .now()
        guard let subscription, subscription.isSubscribed else { return }
        let isDeaf =
            missingTicks.contains { $0 >= Self.maxMissingTicks }
            || (missingTicks.contains { $0 > 0 } && lastHeard + Self.deafAfter < .now())
        if isDeaf {
            logger.warning("The subscription is deaf and is replaced", metadata: ["mailbox": "\(mailbox)"])
            onEvent(.lost)
            forgetTicks()
            subscription.close().whenComplete { _ in }
            return subscribe()
        }
        tickLeft = tickLeft ?? .now()
        for partition in Partition.all {
            var command = RedisCommand(evaluating: Scripts.tick, keys: [Keyspace.prefix(partition)])
            command.append(mailbox)
            command.append(Int(Self.lease.components.seconds) * 1000)
            command.append(Self.maxBuried)
            redis.send(command) { [weak self] result in
                // Redis away is the command connection's matter, and no sign of deafness.
                guard let self, case .success(let reply) = result else { return }
                missingTicks[partition.number] += 1
                let knew = reply == .integer(1)
                if !knew, isKnown[partition.number] { onEvent(.gap(partition)) }
                isKnown[partition.number] = true
            }
        }
    }
}
