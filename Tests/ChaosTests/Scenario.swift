import Testing

/// A way in which things go wrong, with a name to choose it by. The names on one topology are all different.
struct Scenario: Sendable, CustomTestStringConvertible {
    let name: String
    let summary: String
    var topologies: Set<Topology> = Set(Topology.allCases)
    /// Whether gateways reach Redis through a ``FaultProxy``.
    var hasProxy = false
    /// Whether clients come in through HAProxy, as people do.
    var hasEdge = false
    /// More of redis-server's arguments.
    var redisOptions: [String] = []
    /// More settings for the gateways.
    var environment: [String: String] = [:]
    /// How many messages' publications are lost, by chance.
    var unheardShare = 0.0
    /// Whether in the end, when all is quiet, each customer says one more thing.
    var hasLastWord = false
    /// Whether the last messages before the end of the load are published in vain.
    var losesLastPublications = false
    var tolerates = Verdict.Tolerance.nothing
    /// How many messages each guide client says at once just before a gateway is told to end.
    var burst = 0
    /// Bytes that the system may hold for a client that does not read.
    var receiveBuffer: Int?
    /// How long it takes where all of them are played in some minutes.
    var shortLength = Duration.seconds(4)
    /// What else must be so in the end.
    var judge: @Sendable (_ verdict: inout Verdict, _ facts: Facts) -> Void = { _, _ in }
    /// The faults of one round, which takes `length` and is repeated while the load lasts.
    let faults: @Sendable (_ chance: inout SeededGenerator, _ length: Duration) -> [Fault]

    /// What a scenario may want to look at besides the verdict.
    struct Facts: Sendable {
        let history: History
        /// How many faults there were.
        let faults: Int
        /// The clients whom faults met that meet some only.
        let victims: Set<String>
        /// Whoever talks with them.
        let involved: Set<String>
    }

    var testDescription: String { name }

    static let gateways = 3

    /// When each fault begins: they follow each other, the same for the same seed.
    ///
    /// - Parameter length: of the load. It goes on while a fault lasts.
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

    static func all(on topology: Topology) -> [Scenario] {
        (ofGateways + ofRedis + ofTheNetwork + ofClients + ofEverything).filter { $0.topologies.contains(topology) }
    }

    static func named(_ name: String, on topology: Topology = .one) throws -> Scenario {
        try #require(all(on: topology).first { $0.name == name }, "There is no scenario \(name) on \(topology).")
    }
}

extension Scenario {
    static let ofGateways = [
        Scenario(name: "quiet", summary: "no fault") { _, _ in [] },
        Scenario(name: "gateway-killed", summary: "a gateway gets SIGKILL, a new one comes") { chance, _ in
            [.killGateway(.random(in: 0..<gateways, using: &chance))]
        },
        Scenario(
            name: "gateway-suspended",
            summary: "a gateway gets SIGSTOP for 7 s, so that it counts as dead, and goes on"
        ) { chance, _ in
            [.suspendGateway(.random(in: 0..<gateways, using: &chance), .seconds(7))]
        },
        Scenario(
            name: "rolling-restart",
            summary: "new gateways come, then each old one gets SIGTERM, one after the other, behind the edge",
            hasEdge: true,
            judge: { verdict, facts in
                if verdict.mostReconnects > facts.faults {
                    verdict.complain("A client came back \(verdict.mostReconnects) times in \(facts.faults) restarts.")
                }
                if verdict.unsaved > 0 { verdict.complain("\(verdict.unsaved) guide messages were not stored.") }
            }
        ) { _, _ in
            [.replaceGateways]
        },
        Scenario(
            name: "gateways-restarted",
            summary:
                "each gateway gets SIGTERM in turn, with much that is not stored yet; a new one comes in its place",
            burst: 300,
            judge: { verdict, _ in
                if verdict.unsaved > 0 { verdict.complain("\(verdict.unsaved) guide messages were not stored.") }
            }
        ) { _, _ in
            (0..<gateways).map { .restartGateway($0) }
        },
    ]

    static let ofEverything = [
        Scenario(
            name: "everything",
            summary: "all of it, in an order of chance",
            topologies: [.one],
            hasProxy: true,
            environment: ["HEARTBEAT_SECONDS": "2"],
            losesLastPublications: true,
            shortLength: .seconds(12)
        ) { chance, length in
            let all: [Fault] = [
                .losePublications(perMille: 1), .killGateway(.random(in: 0..<gateways, using: &chance)),
                .restartGateway(.random(in: 0..<gateways, using: &chance)), .killRedis(downFor: .milliseconds(300)),
                .restartRedis(downFor: .milliseconds(300)), .suspendRedis(min(.seconds(3), length / 5)),
                .cutSubscriptions, .cutCommands, .flushScripts, .outOfMemory(length / 20), .refuseWrites(length / 20),
                .cutProxy, .swallow(length / 20), .delay(milliseconds: 50, length / 20), .deafen,
                .cutClients(share: 0.5), .changeNetworks(share: 0.3), .cutSubscriptions,
            ]
            return all.shuffled(using: &chance)
        },
        Scenario(
            name: "everything",
            summary: "all of it, in an order of chance",
            topologies: [.sentinel, .cluster],
            environment: ["HEARTBEAT_SECONDS": "2", "UNSAFE_DISCARD_PUBLICATIONS": Recorder.unheardWord],
            unheardShare: 0.001,
            losesLastPublications: true,
            tolerates: .acknowledged
        ) { chance, length in
            let all: [Fault] = [
                .failOver(.killed), .failOver(.planned), .killGateway(.random(in: 0..<gateways, using: &chance)),
                .restartGateway(.random(in: 0..<gateways, using: &chance)), .cutSubscriptions, .cutCommands,
                .flushScripts, .outOfMemory(length / 20), .refuseWrites(length / 20), .cutClients(share: 0.5),
                .changeNetworks(share: 0.3), .cutSubscriptions,
            ]
            return all.shuffled(using: &chance)
        },
    ]
}
