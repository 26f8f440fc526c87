import Testing

/// Each scenario for some seconds: what every run of all tests plays.
@Suite("The promise holds, whatever dies", .serialized, .enabled(if: !ChaosSettings.isChosen))
struct ShortProfileTests {
    @Test("A message that was acknowledged arrives once, in order", arguments: Scenario.all(on: .one))
    func promise(scenario: Scenario) async throws {
        let seed = ChaosSettings.current.seed
        let verdict = try await ChaosRun(scenario: scenario, seed: seed).verdict()
        print(verdict.line(for: scenario))
        #expect(
            verdict.keepsPromise(exceptForgotten: scenario.mayForget),
            "seed \(seed): \(verdict.examples.joined(separator: "\n"))"
        )
        #expect(verdict.acknowledged > 50, "There was hardly any load.")
        #expect(verdict.delivered >= verdict.acknowledged)
    }

    @Test(
        "A failover loses nothing that the new primary has, and doubles nothing",
        arguments: [Topology.sentinel, .cluster]
    )
    func failover(topology: Topology) async throws {
        let seed = ChaosSettings.current.seed
        let scenario = try #require(Scenario.all(on: topology).first { $0.name == "failover" })
        let verdict = try await ChaosRun(scenario: scenario, topology: topology, seed: seed).verdict()
        print(verdict.line(for: scenario))
        #expect(
            verdict.keepsPromise(exceptForgotten: scenario.mayForget),
            "seed \(seed): \(verdict.examples.joined(separator: "\n"))"
        )
        #expect(verdict.acknowledged > 50, "There was hardly any load.")
    }
}
