import Hiredis
import Logging
import Messaging
import NIOCore

/// The connections of one event loop: who they are, what is published for them, and what happens to them in time.
///
/// Owner: its event loop. Only ``GatewayHubs`` is called from elsewhere.
// @unchecked, guarded by `eventLoop`: all mutable state is read and written there only.
final class Hub: @unchecked Sendable {
    let eventLoop: any EventLoop
    let mailbox: String
    let log: MessageLog
    let configuration: Configuration
    let logger: Logger
    let broker: Broker
    private let redis: RedisConnection

    var connections: [Int: Connection] = [:]
    var customers: [UniqueID: [Connection]] = [:]
    var agents: [UniqueID: [Connection]] = [:]
    /// Begins with the time, so that no number comes twice although the mailbox keeps its name over a restart: a number is
    /// in the log, as the origin of a message.
    private var lastNumber = Timestamp.now.milliseconds * 1000

    /// Connections by the second of the heartbeat period in which they get theirs.
    private var heartbeats: [Set<Int>]
    /// Connections by the second (since 1970) in which their token ends. A sweep sets the time for those of the next one.
    private var expiries: [Int: Set<Int>] = [:]
    private var sweeping: RepeatedTask?
    private(set) var isDraining = false
    /// What this hub tells of itself.
    var figures = HubFigures()
    /// While draining: fulfilled when no connection is left.
    private var drained: EventLoopPromise<Void>?
    private var lastSweep = Timestamp.now.milliseconds / 1000
    /// Connections that miss something, to be looked at in the next sweep.
    private var neglected: Set<Int> = []
    /// Connections that are gone, by their principal, while Redis does not know it.
    private var goneUnsaid: [UniqueID: Connection] = [:]
    /// Connections that delivered or were told something since their last confirmation: whose turn it is when this turn of
    /// the loop ends, and whose it is later.
    var unconfirmed: [Connection] = []
    var confirmations = TimingWheel<Connection>(slot: .milliseconds(10), span: confirmationInterval)
    var areConfirmationsScheduled = false
    /// Requests of clients that are under way, and connections whose next ones have to wait, in order.
    private var requests = 0
    private var awaitingRoom = CircularBuffer<Connection>()
    private var isGivingRoom = false
    /// Sockets that were written to in this turn of the loop.
    private var written: [WebSocketHandler] = []
    private var isEndOfTurnScheduled = false

    /// How long, at most, deliveries are gathered before one ping tells the client its position, and acknowledgements
    /// before they are saved.
    static let confirmationInterval = TimeAmount.milliseconds(250)
    /// Requests of this hub's clients that are under way at once. Past it none of them is read until some are answered: a
    /// burst has to wait in front of Redis, where a command has ``COMMAND_TIMEOUT_MS``, not behind.
    static let maxRequests = 1024
    /// How often some of the clients are sent away while draining.
    static let drainInterval = TimeAmount.milliseconds(50)

    init(
        eventLoop: any EventLoop,
        mailbox: String,
        redis: RedisConnection,
        redisConfiguration: RedisConfiguration,
        configuration: Configuration,
        logger: Logger
    ) {
        self.eventLoop = eventLoop
        self.mailbox = mailbox
        self.configuration = configuration
        self.logger = logger
        self.redis = redis
        var log = MessageLog(
            redis: redis,
            limits: .init(
                log: configuration.conversationLogLimit,
                conversationsPerCustomer: configuration.maxConversationsPerCustomer
            )
        )
        log.ignoresRestarts = configuration.lacks(.generation)
        self.log = log
        broker = Broker(mailbox: mailbox, redis: redis, configuration: redisConfiguration, logger: logger)
        broker.weaknesses.keepsDeafSubscription = configuration.lacks(.deafness)
        broker.weaknesses.discardedWord = configuration.discardedWord
        if configuration.lacks(.lease) { broker.weaknesses.lease = .seconds(1_000_000) }
        heartbeats = Array(repeating: [], count: max(1, configuration.heartbeatSeconds))
    }

    private var onReadiness: (Bool) -> Void = { _ in }
    private var wasReady = false
    /// Partitions whose topics were confirmed again in this turn of the loop.
    private var heard: Set<Partition> = []

    /// - Parameter onReadiness: told when this hub becomes ready to serve clients, and when it no longer is.
    func start(onReadiness: @escaping (Bool) -> Void) {
        self.onReadiness = onReadiness
        broker.start { [weak self] in self?.handle($0) }
        redis.onServerChange = { [weak self] in self?.serverChanged(isOpen: $0) }
        sweeping = eventLoop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { [self] _ in sweep() }
    }

    func stop() -> EventLoopFuture<Void> {
        sweeping?.cancel()
        redis.onServerChange = { _ in }
        log.removeFigures(of: mailbox)
        return broker.close()
    }

    func noteReadiness() {
        let isReady = broker.hearsWhatItReaches
        guard isReady != wasReady else { return }
        wasReady = isReady
        onReadiness(isReady)
    }

    /// Tells Redis that this mailbox lives, and finds out whether it hears.
    func tick() {
        guard !configuration.lacks(.tick) else { return }
        // In each partition whoever has the smallest number, by an order of chance.
        let order = UInt64.random(in: .min ... .max)
        var witnesses = [UniqueID?](repeating: nil, count: Partition.count)
        for customer in customers.keys {
            let number = customer.partition.number
            if let other = witnesses[number], other.low ^ order < customer.low ^ order { continue }
            witnesses[number] = customer
        }
        let agent = agents.keys.randomElement()
        broker.tick { (witnesses[$0.number], agent) }
    }

    /// Topics of one server of a Redis Cluster are confirmed again, one after the other in one turn of the loop.
    func heardAgain(_ partition: Partition) {
        if heard.isEmpty {
            eventLoop.execute { [self] in
                let partitions = heard
                heard = []
                noteReadiness()
                // First of all, as after `.subscribed`.
                tick()
                for partition in partitions { handle(.gap(partition)) }
            }
        }
        heard.insert(partition)
    }

    /// Not left to the next sweep: whatever failed meanwhile waits for this.
    private func serverChanged(isOpen: Bool) {
        noteReadiness()
        guard isOpen else { return }
        tick()
        repairNeglected()
    }

    // MARK: Connections

    func makeConnection(token: AuthenticatedToken, address: NetworkAddress, dialect: Dialect) -> Connection {
        lastNumber += 1
        return Connection(hub: self, number: lastNumber, token: token, address: address, dialect: dialect)
    }

    func add(_ connection: Connection) {
        connections[connection.number] = connection
        if connection.principal.isAgent {
            agents[connection.principal.id, default: []].append(connection)
        } else {
            customers[connection.principal.id, default: []].append(connection)
        }
        heartbeats[connection.number % heartbeats.count].insert(connection.number)
        // A token that ended during the handshake, or is about to, ends in the next sweep.
        connection.expirySecond = max(second(of: connection), lastSweep + 2)
        expiries[connection.expirySecond, default: []].insert(connection.number)
        // Its handshake was under way when the draining began.
        if isDraining { drain(connection) }
    }

    func remove(_ connection: Connection) {
        connections[connection.number] = nil
        let id = connection.principal.id
        if connection.principal.isAgent {
            agents[id]?.removeAll { $0 === connection }
            if agents[id]?.isEmpty == true { agents[id] = nil }
        } else {
            customers[id]?.removeAll { $0 === connection }
            if customers[id]?.isEmpty == true { customers[id] = nil }
        }
        heartbeats[connection.number % heartbeats.count].remove(connection.number)
        let second = connection.expirySecond
        expiries[second]?.remove(connection.number)
        if expiries[second]?.isEmpty == true { expiries[second] = nil }
        neglected.remove(connection.number)
        sayGone(connection)
        if connections.isEmpty { endDraining() }
    }

    /// The routes must not outlive the connections: this mailbox lives on, so nobody would find out that it has none of
    /// that customer any more. Until Redis knows, each sweep tells it again.
    private func sayGone(_ connection: Connection) {
        register(connection, in: connection.partitions, listing: false) { [weak self] _, result in
            if case .failure = result { self?.goneUnsaid[connection.principal.id] = connection }
        }
    }

    private func second(of connection: Connection) -> Int { connection.token.expiresAt.milliseconds / 1000 }

    /// Writes how many connections of this principal are here; `completion` is called once for each of `partitions`.
    func register(
        _ connection: Connection,
        in partitions: [Partition],
        listing: Bool = true,
        details: Bool = false,
        _ completion: @escaping (Partition, Result<[ConversationPosition], MessagingError>) -> Void
    ) {
        let id = connection.principal.id
        let here = (connection.principal.isAgent ? agents[id] : customers[id]) ?? []
        let full = here.count { $0.dialect == .full }
        if connection.principal.isAgent {
            for partition in partitions {
                log.registerAgent(
                    id,
                    in: mailbox,
                    connections: here.count,
                    full: full,
                    listing: listing,
                    details: details,
                    partitions: [partition]
                ) { completion(partition, $0) }
            }
        } else {
            log.registerCustomer(
                id,
                in: mailbox,
                connections: here.count,
                full: full,
                listing: listing,
                details: details
            ) { completion(id.partition, $0) }
        }
    }

    // MARK: Time

    // MARK: Turns

    func endTurn(of socket: WebSocketHandler) {
        written.append(socket)
        scheduleEndOfTurn()
    }

    /// One task of the loop for all connections that something happened on in this turn of it.
    func scheduleEndOfTurn() {
        guard !isEndOfTurnScheduled else { return }
        isEndOfTurnScheduled = true
        eventLoop.execute { [self] in
            isEndOfTurnScheduled = false
            confirmUnconfirmed()
            let sockets = written
            written = []
            for socket in sockets { socket.endTurn() }
        }
    }

    // MARK: Room

    /// Whether a client's request may be taken.
    var hasRoom: Bool { requests < Self.maxRequests }

    /// `connection` has something to take once there is room.
    func awaitRoom(_ connection: Connection) {
        guard !connection.isAwaitingRoom else { return }
        connection.isAwaitingRoom = true
        awaitingRoom.append(connection)
    }

    func began() { requests += 1 }

    func finished() {
        requests -= 1
        guard !isGivingRoom, !awaitingRoom.isEmpty else { return }
        // What is refused at once finishes in here.
        isGivingRoom = true
        while hasRoom, let next = awaitingRoom.popFirst() {
            next.isAwaitingRoom = false
            next.takeMore()
        }
        isGivingRoom = false
    }

    /// `connection` misses something that should come by itself; the next sweep looks whether it did.
    func lookAfter(_ connection: Connection) { neglected.insert(connection.number) }

    /// Once a second: heartbeats, ended tokens, a tick, gaps that lasted.
    private func sweep() {
        let milliseconds = Timestamp.now.milliseconds
        let now = milliseconds / 1000
        // The clock may have been set, or the loop held up: no second is left out, and none comes twice.
        let missed = max(0, now - lastSweep)
        let ending = missed <= 60 ? (0..<missed).map { now + 1 - $0 } : expiries.keys.filter { $0 <= now + 1 }
        for second in ending {
            for number in expiries[second] ?? [] { endInTime(number, at: milliseconds) }
        }
        for offset in 0..<min(missed, heartbeats.count) {
            for number in heartbeats[(now - offset) % heartbeats.count] { connections[number]?.heartbeat() }
        }
        lastSweep = now
        tellFigures()
        tick()
        noteReadiness()

        for (id, connection) in goneUnsaid.prefix(1000) {
            goneUnsaid[id] = nil
            sayGone(connection)
        }

        repairNeglected()
    }

    private func repairNeglected() {
        let numbers = neglected
        neglected = []
        for number in numbers { connections[number]?.repair() }
    }

    /// Closes a connection when its token's time is over, neither before nor a second later.
    private func endInTime(_ number: Int, at now: Int) {
        guard let expiry = connections[number]?.token.expiresAt.milliseconds else { return }
        eventLoop.scheduleTask(in: .milliseconds(Int64(max(0, expiry - now)))) { [self] in
            connections[number]?.close(.expired)
        }
    }

    /// Sends every client away, evenly over `duration`, each once what it sent is stored.
    /// - Returns: When no connection is left.
    func drain(over duration: TimeAmount) -> EventLoopFuture<Void> {
        isDraining = true
        let drained = eventLoop.makePromise(of: Void.self)
        self.drained = drained
        let all = Array(connections.values)
        let rounds = max(1, min(all.count / 50, Int(duration.nanoseconds / Self.drainInterval.nanoseconds)))
        drain(all[...], atOnce: (all.count + rounds - 1) / rounds)
        return drained.futureResult
    }

    /// Sends one client away, to come back a moment from now, but not in the same moment as all others.
    private func drain(_ connection: Connection) {
        connection.drain(retryAfterMilliseconds: Int.random(in: 0...2000))
    }

    private func drain(_ rest: ArraySlice<Connection>, atOnce count: Int) {
        for connection in rest.prefix(count) { drain(connection) }
        let rest = rest.dropFirst(count)
        if rest.isEmpty {
            if connections.isEmpty { endDraining() }
        } else {
            eventLoop.scheduleTask(in: Self.drainInterval) { [self] in drain(rest, atOnce: count) }
        }
    }

    private func endDraining() {
        drained?.succeed()
        drained = nil
    }

    /// Closes what is left, whatever it was doing.
    func closeAll() {
        for connection in connections.values { connection.close(.draining) }
    }
}
