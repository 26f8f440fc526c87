import Synchronization

/// Opens one connection after the other to the Redis that a configuration means, with Sentinel's help if it says so.
///
/// With Sentinel each connect begins with the question which server is the primary now, to all sentinels that answer.
/// What most of them name is tried first. It must call itself the primary (`ROLE`), since a sentinel may know less than
/// another for some time. While it is connected, one sentinel after the other is asked whether another server took over.
///
/// The sentinel that leads a failover hears of the promotion when it asks the replica the next time, up to a second after
/// it, and only then names it. But it has marked the replica before, so that is found as soon as it calls itself the
/// primary.
///
/// Any thread.
///
/// Source: [Guidelines for Sentinel clients](https://redis.io/docs/latest/develop/reference/sentinel-clients/).
final class RedisConnector: Sendable {
    private let configuration: RedisConfiguration
    /// The index of the sentinel that is asked next whether another primary took over.
    private let turn = Atomic<Int>(0)
    private let memory = Mutex(Memory())

    private struct Memory {
        /// Indexes of the sentinels that gave no answer in time, the last time they were asked.
        var silent: Set<Int> = []
        /// The server that was given up for another, and when: a sentinel that names it has not heard yet.
        var left: (server: RedisEndpoint, time: ContinuousClock.Instant)?
    }

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
    /// - Throws: As ``HiredisSocket/open(_:requiresPrimary:)``; with Sentinel, the last failure.
    func open() throws(RedisError) -> HiredisSocket {
        guard case .sentinel(let sentinels, let primary) = configuration.address else {
            return try HiredisSocket.open(configuration, requiresPrimary: configuration.isOfCluster)
        }
        var failure = RedisError(.configuration, "No sentinel is named.", mayHaveRun: false)
        var tried: Set<RedisEndpoint> = []
        let silent = memory.withLock { $0.silent }
        // Those that were silent are only asked again if the others lead nowhere.
        for group in [sentinels.indices.filter { !silent.contains($0) }, silent.sorted()] {
            var votes: [RedisEndpoint: Int] = [:]
            for index in group {
                do throws(RedisError) {
                    let answer = try ask(index, sentinels[index], primary)
                    if let promoted = answer.promoted, let socket = try? open(promoted) { return socket }
                    votes[answer.primary, default: 0] += 1
                } catch {
                    failure = error
                }
            }
            for server in ranked(votes) where tried.insert(server).inserted {
                do throws(RedisError) { return try open(server) } catch { failure = error }
            }
        }
        throw failure
    }

    /// What most name comes first; what was just given up for another comes last.
    private func ranked(_ votes: [RedisEndpoint: Int]) -> [RedisEndpoint] {
        votes.sorted { first, second in
            let isOld = (isOldNews(first.key), isOldNews(second.key))
            return isOld.0 == isOld.1 ? first.value > second.value : isOld.1
        }.map(\.key)
    }

    private func open(_ server: RedisEndpoint) throws(RedisError) -> HiredisSocket {
        var target = configuration
        target.address = .tcp(host: server.host, port: server.port)
        return try HiredisSocket.open(target, requiresPrimary: true)
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
        let current = RedisEndpoint(host: host, port: port)
        let index = turn.wrappingAdd(1, ordering: .relaxed).oldValue % sentinels.count
        guard let answer = try? ask(index, sentinels[index], primary) else { return false }
        for server in [answer.promoted, answer.primary].compactMap({ $0 })
        where server != current && !isOldNews(server) {
            guard let other = try? open(server) else { continue }
            other.close()
            // The same server under another name.
            if let runID = other.runID, runID == socket.runID { return false }
            memory.withLock { $0.left = (current, .now) }
            return true
        }
        return false
    }

    private func isOldNews(_ server: RedisEndpoint) -> Bool {
        memory.withLock { memory in
            memory.left.map { $0.server == server && $0.time.duration(to: .now) < RedisConnector.longestIgnorance }
                ?? false
        }
    }

    // MARK: - Sentinels

    private struct SentinelAnswer {
        /// What it names as the primary.
        let primary: RedisEndpoint
        /// The replica that it is just making the primary, if it leads a failover. It may not be one yet.
        let promoted: RedisEndpoint?
    }

    private func ask(_ index: Int, _ sentinel: RedisEndpoint, _ primary: String) throws(RedisError) -> SentinelAnswer {
        do throws(RedisError) {
            let answer = try find(primary, sentinel)
            memory.withLock { _ = $0.silent.remove(index) }
            return answer
        } catch {
            if error.code == .timedOut { memory.withLock { _ = $0.silent.insert(index) } }
            throw error
        }
    }

    private func find(_ primary: String, _ sentinel: RedisEndpoint) throws(RedisError) -> SentinelAnswer {
        var target = RedisConfiguration(address: .tcp(host: sentinel.host, port: sentinel.port))
        target.username = configuration.sentinelUsername
        target.password = configuration.sentinelPassword
        target.connectTimeout = min(configuration.connectTimeout, RedisConnector.longestSentinelTimeout)
        let (named, replicas) = try HiredisSocket.ask(
            RedisCommand("SENTINEL", "GET-MASTER-ADDR-BY-NAME", primary),
            target,
            and: RedisCommand("SENTINEL", "REPLICAS", primary)
        )
        guard let parts = named.array, parts.count == 2, let host = parts[0].string, let port = parts[1].int else {
            throw RedisError(
                .unavailable,
                "The sentinel at \(sentinel) knows no primary of the name \(primary).",
                mayHaveRun: false
            )
        }
        let promoted = (replicas.array ?? []).lazy.compactMap { RedisConnector.promoted($0.array ?? []) }.first
        return SentinelAnswer(primary: RedisEndpoint(host: host, port: port), promoted: promoted)
    }

    /// Where a replica is, if its flags say that it was chosen: names and values in turn.
    private static func promoted(_ fields: [RedisReply]) -> RedisEndpoint? {
        func value(_ name: String) -> RedisReply? {
            stride(from: 0, to: fields.count - 1, by: 2).first { fields[$0].string == name }.map { fields[$0 + 1] }
        }
        let flags = value("flags")?.string?.split(separator: ",") ?? []
        guard flags.contains("promoted"), let host = value("ip")?.string, let port = value("port")?.int else {
            return nil
        }
        return RedisEndpoint(host: host, port: port)
    }
}
