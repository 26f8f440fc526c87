import Logging
import NIOCore

/// Finds out who has which slot of a Redis Cluster: whenever its user has reason to doubt what it knows, and every
/// `subscriptionPingInterval` all the same, since a server that became a replica still takes `SSUBSCRIBE` and `SPUBLISH`.
///
/// Asks any server that it knows, or one of those that the configuration names, until one answers; no more often than
/// `pause` allows, however often it is told to.
///
/// Owned by its event loop: every method must be called there, and callbacks run there.
// @unchecked, guarded by `eventLoop`: all state is read and written there only.
final class RedisClusterScout: @unchecked Sendable {
    private let configuration: RedisConfiguration
    private let seeds: [RedisEndpoint]
    private let eventLoop: any EventLoop
    private let logger: Logger
    private let onMap: (RedisClusterMap) -> Void
    private let onFailure: (RedisError) -> Void
    private var known: [RedisEndpoint] = []
    private var state = State.idle
    private var check: RepeatedTask?
    private var failures = 0

    private enum State {
        case idle
        case asking(RedisConnectAttempt, again: Bool)
        /// Until it may ask again.
        case resting(Scheduled<Void>, again: Bool)
        case closed
    }

    /// Between two answers; with as much again at random, so that all programs do not ask at the same moment.
    private static let pause = Duration.milliseconds(100)
    /// A server answers from memory. One that does not is down, and another should be asked soon.
    private static let longestTimeout = Duration.milliseconds(500)

    init(
        configuration: RedisConfiguration,
        seeds: [RedisEndpoint],
        eventLoop: any EventLoop,
        logger: Logger,
        onMap: @escaping (RedisClusterMap) -> Void,
        onFailure: @escaping (RedisError) -> Void
    ) {
        self.configuration = configuration
        self.seeds = seeds
        self.eventLoop = eventLoop
        self.logger = logger
        self.onMap = onMap
        self.onFailure = onFailure
    }

    /// Asks now and from then on.
    func start() {
        let interval = TimeAmount(configuration.subscriptionPingInterval)
        check = eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in self.refresh() }
        refresh()
    }

    /// Asks now, or as soon as it may; if that fails, goes on trying until it succeeds.
    func refresh() {
        switch state {
        case .idle: ask()
        case .asking(let attempt, _): state = .asking(attempt, again: true)
        case .resting(let end, _): state = .resting(end, again: true)
        case .closed: break
        }
    }

    func close() {
        switch state {
        case .asking(let attempt, _): attempt.abandon()
        case .resting(let end, _): end.cancel()
        case .idle, .closed: break
        }
        state = .closed
        check?.cancel()
        check = nil
    }

    private func ask() {
        let attempt = RedisConnectAttempt()
        state = .asking(attempt, again: false)
        let candidates = Array(Set(known + seeds)).shuffled()
        let configuration = self.configuration
        attempt.run(on: eventLoop) { () throws(RedisError) in
            try RedisClusterScout.map(from: candidates, configuration)
        } _: { result in
            self.answered(result)
        }
    }

    private func answered(_ result: Result<RedisClusterMap, RedisError>) {
        guard case .asking(_, let again) = state else { return }
        switch result {
        case .success(let map):
            failures = 0
            known = map.primaries
            rest(RedisClusterScout.pause * Double.random(in: 1...2), again: again)
            onMap(map)
        case .failure(let error):
            failures += 1
            if failures == 1 {
                logger.info(
                    "No server of the Redis Cluster tells its slots; will go on asking.",
                    metadata: ["redis.error": "\(error.message)"]
                )
            }
            rest(configuration.backoff.delay(afterFailures: failures), again: true)
            onFailure(error)
        }
    }

    private func rest(_ duration: Duration, again: Bool) {
        let end = eventLoop.scheduleTask(in: TimeAmount(duration)) {
            guard case .resting(_, let again) = self.state else { return }
            self.state = .idle
            if again { self.ask() }
        }
        state = .resting(end, again: again)
    }

    /// Blocks.
    private static func map(
        from candidates: [RedisEndpoint],
        _ configuration: RedisConfiguration
    ) throws(RedisError) -> RedisClusterMap {
        var failure = RedisError(.configuration, "No server is named.", mayHaveRun: false)
        for server in candidates {
            var target = configuration
            target.address = .tcp(host: server.host, port: server.port)
            target.connectTimeout = min(configuration.connectTimeout, longestTimeout)
            do throws(RedisError) {
                let (reply, _) = try HiredisSocket.ask(RedisCommand("CLUSTER", "SLOTS"), target)
                if let map = RedisClusterMap(reply, asked: server) { return map }
                failure = RedisError(
                    .unavailable,
                    "Redis at \(server) is in no cluster that has slots.",
                    mayHaveRun: false
                )
            } catch {
                failure = error
            }
        }
        throw failure
    }
}
