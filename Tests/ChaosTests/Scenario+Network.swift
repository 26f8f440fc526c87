extension Scenario {
    static let ofTheNetwork = [
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
            summary: "1 of 1000 publications does not arrive, nor does the last of each conversation",
            topologies: [.one],
            hasProxy: true,
            losesLastPublications: true,
            judge: wantNoReconnect
        ) { _, _ in
            [.losePublications(perMille: 1)]
        },
        Scenario(
            name: "messages-unheard",
            summary: "publications of 1 of 20 messages do not arrive, nor do the last of each conversation",
            environment: ["UNSAFE_DISCARD_PUBLICATIONS": Recorder.unheardWord],
            unheardShare: 0.05,
            losesLastPublications: true,
            judge: { verdict, facts in
                wantNoReconnect(&verdict, facts)
                if verdict.recoveries.isEmpty { verdict.complain("No publication was lost.") }
            }
        ) { _, _ in
            []
        },
        Scenario(
            name: "publications-all-lost",
            summary: "half of the time nothing that is published arrives",
            topologies: [.one],
            hasProxy: true,
            losesLastPublications: true,
            judge: wantNoReconnect
        ) { _, length in
            [.loseAllPublications(length / 4), .loseAllPublications(length / 4)]
        },
        Scenario(
            name: "subscriptions-deaf",
            summary: "subscriptions stay up, and nothing that is published arrives on them",
            topologies: [.one],
            hasProxy: true,
            hasLastWord: true,
            judge: wantNoReconnect
        ) { _, _ in
            [.deafen]
        },
    ]

    /// Nobody is to notice anything.
    private static let wantNoReconnect = { @Sendable (verdict: inout Verdict, _: Facts) in
        if verdict.reconnects > 0 { verdict.complain("Clients were disconnected \(verdict.reconnects) times.") }
    }

    static let ofClients = [
        Scenario(name: "clients-cut", summary: "clients lose their network for 2 s") { _, length in
            Array(repeating: .cutClients(share: 0.4), count: max(2, Int(length / .seconds(1))))
        },
        Scenario(
            name: "half-open",
            summary: "clients lose it without a word; the gateway has to find out by its heartbeat of 1 s",
            environment: ["HEARTBEAT_SECONDS": "1"]
        ) { _, length in
            Array(repeating: .changeNetworks(share: 0.4), count: max(2, Int(length / .seconds(1))))
        },
        Scenario(
            name: "slow-reader",
            summary: "two customers read nothing while 16 MB come for each; past 1 s they are closed with 4008",
            environment: ["SLOW_READER_SECONDS": "1"],
            receiveBuffer: 32 * 1024,
            judge: { verdict, facts in
                let closed = Set(
                    facts.history.events.compactMap { item in
                        if case .closed(let name, _, code: 4008) = item.event { name } else { nil }
                    }
                )
                for name in facts.victims.subtracting(closed).sorted() {
                    verdict.complain("\(name) read nothing and was not closed with 4008.")
                }
                let known = facts.victims.union(facts.involved)
                let others = facts.history.events.contains { item in
                    if case .closed(let name, _, _) = item.event { !known.contains(name) } else { false }
                }
                if others { verdict.complain("Others were disconnected as well.") }
                wantLittleMemory(&verdict, facts)
            }
        ) { _, _ in
            [.stopReading(atMost: .seconds(10))]
        },
        Scenario(
            name: "long-away",
            summary: "two customers come back after 10,000 messages for each",
            judge: wantLittleMemory
        ) { _, _ in
            [.stayAway(missing: 10_000)]
        },
    ]

    /// Of what waits for somebody, a gateway holds a page at a time.
    private static let wantLittleMemory = { @Sendable (verdict: inout Verdict, _: Facts) in
        let most = 24 * 1024 * 1024
        if verdict.memoryGrowth > most {
            verdict.complain("A gateway's memory grew by \(verdict.memoryGrowth / 1024 / 1024) MiB.")
        }
    }
}
