import Messaging

extension Scenario {
    static let ofRedis = ofOneRedis + failovers + refusals

    private static let ofOneRedis = [
        Scenario(name: "redis-restarted", summary: "Redis gets SIGTERM, and comes back", topologies: [.one]) {
            chance,
            _ in
            [.restartRedis(downFor: .milliseconds(.random(in: 0...1500, using: &chance)))]
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
            tolerates: .acknowledged
        ) { chance, _ in
            [.killRedis(downFor: .milliseconds(.random(in: 0...1500, using: &chance)))]
        },
        Scenario(
            name: "power-cut",
            summary: "Redis and all gateways are gone at once, the last 0.5 s was not synced and is lost",
            topologies: [.one],
            tolerates: .acknowledged,
            judge: { verdict, _ in
                if verdict.forgotten == 0 { verdict.complain("Nothing was forgotten, so nothing was tried.") }
            }
        ) { _, _ in
            [.cutPower(unsynced: .milliseconds(500))]
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
            name: "disk-full",
            summary: "no file of Redis can grow for 3 s: it takes no write",
            topologies: [.one],
            redisOptions: ["--appendfsync", "everysec"]
        ) { _, length in
            [.fillDisk(min(.seconds(3), length / 2))]
        },
        Scenario(
            name: "disk-full-synced",
            summary: "the same where each write is synced: Redis ends, and is started again after 3 s",
            topologies: [.one]
        ) { _, length in
            [.fillDisk(min(.seconds(3), length / 2))]
        },
    ]

    private static let failovers = [
        Scenario(
            name: "failover",
            // A replica is behind its primary by what is on the way.
            summary: "the primary gets SIGKILL, a replica is promoted, the last may be lost",
            topologies: [.sentinel, .cluster],
            tolerates: .acknowledged
        ) { _, _ in
            [.failOver(.killed)]
        },
        Scenario(
            name: "failover-replicated",
            summary: "the primary gets SIGKILL; what was acknowledged, its replica has",
            topologies: [.sentinel, .cluster],
            environment: ["DURABILITY": "replicated"],
            tolerates: .unacknowledged
        ) { _, _ in
            [.failOver(.killed)]
        },
        Scenario(
            name: "failover-behind",
            summary: "the same, and the replica has missed the last 0.5 s",
            topologies: [.sentinel],
            environment: ["DURABILITY": "replicated"],
            tolerates: .unacknowledged
        ) { _, _ in
            [.failOver(.killedAhead)]
        },
        Scenario(
            name: "failover-planned",
            // The old primary goes on for a moment.
            summary: "a replica is promoted because somebody wants it so",
            topologies: [.sentinel, .cluster],
            tolerates: .acknowledged
        ) { _, _ in
            [.failOver(.planned)]
        },
        Scenario(
            name: "failover-planned-replicated",
            // Sentinel's planned failover does not wait until the old primary has stopped.
            summary: "the same, and what was acknowledged, the new primary has",
            topologies: [.cluster],
            environment: ["DURABILITY": "replicated"],
            tolerates: .unacknowledged
        ) { _, _ in
            [.failOver(.planned)]
        },
        Scenario(
            name: "failover-suspended",
            summary: "the primary gets SIGSTOP, and wakes up as a second one",
            topologies: [.sentinel, .cluster],
            tolerates: .acknowledged
        ) { _, _ in
            [.failOver(.suspended)]
        },
        Scenario(
            name: "slots-moving",
            summary: "slots move from primary to primary, with what is said in them",
            topologies: [.cluster]
        ) { chance, _ in
            // The slots of four of the first customers, there and back again.
            let partitions = (0..<4).map { _ in
                let number = Int.random(in: 0..<8, using: &chance)
                return Partition(of: ChannelIdentity(channel: .web, channelID: "web_\(number)"))
            }
            return [.moveSlots(partitions), .moveSlots(partitions.reversed())]
        },
    ]

    private static let refusals = [
        Scenario(name: "subscriptions-cut", summary: "CLIENT KILL TYPE pubsub every 2 s", hasLastWord: true) {
            _,
            length in
            Array(repeating: .cutSubscriptions, count: max(2, Int(length / .seconds(2))))
        },
        Scenario(name: "commands-cut", summary: "CLIENT KILL TYPE normal every 2 s") { _, length in
            Array(repeating: .cutCommands, count: max(2, Int(length / .seconds(2))))
        },
        Scenario(name: "scripts-flushed", summary: "SCRIPT FLUSH every second") { _, length in
            Array(repeating: .flushScripts, count: max(2, Int(length / .seconds(1))))
        },
        Scenario(name: "out-of-memory", summary: "no memory for 3 s") { _, length in
            [.outOfMemory(min(.seconds(3), length / 2))]
        },
        Scenario(
            name: "read-only",
            summary: "Redis refuses writes for 3 s: a replica of nobody, or a primary that wants more replicas"
        ) { _, length in
            [.refuseWrites(min(.seconds(3), length / 2))]
        },
    ]
}
