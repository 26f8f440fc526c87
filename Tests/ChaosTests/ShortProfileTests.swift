import Testing

/// Each scenario for some seconds: what every run of all tests plays. The suites of this profile run beside each other.
@Suite("The promise holds, whatever dies", .serialized, .enabled(if: !ChaosSettings.isChosen))
struct ShortProfileTests {
    @Test("A message that was acknowledged arrives once, in order", arguments: Scenario.all(on: .one))
    func promise(scenario: Scenario) async throws {
        try await ShortProfile.play(scenario, on: .one)
    }
}

@Suite("The promise holds with Sentinel and Cluster", .serialized, .enabled(if: !ChaosSettings.isChosen))
struct ShortProfileTopologyTests {
    @Test(
        "With Sentinel",
        arguments: [
            "failover", "failover-behind", "failover-planned", "failover-suspended", "messages-unheard",
        ]
    )
    func sentinel(name: String) async throws {
        try await ShortProfile.play(Scenario.named(name, on: .sentinel), on: .sentinel)
    }

    @Test(
        "With Cluster",
        arguments: [
            "failover-replicated", "failover-planned", "failover-suspended", "slots-moving", "messages-unheard",
            "subscriptions-cut",
        ]
    )
    func cluster(name: String) async throws {
        try await ShortProfile.play(Scenario.named(name, on: .cluster), on: .cluster)
    }
}

enum ShortProfile {
    /// Less than ``deploy/chaos`` has: three suites share the machine.
    private static let rate = 200

    static func play(_ scenario: Scenario, on topology: Topology) async throws {
        let seed = ChaosSettings.current.seed
        var run = ChaosRun(scenario: scenario, topology: topology, seed: seed)
        run.length = scenario.shortLength
        run.rate = rate
        let verdict = try await run.verdict()
        print(verdict.line(for: scenario))
        let seconds = run.length / .seconds(1)
        let replay =
            "deploy/chaos --topology \(topology.rawValue) --only \(scenario.name) --seed \(seed) --rate \(rate) "
            + "--minutes \(seconds / 60)"
        #expect(
            verdict.keepsPromise(scenario.tolerates),
            "\((verdict.complaints + verdict.examples).joined(separator: "\n"))\nTo play it again: \(replay)"
        )
        #expect(verdict.isPrompt, "\(verdict.line(for: scenario))\nTo play it again: \(replay)")
        #expect(verdict.acknowledged > 50, "There was hardly any load.")
    }
}

extension Verdict {
    /// Whether delivery went on in time after each outage, and what was lost on the way came in time; with time to spare for
    /// a machine that does much else.
    var isPrompt: Bool { backlog <= 10_000_000_000 && usualRecovery <= .seconds(5) }
}
