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
/// Owned by its event loop: every method must be called there, and callbacks run there.
// @unchecked: all state is read and written on the event loop only.
package final class RedisSubscription: @unchecked Sendable {
    package enum State: Sendable {
        /// All topics are confirmed. Said once after each connect.
        case subscribed
        /// What was subscribed is no more. Said once for each `.subscribed`, but not after ``close()``.
        case lost(RedisError)
    }

    /// Whether Redis has confirmed all topics on the connection as it is now.
    package private(set) var isSubscribed = false

    private let configuration: RedisConfiguration
    private let link: RedisLink<RedisSubscription>
    private let topics: [String]
    private let table: RedisTopicTable
    private let allocator = ByteBufferAllocator()
    private let onMessage: (_ topicIndex: Int, _ payload: ByteBuffer) -> Void
    private let onChange: (State) -> Void
    private var confirmed = 0
    /// Whether anything came since the last question for a sign of life.
    private var heard = true
    private var heartbeat: RepeatedTask?
    private var isClosed = false

    /// - Parameters:
    ///   - topics: At least one; each has the index of its place.
    ///   - onMessage: For each publication, in the order in which Redis sent them.
    package init(
        configuration: RedisConfiguration,
        eventLoop: any EventLoop,
        topics: [String],
        logger: Logger,
        onMessage: @escaping (_ topicIndex: Int, _ payload: ByteBuffer) -> Void,
        onChange: @escaping (RedisSubscription.State) -> Void
    ) {
        precondition(!topics.isEmpty, "A subscription needs a topic.")
        self.configuration = configuration
        self.topics = topics
        self.table = RedisTopicTable(topics)
        self.link = RedisLink(configuration: configuration, eventLoop: eventLoop, logger: logger)
        self.onMessage = onMessage
        self.onChange = onChange
    }

    package func start() {
        link.eventLoop.preconditionInEventLoop()
        link.start(owner: self)
    }

    /// Closes for good; no callback comes afterwards.
    package func close() -> EventLoopFuture<Void> {
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

extension RedisSubscription: RedisLinkOwner {
    func linkOpened(_ socket: HiredisSocket) {
        confirmed = 0
        // The confirmation of the topics is the first sign of life that is due.
        heard = false
        let interval = TimeAmount(configuration.subscriptionPingInterval)
        heartbeat = link.eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in self.beat() }
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
        guard isSubscribed else { return }
        isSubscribed = false
        if !isClosed { onChange(.lost(error)) }
    }

    func linkFailed(_ error: RedisError) {}
}
