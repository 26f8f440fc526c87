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
}
