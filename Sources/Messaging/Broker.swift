package import Hiredis
package import Logging
package import NIOCore

/// Reads one event loop's mailbox: subscribes to it in all partitions, decodes what arrives, and sees gaps.
///
/// Pub/sub may lose anything. Each publication carries its mailbox's count in that partition; where the count is not the
/// one after the last, something was lost and the log has to be read: of all partitions, as messages of several may have left
/// together. Each second a tick goes the long way round, through
/// the command connection into Redis and back over the subscription: it tells the count again, so that a lost last
/// publication is missed too, and if it does not come back, the subscription is deaf, whatever TCP says, and is replaced.
///
/// On a Redis Cluster each partition is for itself: while one server is away, those of the others go on, and what was lost
/// was of this partition.
///
/// Owner: the event loop.
package final class Broker {
    /// What happened, told on the event loop.
    package enum Event {
        case publication(Publication)
        /// Publications of this partition were lost, or routes to this mailbox were; `nil`: of any.
        case gap(Partition?)
        /// All topics are subscribed; what was published before is lost.
        case subscribed
        /// This partition's topic is, while others are not; as above.
        case heard(Partition)
        case lost
    }

    /// For tests of the tests only: what this broker does not do, or loses.
    package struct Weaknesses: Sendable {
        package var keepsDeafSubscription = false
        package var lease = Broker.lease
        /// What holds this counts as lost on the way.
        package var discardedWord: String?
    }

    package var weaknesses = Weaknesses()
    /// `GATEWAY.LOOP`.
    package let mailbox: String
    private let redis: RedisConnection
    private let configuration: RedisConfiguration
    private let logger: Logger
    private var onEvent: (Event) -> Void = { _ in }
    private var subscription: RedisSubscription?
    /// By partition: the count of the last publication or tick.
    private var counts = Array(repeating: 0, count: Partition.count)
    /// By partition: how many ticks were sent; the last that came back; those after it that Redis took.
    private var sentTicks = Array(repeating: 0, count: Partition.count)
    private var lastTickBack = Array(repeating: 0, count: Partition.count)
    private var missingTicks = [[Int]](repeating: [], count: Partition.count)
    /// By partition: whether Redis knew this mailbox at the last tick.
    private var isKnown = Array(repeating: false, count: Partition.count)
    /// Counts what arrived, and what had when Redis last answered a tick.
    private var heard = 0
    private var heardAtAnswer = 0
    /// When the first partition's tick left that has not come back; how long the last one took that did.
    private var tickLeft: NIODeadline?
    private var tickTook = TimeAmount.zero
    private var lastTick = NIODeadline.now()

    /// A gateway that gave no sign for so long is dead: its connections count as gone.
    package static let lease = Duration.seconds(5)
    /// How long after it was sent a tick should be back.
    private static let tickTime = TimeAmount.milliseconds(500)
    /// A subscription on which nothing arrives any more is deaf when so many ticks are missing: a few may get lost.
    private static let maxLostTicks = 3
    /// One topic alone, or those of one server, are deaf when so many ticks in a row are missing.
    private static let maxMissingTicks = 2
    /// An event loop that was held up for so long did not listen.
    private static let heldUp = TimeAmount.milliseconds(1800)
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
            onTopic: { [weak self] topic in
                self?.forgetTicks(topic)
                self?.onEvent(.heard(Partition(topic)))
            },
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
        defer { subscription = nil }
        return subscription?.close() ?? redis.eventLoop.makeSucceededVoidFuture()
    }

    /// Whether whatever part of Redis takes commands is heard as well, and there is one.
    package var hearsWhatItReaches: Bool {
        guard let subscription else { return false }
        let reached = Partition.all.filter { redis.isReady(for: Keyspace.prefix($0)) }
        return !reached.isEmpty && reached.allSatisfy { subscription.isSubscribed($0.number) }
    }

    private func forgetTicks() {
        for index in missingTicks.indices { forgetTicks(index) }
    }

    /// Those under way may come back or not.
    private func forgetTicks(_ topic: Int) {
        missingTicks[topic].removeAll()
        lastTickBack[topic] = sentTicks[topic]
    }

    private func received(_ payload: ByteBuffer, in topic: Int) {
        if let word = weaknesses.discardedWord, String(buffer: payload).contains(word) { return }
        heard += 1
        var isTick = false
        let count = Publication.read(payload) { item in
            guard case .tick(let number) = item else { return onEvent(.publication(item)) }
            isTick = true
            tickIsBack(number, in: topic)
        }
        guard let count else {
            logger.warning("A publication could not be read", metadata: ["mailbox": "\(mailbox)"])
            return missed(in: topic)
        }
        let expected = counts[topic] + (isTick ? 0 : 1)
        counts[topic] = count
        if count != expected { missed(in: topic) }
    }

    private func tickIsBack(_ number: Int, in topic: Int) {
        lastTickBack[topic] = max(lastTickBack[topic], number)
        missingTicks[topic].removeAll { $0 <= number }
        if topic == 0, let left = tickLeft {
            tickTook = .now() - left
            tickLeft = nil
        }
    }

    private func missed(in topic: Int) { onEvent(.gap(redis.isOfCluster ? Partition(topic) : nil)) }

    /// How long a publication takes from here into Redis and back, by the last tick.
    package var lag: TimeAmount { tickLeft.map { max(tickTook, .now() - $0) } ?? tickTook }

    /// To be called once a second, and whenever there is reason to doubt that all is heard.
    ///
    /// - Parameter witnesses: for each partition somebody who must have a route to this mailbox: chosen by chance, so that
    ///   routes that got lost, for whatever reason, are missed sooner or later.
    package func tick(witnesses: (Partition) -> (customer: UniqueID?, agent: UniqueID?) = { _ in (nil, nil) }) {
        if lastTick + Self.heldUp < .now() { forgetTicks() }
        lastTick = .now()
        guard let subscription else { return }
        let judgement = lastTick + Self.tickTime
        tickLeft = tickLeft ?? lastTick
        for partition in Partition.all {
            let prefix = Keyspace.prefix(partition)
            guard subscription.isSubscribed(partition.number), redis.isReady(for: prefix) else { continue }
            var command = RedisCommand(evaluating: Scripts.tick, keys: [prefix])
            command.append(mailbox)
            command.append(Int(weaknesses.lease.components.seconds) * 1000)
            command.append(Self.maxBuried)
            let witness = witnesses(partition)
            command.append(witness.customer?.description ?? "")
            command.append(witness.agent?.description ?? "")
            sentTicks[partition.number] += 1
            let number = sentTicks[partition.number]
            command.append(number)
            redis.send(command) { [weak self] result in
                // Redis away is the command connection's matter, and no sign of deafness.
                guard let self, case .success(let reply) = result else { return }
                if number > lastTickBack[partition.number] { missingTicks[partition.number].append(number) }
                heardAtAnswer = heard
                let knew = reply == .integer(1)
                if !knew, isKnown[partition.number] { onEvent(.gap(partition)) }
                isKnown[partition.number] = true
            }
        }
        redis.eventLoop.assumeIsolated().scheduleTask(deadline: judgement) { [weak self] in
            self?.judge(subscription, due: judgement)
        }
    }

    /// Replaces the subscription if it is deaf.
    private func judge(_ subscription: RedisSubscription, due: NIODeadline) {
        guard subscription === self.subscription else { return }
        // A loop that is late has not listened.
        let isLate = due + .milliseconds(300) < .now()
        let isSilent = heard == heardAtAnswer && missingTicks.count { !$0.isEmpty } >= Self.maxLostTicks
        guard isSilent && !isLate || missingTicks.contains(where: { $0.count >= Self.maxMissingTicks }) else { return }
        guard !weaknesses.keepsDeafSubscription else { return }
        logger.warning("The subscription is deaf and is replaced", metadata: ["mailbox": "\(mailbox)"])
        forgetTicks()
        subscription.close().whenComplete { _ in }
        subscribe()
        onEvent(.lost)
    }
}
