import Logging
import NIOCore

/// ``RedisSubscription`` to a Redis Cluster: one ``RedisShardSubscription`` for each primary that has a slot of its topics,
/// and topics that follow their slots.
///
/// Redis says when a slot leaves a server; the scout asks from time to time all the same.
///
/// Owned by its event loop: every method must be called there, and callbacks run there.
// @unchecked, guarded by the event loop: all state is read and written there only.
final class RedisClusterSubscription: @unchecked Sendable {
    private let configuration: RedisConfiguration
    private let eventLoop: any EventLoop
    private let logger: Logger
    private let topics: [String]
    private let slots: [Int]
    private let table: RedisTopicTable
    private let onMessage: (_ topicIndex: Int, _ payload: ByteBuffer) -> Void
    private let onTopic: (_ topicIndex: Int) -> Void
    private let onChange: (RedisSubscription.State) -> Void
    private var scout: RedisClusterScout?
    private var shards: [RedisEndpoint: RedisShardSubscription] = [:]
    /// By topic: where it is subscribed, or will be; and whether it is.
    private var homes: [RedisShardSubscription?]
    private var isConfirmed: [Bool]
    private var confirmedCount = 0
    private(set) var isSubscribed = false

    init(
        configuration: RedisConfiguration,
        seeds: [RedisEndpoint],
        eventLoop: any EventLoop,
        topics: [String],
        logger: Logger,
        onMessage: @escaping (_ topicIndex: Int, _ payload: ByteBuffer) -> Void,
        onTopic: @escaping (_ topicIndex: Int) -> Void,
        onChange: @escaping (RedisSubscription.State) -> Void
    ) {
        self.configuration = configuration
        self.eventLoop = eventLoop
        self.logger = logger
        self.topics = topics
        self.slots = topics.map { RedisSlot.of($0) }
        self.table = RedisTopicTable(topics)
        self.homes = Array(repeating: nil, count: topics.count)
        self.isConfirmed = Array(repeating: false, count: topics.count)
        self.onMessage = onMessage
        self.onTopic = onTopic
        self.onChange = onChange
        scout = RedisClusterScout(
            configuration: configuration,
            seeds: seeds,
            eventLoop: eventLoop,
            logger: logger,
            onMap: { [weak self] in self?.apply($0) },
            onFailure: { _ in }
        )
    }

    func isSubscribed(_ topic: Int) -> Bool { isConfirmed[topic] }

    func start() {
        eventLoop.preconditionInEventLoop()
        scout?.start()
    }

    func close() -> EventLoopFuture<Void> {
        eventLoop.preconditionInEventLoop()
        scout?.close()
        scout = nil
        isSubscribed = false
        let shards = self.shards.values
        self.shards = [:]
        return .andAllComplete(shards.map { $0.close() }, on: eventLoop)
    }

    // MARK: - Topics to servers

    private func apply(_ map: RedisClusterMap) {
        guard scout != nil else { return }
        for (topic, slot) in slots.enumerated() {
            guard let primary = map.primary(of: slot) else { continue }
            if homes[topic]?.endpoint == primary { continue }
            unconfirm(topic, RedisError(.disconnected, "A topic's slot has moved to \(primary).", mayHaveRun: true))
            homes[topic]?.unsubscribe(from: topic)
            let home = shard(primary, for: topic)
            homes[topic] = home
            home.subscribe(to: topic)
        }
        for (endpoint, shard) in shards where shard.wanted.isEmpty {
            shards[endpoint] = nil
            shard.close().whenComplete { _ in }
        }
    }

    private func shard(_ endpoint: RedisEndpoint, for topic: Int) -> RedisShardSubscription {
        if let shard = shards[endpoint] {
            if !shard.moved.contains(topic) { return shard }
            // It said that the slot has left it, and somebody says that it has not. A primary that became a replica says
            // so, and would still accept the topic, but it is the new primary that counts who listens. To connect anew
            // is to ask which it is.
            for topic in shard.wanted {
                homes[topic] = nil
                unconfirm(topic, RedisError(.disconnected, "Connects anew to \(endpoint).", mayHaveRun: true))
            }
            shards[endpoint] = nil
            shard.close().whenComplete { _ in }
            scout?.refresh()
        }
        let shard = RedisShardSubscription(
            endpoint: endpoint,
            configuration: configuration,
            eventLoop: eventLoop,
            topics: topics,
            table: table,
            logger: logger,
            onEvent: { [weak self] shard, event in self?.received(event, from: shard) }
        )
        shards[endpoint] = shard
        shard.start()
        return shard
    }

    private func received(_ event: RedisShardSubscription.Event, from shard: RedisShardSubscription) {
        guard shards[shard.endpoint] === shard else { return }
        switch event {
        case .message(let topic, let payload):
            onMessage(topic, payload)
        case .confirmed(let topic):
            guard homes[topic] === shard, !isConfirmed[topic] else { return }
            isConfirmed[topic] = true
            confirmedCount += 1
            guard confirmedCount == topics.count else { return onTopic(topic) }
            isSubscribed = true
            // What was told may have been old; one more look shows it.
            scout?.refresh()
            onChange(.subscribed)
        case .moved(let topic):
            guard homes[topic] === shard else { return }
            homes[topic] = nil
            scout?.refresh()
            unconfirm(topic, RedisError(.disconnected, "A topic's slot has left \(shard.endpoint).", mayHaveRun: true))
        case .lost(let error):
            scout?.refresh()
            for topic in topics.indices where homes[topic] === shard { unconfirm(topic, error) }
        }
    }

    private func unconfirm(_ topic: Int, _ error: RedisError) {
        guard isConfirmed[topic] else { return }
        isConfirmed[topic] = false
        confirmedCount -= 1
        guard isSubscribed else { return }
        isSubscribed = false
        onChange(.lost(error))
    }
}
