import Foundation
import Messaging
import NIOCore
import NIOPosix

/// One scenario, played once: people who talk, faults, and what came of it.
struct ChaosRun: Sendable {
    let scenario: Scenario
    var topology = Topology.one
    let seed: UInt64
    /// Of the load.
    var length = Duration.seconds(5)
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
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let (clientLoop, proxyLoop) = (group.next(), group.next())
        do {
            let verdict = try await ChaosSystem.run(
                scenario,
                on: topology,
                proxyLoop: proxyLoop,
                seed: seed,
                environment: scenario.environment.merging(environment) { $1 }
            ) { system in
                try await play(on: system, clientLoop)
            }
            try await group.shutdownGracefully()
            return verdict
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
    }

    private func play(on system: ChaosSystem, _ loop: any EventLoop) async throws -> Verdict {
        let crowd = try await Crowd.gather(run: self, system: system, loop: loop)
        try await crowd.startTalking(rate: rate)
        let begin = ContinuousClock.now
        let schedule = scenario.schedule(seed: seed, over: length)
        let end = begin + length
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                for timed in schedule {
                    try await Task.sleep(until: begin + timed.at, clock: .continuous)
                    if scenario.losesLastPublications, ContinuousClock.now > end { break }
                    try await system.endure(timed.fault) {
                        try await crowd.cut(share: $0)
                    } healed: {
                        try await crowd.noteHealed()
                    }
                }
            }
            try await Task.sleep(until: end, clock: .continuous)
            try await crowd.stopTalking()
            try await tasks.waitForAll()
        }
        if scenario.losesLastPublications { try await sayInVain(crowd, system) }
        let verdict = try await settle(crowd, system)
        try await crowd.leave()
        return verdict
    }

    /// Each customer says one last thing, which is published in vain. Nothing follows that would make it missed.
    private func sayInVain(_ crowd: Crowd, _ system: ChaosSystem) async throws {
        try await Task.sleep(for: .milliseconds(500))
        try await system.proxy?.change { $0.loss = .allButTicks }
        try await crowd.sayOneLastThing()
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
                if verdict.lost - verdict.forgotten + verdict.unanswered == 0 || isLate { return verdict }
            }
            try await Task.sleep(for: pause)
            pause = min(pause * 2, .seconds(2))
        }
    }
}
