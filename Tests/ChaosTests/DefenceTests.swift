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
        on topology: Topology = .one,
        without defences: String = "",
        _ change: (inout ChaosRun) -> Void = { _ in }
    ) async throws -> Verdict {
        let scenario = try Scenario.named(name, on: topology)
        var run = ChaosRun(scenario: scenario, topology: topology, seed: ChaosSettings.current.seed)
        if !defences.isEmpty { run.environment["UNSAFE_DISABLE"] = defences }
        run.length = scenario.shortLength
        run.rate = 200
        // With all defences everything arrives within two seconds.
        run.patience = .seconds(6)
        change(&run)
        let verdict = try await run.verdict()
        print("without \(defences.isEmpty ? "…" : defences): \(verdict.line(for: scenario))")
        return verdict
    }

    // MARK: Lost publications

    @Test(
        "A gateway that does not notice, or not mend, a lost last publication loses messages",
        arguments: ["tick", "gap-repair"]
    )
    func lostPublications(defence: String) async throws {
        #expect(try await verdict(of: "publications-all-lost", without: defence).unshown > 0)
    }

    @Test("A gateway that keeps a deaf subscription loses messages")
    func deafSubscription() async throws {
        #expect(try await verdict(of: "subscriptions-deaf", without: "deaf-subscription").unshown > 0)
    }

    @Test("A gateway that after a lost subscription neither registers again nor mends gaps loses messages")
    func lostSubscription() async throws {
        #expect(try await verdict(of: "subscriptions-cut", without: "registration,gap-repair").unshown > 0)
    }

    // MARK: Sent again

    @Test("A gateway that does not know a clientMessageId again stores twice what is sent again")
    func storedTwice() async throws {
        #expect(try await verdict(of: "redis-suspended", without: "deduplication").duplicated > 0)
    }

    @Test("A client that gives a message a new clientMessageId when it sends it again has it stored twice")
    func newIDs() async throws {
        let verdict = try await verdict(of: "redis-suspended") { $0.habits.keepsMessageIDs = false }
        #expect(verdict.duplicated > 0)
    }

    @Test("A client that shows whatever arrives shows messages twice")
    func shownTwice() async throws {
        let verdict = try await verdict(of: "gateways-restarted") { $0.habits.deduplicates = false }
        #expect(verdict.duplicated > 0)
    }

    // MARK: What Redis forgot

    @Test(
        "A gateway that takes no note of a restart of Redis, or of a client's position, hides that the last was forgotten",
        arguments: ["generation", "resume"]
    )
    func forgottenTail(defence: String) async throws {
        let verdict = try await verdict(of: "power-cut", without: defence)
        #expect(verdict.unshown + verdict.different > 0)
    }

    @Test("Where no replica must have a message first, a failover to one that is behind loses acknowledged ones")
    func unreplicated() async throws {
        let verdict = try await verdict(of: "failover-behind", on: .sentinel) {
            $0.environment["DURABILITY"] = "single"
        }
        #expect(verdict.forgotten > 0)
    }

    // MARK: Clients that go

    @Test("A gateway that takes what it wrote in the guide dialect for received loses messages")
    func written() async throws {
        #expect(try await verdict(of: "half-open", without: "pong").unshown > 0)
    }

    @Test("A gateway that keeps a client which does not read is found out")
    func slowReader() async throws {
        let verdict = try await verdict(of: "slow-reader", without: "slow-reader")
        #expect(verdict.complaints.contains { $0.contains("4008") })
    }

    @Test("A gateway that drains without taking what is on its way loses what guide clients said")
    func draining() async throws {
        #expect(try await verdict(of: "gateways-restarted", without: "drain").unsaved > 0)
    }

    @Test("What killed gateways left behind is gone in seconds; without the lease it stays", arguments: [false, true])
    func leftovers(hasLease: Bool) async throws {
        let scenario = try Scenario.named("quiet")
        var run = ChaosRun(scenario: scenario, seed: ChaosSettings.current.seed)
        run.environment["UNSAFE_DISABLE"] = hasLease ? "" : "lease"
        let left = try await run.leftovers(after: .seconds(8))
        #expect(left.before > 0)
        #expect(hasLease ? left.after == 0 : left.after == left.before)
    }
}

extension ChaosRun {
    /// Kills all gateways while everybody is connected, and starts one. Nobody comes back.
    ///
    /// - Returns: How many customers Redis takes for connected, before and some time after.
    fileprivate func leftovers(after time: Duration) async throws -> (before: Int, after: Int) {
        try await onLoops { clientLoop, proxyLoop in
            try await ChaosSystem.run(
                scenario,
                on: topology,
                proxyLoop: proxyLoop,
                seed: seed,
                environment: environment
            ) { system in
                let crowd = try await Crowd.gather(run: self, system: system, loop: clientLoop)
                let before = try system.connectedCustomers
                for gateway in system.gateways { gateway.kill() }
                try await crowd.leave()
                try await system.gateways[0].start()
                try await system.gateways[0].waitUntilReady()
                try await Task.sleep(for: time)
                return (before, try system.connectedCustomers)
            }
        }
    }
}

extension ChaosSystem {
    fileprivate var connectedCustomers: Int {
        get throws {
            try redis.server?.command("KEYS", "*:routes:*").split(separator: "\n").count ?? 0
        }
    }
}
