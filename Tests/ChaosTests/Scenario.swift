import Testing

/// A way in which things go wrong, with a name to choose it by.
struct Scenario: Sendable, CustomTestStringConvertible {
    let name: String
    let summary: String
    var topologies: Set<Topology> = Set(Topology.allCases)
    /// Whether gateways reach Redis through a ``FaultProxy``.
    var hasProxy = false
    /// More of redis-server's arguments.
    var redisOptions: [String] = []
    /// More settings for the gateways.
    var environment: [String: String] = [:]
    /// Whether the last messages before the end of the load are published in vain.
    var losesLastPublications = false
    /// Whether Redis may forget the last it was told, as long as readers are told in turn.
    var mayForget = false
    /// The faults of one round, which takes `length` and is repeated while the load lasts.
    let faults: @Sendable (_ chance: inout SeededGenerator, _ length: Duration) -> [Fault]

    var testDescription: String { name }

    static let gateways = 3

    /// When each fault begins: they follow each other, the same for the same seed.
    ///
    /// - Parameter length: of the load. Faults that last longer than the load go on after it.
    func schedule(seed: UInt64, over length: Duration) -> [TimedFault] {
        var chance = SeededGenerator(seed: seed)
        let round = max(.seconds(3), min(.seconds(20), length))
        var schedule: [TimedFault] = []
        var begin = Duration.zero
        repeat {
            let faults = faults(&chance, round)
            for (index, fault) in faults.enumerated() {
                // Somewhere in its share of the round, so that no two runs meet the traffic at the same point.
                let share = round / faults.count
                let at = begin + share * index + share * Double.random(in: 0.1..<0.6, using: &chance)
                schedule.append(TimedFault(at: at, fault: fault))
            }
            begin += round
        } while begin + round <= length
        return schedule
    }
}

extension Scenario {
    static let all: [Scenario] = [
        Scenario(name: "quiet", summary: "no fault") { _, _ in [] },
        Scenario(name: "gateway-killed", summary: "a gateway gets SIGKILL, a new one comes") { chance, _ in
            [.killGateway(.random(in: 0..<gateways, using: &chance))]
        },
        Scenario(name: "rolling-restart", summary: "each gateway gets SIGTERM in turn, a new one comes") { _, _ in
            (0..<gateways).map { .restartGateway($0) }
        },
        Scenario(name: "redis-killed", summary: "Redis gets SIGKILL; each write was synced", topologies: [.one]) {
            chance,
            _ in
            [.killRedis(downFor: .milliseconds(.random(in: 0...1500, using: &chance)))]
        },
        Scenario(
            name: "redis-killed-everysec",
            // Redis puts writing off for up to two seconds while the disk is busy with the last sync.
            summary: "Redis gets SIGKILL; its file is synced once a second, the last may be lost",
            topologies: [.one],
            redisOptions: ["--appendfsync", "everysec"],
            mayForget: true
        ) { chance, _ in
            [.killRedis(downFor: .milliseconds(.random(in: 0...1500, using: &chance)))]
        },
        Scenario(
            name: "redis-loading",
            summary: "Redis gets SIGKILL and takes seconds to load its file",
            topologies: [.one],
            redisOptions: ["--key-load-delay", "300"]
        ) { _, _ in
            [.killRedis(downFor: .zero)]
        },
        Scenario(
            name: "redis-suspended",
            summary: "Redis gets SIGSTOP, for 15 s where there is time",
            topologies: [.one]
        ) { _, length in
            [.suspendRedis(min(.seconds(15), length * 0.75))]
        },
        Scenario(
            name: "failover",
            // A replica is behind its primary by what is on the way.
            summary: "the primary gets SIGKILL, a replica is promoted, the last may be lost",
            topologies: [.sentinel, .cluster],
            mayForget: true
        ) { _, _ in
            [.failOver]
        },
        Scenario(
            name: "failover-replicated",
            summary: "the primary gets SIGKILL; what was acknowledged, its replica has",
            topologies: [.sentinel, .cluster],
            environment: ["DURABILITY": "replicated"]
        ) { _, _ in
            [.failOver]
        },
        Scenario(
            name: "failover-and-more",
            summary: "failovers, and what else can happen to gateways, clients and connections",
            topologies: [.sentinel, .cluster],
            mayForget: true
        ) { chance, _ in
            let all: [Fault] = [
                .failOver, .killGateway(.random(in: 0..<gateways, using: &chance)),
                .restartGateway(.random(in: 0..<gateways, using: &chance)), .cutSubscriptions, .cutCommands,
                .flushScripts,
                .cutClients(share: 0.5),
            ]
            return all.shuffled(using: &chance)
        },
        Scenario(name: "subscriptions-cut", summary: "CLIENT KILL TYPE pubsub every 2 s") { _, length in
            Array(repeating: .cutSubscriptions, count: max(2, Int(length / .seconds(2))))
        },
        Scenario(name: "commands-cut", summary: "CLIENT KILL TYPE normal every 2 s") { _, length in
            Array(repeating: .cutCommands, count: max(2, Int(length / .seconds(2))))
        },
        Scenario(name: "scripts-flushed", summary: "SCRIPT FLUSH every second") { _, length in
            Array(repeating: .flushScripts, count: max(2, Int(length / .seconds(1))))
        },
        Scenario(name: "out-of-memory", summary: "no memory for 3 s", topologies: [.one]) { _, length in
            [.outOfMemory(min(.seconds(3), length / 2))]
        },
        Scenario(name: "read-only", summary: "Redis a replica of nobody for 3 s", topologies: [.one]) { _, length in
            [.readOnly(min(.seconds(3), length / 2))]
        },
        Scenario(
            name: "network",
            summary: "late, swallowed and cut between gateways and Redis",
            topologies: [.one],
            hasProxy: true
        ) { chance, length in
            [
                .delay(milliseconds: .random(in: 20...150, using: &chance), length / 6),
                .cutProxy,
                .swallow(min(.seconds(6), length / 4)),
                .cutProxy,
            ]
        },
        Scenario(
            name: "publications-lost",
            summary: "1 of 1000 publications, and the last of each conversation",
            topologies: [.one],
            hasProxy: true,
            losesLastPublications: true
        ) { _, _ in
            [.losePublications(perMille: 1)]
        },
        Scenario(
            name: "publications-all-lost",
            summary: "half of the time nothing that is published arrives",
            topologies: [.one],
            hasProxy: true,
            losesLastPublications: true
        ) { _, length in
            [.loseAllPublications(length / 4), .loseAllPublications(length / 4)]
        },
        Scenario(
            name: "subscriptions-deaf",
            summary: "subscriptions stay up, and nothing arrives on them",
            topologies: [.one],
            hasProxy: true
        ) { _, _ in
            [.deafen]
        },
        Scenario(name: "clients-cut", summary: "clients lose their network for 2 s") { _, length in
            Array(repeating: .cutClients(share: 0.4), count: max(2, Int(length / .seconds(1))))
        },
        Scenario(
            name: "everything",
            summary: "all of it, in an order of chance",
            topologies: [.one],
            hasProxy: true,
            losesLastPublications: true
        ) { chance, length in
            let all: [Fault] = [
                .losePublications(perMille: 1), .killGateway(.random(in: 0..<gateways, using: &chance)),
                .restartGateway(.random(in: 0..<gateways, using: &chance)), .killRedis(downFor: .milliseconds(300)),
                .suspendRedis(min(.seconds(3), length / 5)), .cutSubscriptions, .cutCommands, .flushScripts,
                .outOfMemory(length / 20), .readOnly(length / 20), .cutProxy, .swallow(length / 20),
                .delay(milliseconds: 50, length / 20), .deafen, .cutClients(share: 0.5), .cutSubscriptions,
            ]
            return all.shuffled(using: &chance)
        },
    ]
}
