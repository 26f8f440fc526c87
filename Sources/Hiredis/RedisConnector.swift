import Synchronization

/// Opens one connection after the other to the Redis that a configuration means, with Sentinel's help if it says so.
///
/// With Sentinel each connect begins with the question which server is the primary now: `SENTINEL
/// GET-MASTER-ADDR-BY-NAME`, to one sentinel after the other, beginning with the last that led to a primary. What
/// answers there must call itself the primary (`ROLE`), since a sentinel may know less than another for some time. While
/// it is connected, one sentinel after the other is asked whether another server took over.
///
/// Any thread.
///
/// Source: [Guidelines for Sentinel clients](https://redis.io/docs/latest/develop/reference/sentinel-clients/).
final class RedisConnector: Sendable {
    private let configuration: RedisConfiguration
    /// The index of the sentinel to ask first.
    private let favourite = Atomic<Int>(0)

    /// The index of the sentinel that is asked next whether another primary took over.
    private let turn = Atomic<Int>(0)
    /// The server that was given up for another, and when: a sentinel that names it has not heard yet.
    private let left = Mutex<(server: RedisEndpoint, time: ContinuousClock.Instant)?>(nil)

    /// How often to ask, while all seems well. A primary that was replaced goes on as one until the sentinels demote it,
    /// which they do only after 8 s or more; what it stores until then is lost.
    static let checkInterval = Duration.milliseconds(500)
    /// How long one sentinel may know less than another, and more: they tell each other every 2 s.
    private static let longestIgnorance = Duration.seconds(10)
    /// A sentinel answers from memory. One that does not is down, and the next one should be asked soon.
    private static let longestSentinelTimeout = Duration.milliseconds(500)

    init(configuration: RedisConfiguration) {
        self.configuration = configuration
    }

    /// Blocks, so call it on a thread of its own.
    ///
    /// - Throws: As ``HiredisSocket/open(_:requiresPrimary:)``; with Sentinel, the last sentinel's failure.
    func open() throws(RedisError) -> HiredisSocket {
        guard case .sentinel(let sentinels, let primary) = configuration.address else {
            return try HiredisSocket.open(configuration, requiresPrimary: configuration.isOfCluster)
        }
        let first = favourite.load(ordering: .relaxed)
        var failure = RedisError(.configuration, "No sentinel is named.", mayHaveRun: false)
        var tried: Set<RedisEndpoint> = []
        for offset in sentinels.indices {
            let index = (first + offset) % sentinels.count
            do throws(RedisError) {
                let server = try find(primary, sentinels[index])
                // Sentinels mostly agree; a server that just failed need not be asked again for each of them.
                guard tried.insert(server).inserted else { continue }
                var target = configuration
                target.address = .tcp(host: server.host, port: server.port)
                let socket = try HiredisSocket.open(target, requiresPrimary: true)
                favourite.store(index, ordering: .relaxed)
                return socket
            } catch {
                failure = error
            }
        }
        throw failure
    }

    var asksSentinels: Bool {
        if case .sentinel = configuration.address { true } else { false }
    }

    /// Whether a sentinel, each time another one, names a server that is the primary in place of the one of `socket`.
    ///
    /// Blocks, so call it on a thread of its own. No answer is no reason to leave.
    func isReplaced(_ socket: HiredisSocket) -> Bool {
        guard case .sentinel(let sentinels, let primary) = configuration.address,
            case .tcp(let host, let port) = socket.address
        else { return false }
        let index = turn.wrappingAdd(1, ordering: .relaxed).oldValue % sentinels.count
        guard let server = try? find(primary, sentinels[index]), server != RedisEndpoint(host: host, port: port) else {
            return false
        }
        let isOldNews = left.withLock { left in
            left.map { $0.server == server && $0.time.duration(to: .now) < RedisConnector.longestIgnorance } ?? false
        }
        if isOldNews { return false }
        var target = configuration
        target.address = .tcp(host: server.host, port: server.port)
        guard let other = try? HiredisSocket.open(target, requiresPrimary: true) else { return false }
        other.close()
        // The same server under another name.
        if let runID = other.runID, runID == socket.runID { return false }
        left.withLock { $0 = (RedisEndpoint(host: host, port: port), .now) }
        favourite.store(index, ordering: .relaxed)
        return true
    }

    private func find(_ primary: String, _ sentinel: RedisEndpoint) throws(RedisError) -> RedisEndpoint {
        var target = RedisConfiguration(address: .tcp(host: sentinel.host, port: sentinel.port))
        target.username = configuration.sentinelUsername
        target.password = configuration.sentinelPassword
        target.connectTimeout = min(configuration.connectTimeout, RedisConnector.longestSentinelTimeout)
        let reply = try HiredisSocket.ask(
            RedisCommand("SENTINEL", "GET-MASTER-ADDR-BY-NAME", primary),
            target
        )
        guard let parts = reply.array, parts.count == 2, let host = parts[0].string, let port = parts[1].int else {
            throw RedisError(
                .unavailable,
                "The sentinel at \(sentinel) knows no primary of the name \(primary).",
                mayHaveRun: false
            )
        }
        return RedisEndpoint(host: host, port: port)
    }
}
