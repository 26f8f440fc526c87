import Logging
import NIOCore

/// ``RedisSubscription`` to one Redis: `SUBSCRIBE`.
///
/// Owned by its event loop: every method must be called there, and callbacks run there.
// @unchecked, guarded by the event loop: all state is read and written there only.
final class RedisNodeSubscription: @unchecked Sendable {
    /// Whether Redis has confirmed all topics on the connection as it is now.
    private(set) var isSubscribed = false

    private let configuration: RedisConfiguration
    private let link: RedisLink<RedisNodeSubscription>
    private let topics: [String]
    private let table: RedisTopicTable
    private let allocator = ByteBufferAllocator()
    private let onMessage: (_ topicIndex: Int, _ payload: ByteBuffer) -> Void
    private let onChange: (RedisSubscription.State) -> Void
    private var confirmed = 0
    /// Whether anything came since the last question for a sign of life.
    private var heard = true
    private var heartbeat: RepeatedTask?
    private var confirmation: Scheduled<Void>?
    private var isClosed = false

    init(
        configuration: RedisConfiguration,
        eventLoop: any EventLoop,
        topics: [String],
        logger: Logger,
        onMessage: @escaping (_ topicIndex: Int, _ payload: ByteBuffer) -> Void,
        onChange: @escaping (RedisSubscription.State) -> Void
    ) {
        self.configuration = configuration
        self.topics = topics
        self.table = RedisTopicTable(topics)
        self.link = RedisLink(configuration: configuration, eventLoop: eventLoop, logger: logger)
        self.onMessage = onMessage
        self.onChange = onChange
    }

    func start() {
        link.eventLoop.preconditionInEventLoop()
        link.start(owner: self)
    }

    func close() -> EventLoopFuture<Void> {
        link.eventLoop.preconditionInEventLoop()
        isClosed = true
        return link.close()
    }

    private func write(_ command: RedisCommand) {
        var buffer = ByteBuffer()
        guard HiredisEncoder.append(command, to: &buffer) else {
            return link.drop(RedisError(.unavailable, "There is no memory to subscribe.", mayHaveRun: false))
        }
        link.write(buffer)
    }

    private func expectConfirmed() {
        guard !isSubscribed else { return }
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

extension RedisNodeSubscription: RedisLinkOwner {
    func linkOpened(_ socket: HiredisSocket) {
        confirmed = 0
        // The confirmation of the topics is the first sign of life that is due.
        heard = false
        let interval = TimeAmount(configuration.subscriptionPingInterval)
        heartbeat = link.eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in self.beat() }
        confirmation = link.eventLoop.scheduleTask(in: TimeAmount(configuration.connectTimeout)) {
            self.expectConfirmed()
        }
        var command = RedisCommand("SUBSCRIBE")
        for topic in topics { command.append(topic) }
        write(command)
    }

    func linkReceived(_ reply: HiredisReply) {
        heard = true
        guard let kind = reply.element(0)?.bytes else {
            return unexpected(reply)
        }
        // RESP2: [message, topic, payload], [subscribe, topic, number], [pong, ""].
        if kind.elementsEqual("message".utf8), let topic = reply.element(1)?.bytes,
            let payload = reply.element(2)?.bytes
        {
            guard let index = table.index(of: topic) else { return }
            var buffer = allocator.buffer(capacity: payload.count)
            buffer.writeBytes(payload)
            onMessage(index, buffer)
        } else if kind.elementsEqual("subscribe".utf8) {
            confirmed += 1
            if confirmed == topics.count {
                isSubscribed = true
                onChange(.subscribed)
            }
        } else if !kind.elementsEqual("pong".utf8) {
            unexpected(reply)
        }
    }

    /// Most likely an error, such as `NOPERM`: this user may not subscribe to a topic.
    private func unexpected(_ reply: HiredisReply) {
        if case .failure(let error) = reply.result() { return link.drop(error) }
        link.drop(RedisError(.protocolViolation, "Redis sent what is no publication.", mayHaveRun: true))
    }

    func linkLost(_ error: RedisError) {
        heartbeat?.cancel()
        heartbeat = nil
        confirmation?.cancel()
        guard isSubscribed else { return }
        isSubscribed = false
        if !isClosed { onChange(.lost(error)) }
    }

    func linkFailed(_ error: RedisError) {}
}
