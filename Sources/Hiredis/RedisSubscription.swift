package import Logging
package import NIOCore

/// A standing subscription of one event loop, on a connection of its own. It connects and subscribes again for ever.
///
/// It is always read, however slow its listeners are: Redis cuts a subscriber off when 32 MB wait for it. What is
/// published while it is lost, is lost; after each `.subscribed` look into the log for what was missed.
///
/// Every `subscriptionPingInterval` it asks Redis for a sign of life; silence until the next time ends the connection,
/// so that a half-open one is noticed.
///
/// On a Redis Cluster it is sharded: each topic is subscribed (`SSUBSCRIBE`) at the primary that has its slot, and must be
/// published with `SPUBLISH`.
///
/// Owned by its event loop: every method must be called there, and callbacks run there.
// @unchecked, guarded by the event loop: all state is read and written there only.
package final class RedisSubscription: @unchecked Sendable {
    package enum State: Sendable {
        /// All topics are confirmed. Said once after each loss.
        case subscribed
        /// What was subscribed is no more; on a Redis Cluster, some of it. Said once for each `.subscribed`, but not after
        /// ``close()``.
        case lost(RedisError)
    }

    private enum Target {
        case one(RedisNodeSubscription)
        case cluster(RedisClusterSubscription)
    }

    private let target: Target

    /// - Parameters:
    ///   - topics: At least one; each has the index of its place.
    ///   - onMessage: For each publication; those of one topic in the order in which Redis sent them.
    ///   - onTopic: On a Redis Cluster: this topic is confirmed (again), while others are not. Its server may be there while
    ///     others are away.
    package init(
        configuration: RedisConfiguration,
        eventLoop: any EventLoop,
        topics: [String],
        logger: Logger,
        onMessage: @escaping (_ topicIndex: Int, _ payload: ByteBuffer) -> Void,
        onTopic: @escaping (_ topicIndex: Int) -> Void = { _ in },
        onChange: @escaping (RedisSubscription.State) -> Void
    ) {
        precondition(!topics.isEmpty, "A subscription needs a topic.")
        if case .cluster(let seeds) = configuration.address {
            target = .cluster(
                RedisClusterSubscription(
                    configuration: configuration,
                    seeds: seeds,
                    eventLoop: eventLoop,
                    topics: topics,
                    logger: logger,
                    onMessage: onMessage,
                    onTopic: onTopic,
                    onChange: onChange
                )
            )
        } else {
            target = .one(
                RedisNodeSubscription(
                    configuration: configuration,
                    eventLoop: eventLoop,
                    topics: topics,
                    logger: logger,
                    onMessage: onMessage,
                    onChange: onChange
                )
            )
        }
    }

    /// Whether Redis has confirmed all topics on the connections as they are now.
    package var isSubscribed: Bool {
        switch target {
        case .one(let subscription): subscription.isSubscribed
        case .cluster(let subscription): subscription.isSubscribed
        }
    }

    /// Whether Redis has confirmed this topic on the connection as it is now.
    package func isSubscribed(_ topicIndex: Int) -> Bool {
        switch target {
        case .one(let subscription): subscription.isSubscribed
        case .cluster(let subscription): subscription.isSubscribed(topicIndex)
        }
    }

    package func start() {
        switch target {
        case .one(let subscription): subscription.start()
        case .cluster(let subscription): subscription.start()
        }
    }

    /// Closes for good; no callback comes afterwards.
    package func close() -> EventLoopFuture<Void> {
        switch target {
        case .one(let subscription): subscription.close()
        case .cluster(let subscription): subscription.close()
        }
    }
}
