import Logging
import NIOCore

/// The part of a subscription to a Redis Cluster that is at one primary: those topics whose slots it has.
///
/// Owned by its event loop: every method must be called there, and callbacks run there.
// @unchecked, guarded by the event loop: all state is read and written there only.
final class RedisShardSubscription: @unchecked Sendable {
    enum Event {
        case message(topic: Int, ByteBuffer)
        case confirmed(topic: Int)
        /// This server does not have the topic's slot, or has it no more. The topic is forgotten here.
        case moved(topic: Int)
        /// The connection, with all that was confirmed on it. It connects again and subscribes to the same topics.
        case lost(RedisError)
    }

    let endpoint: RedisEndpoint
    private let configuration: RedisConfiguration
    private let link: RedisLink<RedisShardSubscription>
    private let topics: [String]
    private let table: RedisTopicTable
    private let allocator = ByteBufferAllocator()
    private let onEvent: (RedisShardSubscription, Event) -> Void
    /// Indexes of the topics that are to be subscribed here.
    private(set) var wanted: Set<Int> = []
    /// Indexes of those of which the server said, on this connection, that it does not have their slots.
    private(set) var moved: Set<Int> = []
    private var confirmed: Set<Int> = []
    /// Whether anything came since the last question for a sign of life.
    private var heard = true
    private var heartbeat: RepeatedTask?
    private var confirmation: Scheduled<Void>?

    /// - Parameter topics: All topics of the subscription.
    init(
        endpoint: RedisEndpoint,
        configuration: RedisConfiguration,
        eventLoop: any EventLoop,
        topics: [String],
        table: RedisTopicTable,
        logger: Logger,
        onEvent: @escaping (RedisShardSubscription, Event) -> Void
    ) {
        var target = configuration
        target.address = .tcp(host: endpoint.host, port: endpoint.port)
        target.isOfCluster = true
        self.endpoint = endpoint
        self.configuration = target
        self.link = RedisLink(configuration: target, eventLoop: eventLoop, logger: logger)
        self.topics = topics
        self.table = table
        self.onEvent = onEvent
    }

    func start() {
        link.start(owner: self)
    }

    func close() -> EventLoopFuture<Void> {
        link.close()
    }

    func subscribe(to topic: Int) {
        guard wanted.insert(topic).inserted, link.isOpen else { return }
        if confirmed.isEmpty { awaitConfirmation() }
        write(RedisCommand("SSUBSCRIBE", topics[topic]))
    }

    func unsubscribe(from topic: Int) {
        guard wanted.remove(topic) != nil else { return }
        confirmed.remove(topic)
        if link.isOpen { write(RedisCommand("SUNSUBSCRIBE", topics[topic])) }
    }

    private func write(_ command: RedisCommand) {
        var buffer = ByteBuffer()
        guard HiredisEncoder.append(command, to: &buffer) else {
            return link.drop(RedisError(.unavailable, "There is no memory to subscribe.", mayHaveRun: false))
        }
        link.write(buffer)
    }

    private func awaitConfirmation() {
        confirmation?.cancel()
        let timeout = TimeAmount(configuration.connectTimeout)
        confirmation = link.eventLoop.scheduleTask(in: timeout) { self.expectConfirmed() }
    }

    private func expectConfirmed() {
        guard confirmed.isEmpty, !wanted.isEmpty else { return }
        let timeout = configuration.connectTimeout
        link.drop(RedisError(.timedOut, "Redis confirmed no subscription within \(timeout).", mayHaveRun: true))
    }

    private func beat() {
        guard heard else {
            let interval = configuration.subscriptionPingInterval
            return link.drop(
                RedisError(.timedOut, "Redis was silent on a subscription for \(interval).", mayHaveRun: true)
            )
        }
        heard = false
        write(RedisCommand("PING"))
    }
}

extension RedisShardSubscription: RedisLinkOwner {
    func linkOpened(_ socket: HiredisSocket) {
        heard = true
        moved.removeAll()
        let interval = TimeAmount(configuration.subscriptionPingInterval)
        heartbeat = link.eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in self.beat() }
        awaitConfirmation()
        // One command each: Redis refuses one for topics of several slots.
        for topic in wanted.sorted() { write(RedisCommand("SSUBSCRIBE", topics[topic])) }
    }

    func linkReceived(_ reply: HiredisReply) {
        heard = true
        if reply.isError { return refused(reply) }
        // RESP2: [smessage, topic, payload], [ssubscribe, topic, number], [sunsubscribe, topic, number]; PING's answer is
        // [pong, ""], or plain PONG while nothing is subscribed.
        guard let kind = reply.element(0)?.bytes, let topic = reply.element(1)?.bytes,
            let index = table.index(of: topic)
        else { return }
        if kind.elementsEqual("smessage".utf8), let payload = reply.element(2)?.bytes {
            var buffer = allocator.buffer(capacity: payload.count)
            buffer.writeBytes(payload)
            onEvent(self, .message(topic: index, buffer))
        } else if kind.elementsEqual("ssubscribe".utf8) {
            if wanted.contains(index), confirmed.insert(index).inserted { onEvent(self, .confirmed(topic: index)) }
        } else if kind.elementsEqual("sunsubscribe".utf8) {
            forget(index)
        }
    }

    private func refused(_ reply: HiredisReply) {
        guard case .failure(let error) = reply.result() else { return }
        guard case .moved(let slot, _) = RedisRedirection(error, from: endpoint) else { return link.drop(error) }
        for topic in wanted.subtracting(confirmed) where RedisSlot.of(topics[topic]) == slot { forget(topic) }
    }

    private func forget(_ topic: Int) {
        guard wanted.remove(topic) != nil else { return }
        confirmed.remove(topic)
        moved.insert(topic)
        onEvent(self, .moved(topic: topic))
    }

    func linkLost(_ error: RedisError) {
        heartbeat?.cancel()
        heartbeat = nil
        confirmation?.cancel()
        confirmed.removeAll()
        onEvent(self, .lost(error))
    }

    func linkFailed(_ error: RedisError) {
        onEvent(self, .lost(error))
    }
}
