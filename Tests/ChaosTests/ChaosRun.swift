import Foundation
import Messaging
import NIOCore
import NIOPosix

/// One scenario, played once: people who talk, faults, and what came of it.
struct ChaosRun: Sendable {
    let scenario: Scenario
    var topology = Topology.one
    let seed: UInt64
    /// Of the load. It goes on while a fault lasts.
    var length = Duration.seconds(5)
    /// Plays the scenario's faults so many times, one after the other, however long that takes; then `length` is nothing.
    var rounds: Int?
    var customers = 16
    var agents = 4
    /// How many messages all of them together send in a second.
    var rate = 300
    var habits = FullClient.Habits()
    /// More settings for the gateways.
    var environment: [String: String] = [:]
    /// How long after the load, and after the last fault, everything may take to arrive.
    var patience = Duration.seconds(20)

    func verdict() async throws -> Verdict {
        try await onLoops { clientLoop, proxyLoop in
            try await ChaosSystem.run(
                scenario,
                on: topology,
                proxyLoop: proxyLoop,
                seed: seed,
                environment: scenario.environment.merging(environment) { $1 }
            ) { system in
                try await play(on: system, clientLoop)
            }
        }
    }

    /// - Parameter body: given an event loop for the clients and one for the proxy.
    func onLoops<Result: Sendable>(
        _ body: @Sendable (any EventLoop, any EventLoop) async throws -> Result
    ) async throws -> Result {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        do {
            let result = try await body(group.next(), group.next())
            try await group.shutdownGracefully()
            return result
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
    }

    private func play(on system: ChaosSystem, _ loop: any EventLoop) async throws -> Verdict {
        let crowd = try await Crowd.gather(run: self, system: system, loop: loop)
        try await crowd.startTalking(rate: rate, unheardShare: scenario.unheardShare)
        let faults =
            if let rounds { try await playRounds(rounds, crowd, system) } else { try await playSchedule(crowd, system) }
        try await crowd.stopTalking()
        if scenario.losesLastPublications { try await sayInVain(crowd, system) }
        if scenario.hasLastWord {
            // Long enough that nobody looks into the log any more because of what was said before.
            try await Task.sleep(for: .milliseconds(1500))
            try await crowd.sayOneLastThing(isUnheard: false)
        }
        var verdict = try await settle(crowd, system)
        verdict.memoryGrowth = system.memoryGrowth
        verdict = try await crowd.judgeHalfOpen(verdict)
        let (victims, involved) = try await crowd.namesOfVictims()
        let facts = Scenario.Facts(
            history: try await crowd.history(),
            faults: faults,
            victims: victims,
            involved: involved
        )
        scenario.judge(&verdict, facts)
        try await crowd.leave()
        return verdict
    }

    /// - Returns: How many faults there were.
    private func playSchedule(_ crowd: Crowd, _ system: ChaosSystem) async throws -> Int {
        let begin = ContinuousClock.now
        let end = begin + length
        var count = 0
        for timed in scenario.schedule(seed: seed, over: length) {
            // One that lasted longer than its share pushes the next ones back.
            if begin + timed.at > .now { try await Task.sleep(until: begin + timed.at, clock: .continuous) }
            if count > 0, ContinuousClock.now > end { break }
            try await play(timed.fault, crowd, system)
            count += 1
        }
        if end > .now { try await Task.sleep(until: end, clock: .continuous) }
        return count
    }

    private func playRounds(_ rounds: Int, _ crowd: Crowd, _ system: ChaosSystem) async throws -> Int {
        var chance = SeededGenerator(seed: seed)
        var count = 0
        for _ in 0..<rounds {
            for fault in scenario.faults(&chance, .seconds(4)) {
                try await Task.sleep(for: .milliseconds(.random(in: 200...1000, using: &chance)))
                try await play(fault, crowd, system)
                count += 1
            }
        }
        return count
    }

    private func play(_ fault: Fault, _ crowd: Crowd, _ system: ChaosSystem) async throws {
        if fault.isOutage { try await crowd.note(.struck) }
        if case .restartGateway = fault { try await crowd.burst(scenario.burst) }
        try await crowd.endure(fault, on: system)
        try await system.endure(fault) { try await crowd.note(.healed) }
    }

    /// Each customer says one last thing, which is published in vain. Nothing follows that would make it missed.
    private func sayInVain(_ crowd: Crowd, _ system: ChaosSystem) async throws {
        try await Task.sleep(for: .milliseconds(500))
        try await system.proxy?.change { $0.loss = .allButTicks }
        try await crowd.sayOneLastThing(isUnheard: true)
        try await Task.sleep(for: .milliseconds(500))
        try await system.proxy?.change { $0.loss = .none }
    }

    /// Waits until everything that is stored has arrived, for as long as ``patience`` lasts.
    private func settle(_ crowd: Crowd, _ system: ChaosSystem) async throws -> Verdict {
        let deadline = ContinuousClock.now + patience
        var pause = Duration.milliseconds(100)
        while true {
            let isSettled = try await crowd.isSettled()
            let isLate = ContinuousClock.now > deadline
            if isSettled || isLate {
                var history = try await crowd.history()
                history.log = try await system.log(of: crowd.conversations)
                let verdict = HistoryChecker.check(history)
                if verdict.unshown + verdict.unanswered == 0 || isLate { return verdict }
            }
            try await Task.sleep(for: pause)
            pause = min(pause * 2, .seconds(2))
        }
    }
}
