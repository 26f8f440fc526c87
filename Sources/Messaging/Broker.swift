package import Hiredis
package import Logging
package import NIOCore

/// Reads one event loop's mailbox: subscribes to it in all partitions, decodes what arrives, and sees gaps.
///
/// Pub/sub may lose anything. Each publication carries its mailbox's count in that partition; where the count is not the
/// one after the last, something was lost and the log has to be read. Owner: the event loop.
package final class Broker {
    /// What happened, told on the event loop.
    package enum Event {
        case publication(Publication)
        /// Publications to this partition's topic were lost.
        case gap(Partition)
        /// All topics are subscribed; whatever was published before is lost, and routes may have been forgotten.
        case subscribed
        case lost
    }

    /// `GATEWAY.LOOP`.
    package let mailbox: String
    private let logger: Logger
    private var subscription: RedisSubscription?
    /// By partition: the count of the last publication; `nil` until the first one after subscribing.
    private var counts: [Int?]

    package init(mailbox: String, logger: Logger) {
        self.mailbox = mailbox
        self.logger = logger
        counts = Array(repeating: nil, count: Partition.count)
    }

    /// Subscribes, and again after each loss, until ``close()``. Must be called on `eventLoop`, once.
    package func start(
        configuration: RedisConfiguration,
        eventLoop: any EventLoop,
        onEvent: @escaping (Event) -> Void
    ) {
        let subscription = RedisSubscription(
            configuration: configuration,
            eventLoop: eventLoop,
            topics: Partition.all.map { Keyspace.topic(of: mailbox, in: $0) },
            logger: logger,
            onMessage: { [weak self] topic, payload in self?.received(payload, in: topic, onEvent) },
            onChange: { [weak self] state in
                guard let self else { return }
                switch state {
                case .subscribed:
                    counts = Array(repeating: nil, count: Partition.count)
                    onEvent(.subscribed)
                case .lost: onEvent(.lost)
                }
            }
        )
        self.subscription = subscription
        subscription.start()
    }

    private func received(_ payload: ByteBuffer, in topic: Int, _ onEvent: (Event) -> Void) {
        guard let (count, publication) = Publication.read(payload) else {
            logger.warning("A publication could not be read", metadata: ["mailbox": "\(mailbox)"])
            return onEvent(.gap(Partition(topic)))
        }
        let last = counts[topic]
        counts[topic] = count
        if let publication { onEvent(.publication(publication)) }
        if let last, count != last + 1 { onEvent(.gap(Partition(topic))) }
    }

    package var isSubscribed: Bool { subscription?.isSubscribed ?? false }

    package func close(on eventLoop: any EventLoop) -> EventLoopFuture<Void> {
        subscription?.close() ?? eventLoop.makeSucceededVoidFuture()
    }
}
