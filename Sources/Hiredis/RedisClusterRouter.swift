import Logging
import NIOCore

/// The connections of one event loop to the primaries of a Redis Cluster: sends each command to the one that has the
/// slot of its key, and follows slots that move.
///
/// **Order.** Commands of one slot run in the order in which they were sent, also while the slot moves: a slot's commands
/// are on their way to one server at a time. When that server gives one back, or another has the slot now, all later ones
/// wait here until everything on its way has come back; then they go on together, the oldest first. (Not so for a
/// command that failed: it is its sender's to repeat.) Commands of different slots have no order.
///
/// **Slots that move.** Redis moves a slot key by key. A command of one key goes where the key is (`ASK`). A script may
/// use keys of its partition that it does not name, so it must not run until all are in one place; as the key that it
/// does name never exists, Redis answers each with `ASK` while the slot moves, and it waits here. What has waited for
/// `commandTimeout` fails with `.unavailable` and has not run.
///
/// **Failover.** A primary's connection fails as that to a single Redis does. Meanwhile the others are asked who has its
/// slots.
///
/// Owned by its event loop: every method must be called there, and completions run there.
///
/// Source: [Redis Cluster specification](https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/).
// @unchecked, guarded by `eventLoop`: all state is read and written there only.
final class RedisClusterRouter: @unchecked Sendable {
    private let configuration: RedisConfiguration
    private let eventLoop: any EventLoop
    private let logger: Logger
    private let onChange: @Sendable (RedisConnection.Change) -> Void
    private var scout: RedisClusterScout?
    private var nodes: [RedisEndpoint: RedisClusterNode] = [:]
    /// By slot.
    private var owners = [RedisClusterNode?](repeating: nil, count: RedisSlot.count)
    /// By slot: how many commands have no answer yet, all of them from `places[slot]`.
    private var inFlight = [Int32](repeating: 0, count: RedisSlot.count)
    private var places = [RedisClusterNode?](repeating: nil, count: RedisSlot.count)
    private var inFlightTotal = 0
    private var held: [Int: RedisHeldSlot] = [:]
    private var heldCount = 0
    private var heldBytes = 0
    private var sent: UInt64 = 0
    /// The last map; `nil` until there is one.
    private var map: RedisClusterMap?
    private var wasReady = false
    /// As ``RedisConnection/onServerChange``.
    var onServerChange: (_ isOpen: Bool) -> Void = { _ in }
    private var draining: EventLoopPromise<Void>?

    /// How long a slot rests that could not be served, before one command tries again.
    private static let pause = TimeAmount.milliseconds(20)

    init(
        configuration: RedisConfiguration,
        seeds: [RedisEndpoint],
        eventLoop: any EventLoop,
        logger: Logger,
        onChange: @escaping @Sendable (RedisConnection.Change) -> Void
    ) {
        self.configuration = configuration
        self.eventLoop = eventLoop
        self.logger = logger
        self.onChange = onChange
        scout = RedisClusterScout(
            configuration: configuration,
            seeds: seeds,
            eventLoop: eventLoop,
            logger: logger,
            onMap: { [weak self] in self?.apply($0) },
            onFailure: { [weak self] in self?.onChange(.failed($0)) }
        )
    }

    /// Whether every primary of the cluster has an open connection.
    var isReady: Bool {
        guard draining == nil, let map else { return false }
        return map.primaries.allSatisfy { nodes[$0]?.connection.isReady == true }
    }

    /// Whether the primary that has `key` has an open connection.
    func isReady(for key: String) -> Bool {
        draining == nil && owners[RedisSlot.of(key)]?.connection.isReady == true
    }

    func send(_ command: RedisCommand, _ completion: @escaping RedisConnection.Completion) {
        eventLoop.preconditionInEventLoop()
        guard draining == nil else { return completion(.failure(.closing)) }
        guard let slot = command.slot else {
            guard let node = nodes.values.first(where: \.connection.isReady) else {
                return completion(.failure(.notConnected))
            }
            return node.connection.send(command, completion)
        }
        sent += 1
        route(RedisRoutedCommand(command: command, completion: completion, number: sent), slot)
    }

    // MARK: - One command

    private func route(_ item: RedisRoutedCommand, _ slot: Int) {
        guard held.isEmpty || held[slot] == nil else { return hold(item, slot) }
        guard let owner = owners[slot] else {
            scout?.refresh()
            return item.completion(.failure(item.reason?.asUnavailable ?? .notConnected))
        }
        // Not while others are elsewhere, and not before there was a chance to connect.
        guard !owner.isOpening, inFlight[slot] == 0 || places[slot] === owner else { return hold(item, slot) }
        write(item, slot, owner)
    }

    private func write(_ item: RedisRoutedCommand, _ slot: Int, _ owner: RedisClusterNode) {
        inFlight[slot] += 1
        inFlightTotal += 1
        places[slot] = owner
        owner.connection.send(item.command) { self.answered(item, slot, owner, $0) }
    }

    private func answered(
        _ item: RedisRoutedCommand,
        _ slot: Int,
        _ server: RedisClusterNode,
        _ result: Result<RedisReply, RedisError>
    ) {
        inFlight[slot] -= 1
        inFlightTotal -= 1
        if case .failure(let error) = result, let redirection = RedisRedirection(error, from: server.endpoint) {
            follow(redirection, item, slot, error)
        } else {
            // It was the one to try whether the slot is served again.
            if held[slot]?.mustProbe == true { held[slot]?.mustProbe = false }
            item.completion(result)
        }
        if inFlight[slot] == 0, !held.isEmpty { release(slot) }
        closeIfDrained()
    }

    private func follow(
        _ redirection: RedisRedirection,
        _ item: RedisRoutedCommand,
        _ slot: Int,
        _ error: RedisError
    ) {
        switch redirection {
        case .moved(_, let endpoint):
            scout?.refresh()
            owners[slot] = node(endpoint)
            // Two servers may each take the other for the owner, for a moment.
            giveBack(item, slot, error, pauses: item.detours > 1)
        case .ask(let endpoint):
            let target = node(endpoint)
            guard item.command.script == nil, target.connection.isReady else {
                return giveBack(item, slot, error, pauses: true)
            }
            inFlight[slot] += 1
            inFlightTotal += 1
            target.connection.send(RedisCommand("ASKING")) { _ in }
            target.connection.send(item.command) { self.answered(item, slot, target, $0) }
        case .tryAgain:
            giveBack(item, slot, error, pauses: true)
        }
    }

    // MARK: - Slots that are held

    private func giveBack(_ item: RedisRoutedCommand, _ slot: Int, _ error: RedisError, pauses: Bool) {
        var item = item
        item.detours += 1
        item.reason = error
        hold(item, slot)
        guard pauses, held[slot] != nil, held[slot]?.pause == nil else { return }
        held[slot]?.mustProbe = true
        held[slot]?.pause = eventLoop.scheduleTask(in: RedisClusterRouter.pause) {
            self.held[slot]?.pause = nil
            self.release(slot)
        }
    }

    private func hold(_ item: RedisRoutedCommand, _ slot: Int) {
        let bytes = item.command.storage.count
        let hasRoom = heldCount < configuration.maxQueuedCommands && bytes <= configuration.maxQueuedBytes - heldBytes
        guard hasRoom else { return item.completion(.failure(.queueFull)) }
        var item = item
        item.deadline = item.deadline ?? .now() + TimeAmount(configuration.commandTimeout)
        held[slot, default: RedisHeldSlot()].commands.append(item)
        heldCount += 1
        heldBytes += bytes
    }

    /// Sends what waits for a slot, if it can be sent now.
    private func release(_ slot: Int) {
        guard var waiting = held[slot], waiting.pause == nil, inFlight[slot] == 0 else { return }
        if owners[slot]?.isOpening == true { return }
        held[slot] = nil
        heldCount -= waiting.commands.count
        heldBytes -= waiting.commands.reduce(0) { $0 + $1.command.storage.count }
        let now = NIODeadline.now()
        waiting.commands.sort { $0.number < $1.number }
        let expired = waiting.commands.filter { $0.deadline.map { $0 <= now } ?? false }
        waiting.commands.removeAll { $0.deadline.map { $0 <= now } ?? false }
        if waiting.mustProbe, let first = waiting.commands.first, let owner = owners[slot] {
            // The others stay; the entry holds back what is sent meanwhile, too.
            held[slot] = RedisHeldSlot(mustProbe: true)
            for item in waiting.commands.dropFirst() { hold(item, slot) }
            write(first, slot, owner)
        } else {
            for item in waiting.commands { route(item, slot) }
        }
        for item in expired { item.completion(.failure(item.reason?.asUnavailable ?? .notConnected)) }
        closeIfDrained()
    }

    private func releaseAll() {
        for slot in Array(held.keys) { release(slot) }
    }

    // MARK: - Servers

    private func apply(_ map: RedisClusterMap) {
        guard draining == nil else { return }
        self.map = map
        let primaries = map.primaries.map { node($0) }
        var haveMoved = false
        for slot in 0..<RedisSlot.count {
            let owner = map.owners[slot] < 0 ? nil : primaries[Int(map.owners[slot])]
            if owners[slot] !== owner {
                owners[slot] = owner
                haveMoved = true
            }
        }
        for (endpoint, node) in nodes where !primaries.contains(where: { $0 === node }) {
            nodes[endpoint] = nil
            // What is on its way there is still answered.
            node.connection.close().whenComplete { _ in }
        }
        noteReadiness(.unavailable("A server of the Redis Cluster is not connected yet."))
        releaseAll()
        // They may have come to a server that is open.
        if haveMoved { onServerChange(true) }
    }

    private func node(_ endpoint: RedisEndpoint) -> RedisClusterNode {
        if let node = nodes[endpoint] { return node }
        var target = configuration
        target.address = .tcp(host: endpoint.host, port: endpoint.port)
        target.isOfCluster = true
        let connection = RedisNodeConnection(
            configuration: target,
            eventLoop: eventLoop,
            logger: logger,
            onChange: { [weak self] change in self?.changed(endpoint, change) }
        )
        let node = RedisClusterNode(endpoint: endpoint, connection: connection)
        nodes[endpoint] = node
        connection.start()
        return node
    }

    private func changed(_ endpoint: RedisEndpoint, _ change: RedisConnection.Change) {
        guard let node = nodes[endpoint] else { return }
        let endsFirstAttempt = node.note(change)
        if endsFirstAttempt { releaseAll() }
        guard draining == nil else { return }
        switch change {
        case .opened:
            noteReadiness(.unavailable("A server of the Redis Cluster is not connected."))
            onServerChange(true)
        case .lost(let error):
            noteReadiness(error)
            scout?.refresh()
            onServerChange(false)
        case .failed(let error):
            onChange(.failed(error))
            scout?.refresh()
        }
    }

    private func noteReadiness(_ reason: RedisError) {
        let isReady = self.isReady
        if isReady == wasReady { return }
        wasReady = isReady
        onChange(isReady ? .opened : .lost(reason))
    }

    // MARK: - Life

    func start() {
        eventLoop.preconditionInEventLoop()
        scout?.start()
    }

    /// Takes no new commands, lets those in flight be answered or pass their deadline, then closes.
    func close() -> EventLoopFuture<Void> {
        eventLoop.preconditionInEventLoop()
        if let draining { return draining.futureResult }
        let promise = eventLoop.makePromise(of: Void.self)
        draining = promise
        if wasReady { onChange(.lost(.closing)) }
        closeIfDrained()
        return promise.futureResult
    }

    private func closeIfDrained() {
        guard let draining, let scout, inFlightTotal == 0, held.isEmpty else { return }
        self.scout = nil
        scout.close()
        let nodes = self.nodes.values
        EventLoopFuture.andAllComplete(nodes.map { $0.connection.close() }, on: eventLoop).cascade(to: draining)
        self.nodes = [:]
    }
}

extension RedisError {
    fileprivate static func unavailable(_ message: String) -> RedisError {
        RedisError(.unavailable, message, mayHaveRun: false)
    }

    /// What a command is told that Redis gave back and that has waited too long.
    fileprivate var asUnavailable: RedisError {
        .unavailable("The key's slot is on its way to another server of the Redis Cluster: \(message)")
    }
}
