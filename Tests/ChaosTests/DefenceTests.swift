import Testing

/// A check that cannot fail checks nothing: with a defence switched off, the same scenarios break the promise.
@Suite(
    "Without a defence the promise is broken, and that is noticed",
    .serialized,
    .enabled(if: !ChaosSettings.isChosen)
)
struct DefenceTests {
    private func verdict(
        of name: String,
        without defence: String? = nil,
        habits: FullClient.Habits = FullClient.Habits()
    ) async throws -> Verdict {
        let scenario = try #require(Scenario.all.first { $0.name == name })
        var run = ChaosRun(scenario: scenario, seed: ChaosSettings.current.seed)
        run.habits = habits
        if let defence { run.environment["UNSAFE_DISABLE"] = defence }
        // With all defences everything arrives within two seconds.
        run.patience = .seconds(6)
        return try await run.verdict()
    }

    @Test(
        "A gateway that does not notice, or not mend, a lost last publication loses messages",
        arguments: ["tick", "gap-repair"]
    )
    func lostPublications(defence: String) async throws {
        #expect(try await verdict(of: "publications-all-lost", without: defence).lost > 0)
    }

    @Test("A gateway that does not know a clientMessageId again stores twice what is sent again")
    func storedTwice() async throws {
        #expect(try await verdict(of: "redis-suspended", without: "deduplication").duplicated > 0)
    }

    @Test("A client that gives a message a new clientMessageId when it sends it again has it stored twice")
    func newIDs() async throws {
        let habits = FullClient.Habits(keepsMessageIDs: false)
        #expect(try await verdict(of: "redis-suspended", habits: habits).duplicated > 0)
    }

    @Test("A client that shows whatever arrives shows messages twice")
    func shownTwice() async throws {
        #expect(try await verdict(of: "rolling-restart", habits: .init(deduplicates: false)).duplicated > 0)
    }
}
