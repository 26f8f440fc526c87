import Foundation
import Testing

/// What `deploy/chaos` runs: the scenarios it was asked for, for as long as it was asked to.
@Suite("The chaos schedule", .serialized, .enabled(if: ChaosSettings.isChosen))
struct FullScheduleTests {
    @Test("All scenarios that were asked for exist")
    func names() throws {
        for name in ChaosSettings.current.unknown { try write("There is no scenario \(name) on this topology.") }
        #expect(ChaosSettings.current.unknown == [])
    }

    @Test("A message that was acknowledged arrives once, in order", arguments: ChaosSettings.current.scenarios)
    func promise(scenario: Scenario) async throws {
        let settings = ChaosSettings.current
        if settings.listsOnly {
            return try write("\(scenario.name.padded(to: 24)) \(scenario.summary)")
        }
        var run = ChaosRun(scenario: scenario, topology: settings.topology, seed: settings.seed)
        run.length = settings.length / settings.scenarios.count
        run.rate = settings.rate
        run.patience = .seconds(30)
        do {
            let verdict = try await run.verdict()
            try write(verdict.line(for: scenario))
            for example in verdict.examples { try write("    \(example)") }
            #expect(verdict.keepsPromise(exceptForgotten: scenario.mayForget))
        } catch {
            try write("\(scenario.name.padded(to: 24)) could not be played: \(error)")
            throw error
        }
    }

    /// Into the file that `deploy/chaos` shows at once: the test runner holds standard output back.
    private func write(_ line: String) throws {
        guard let path = ProcessInfo.processInfo.environment["CHAOS_OUTPUT"] else { return print(line) }
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try file.seekToEnd()
        try file.write(contentsOf: Data("\(line)\n".utf8))
        try file.close()
    }
}

/// What `deploy/chaos` was asked for, from its environment.
struct ChaosSettings: Sendable {
    var scenarios: [Scenario] = []
    /// Names that are no scenario's.
    var unknown: [String] = []
    var topology = Topology.one
    var seed: UInt64 = 1
    var length = Duration.seconds(60)
    var rate = 300
    var listsOnly = false

    /// Whether `deploy/chaos` runs, and not all tests.
    static let isChosen = ProcessInfo.processInfo.environment["CHAOS_RUN"] == "1"

    static let current: ChaosSettings = {
        let environment = ProcessInfo.processInfo.environment
        var settings = ChaosSettings()
        settings.topology = environment["CHAOS_TOPOLOGY"].flatMap(Topology.init) ?? .one
        settings.seed = environment["CHAOS_SEED"].flatMap(UInt64.init) ?? 1
        settings.length = .seconds(60 * (environment["CHAOS_MINUTES"].flatMap(Double.init) ?? 10))
        settings.rate = environment["CHAOS_RATE"].flatMap(Int.init) ?? 300
        settings.listsOnly = environment["CHAOS_LIST"] == "1"
        let names = (environment["CHAOS_ONLY"] ?? "").split(separator: ",").map(String.init)
        let all = Scenario.all(on: settings.topology)
        settings.unknown = names.filter { name in !all.contains { $0.name == name } }
        settings.scenarios = names.isEmpty ? all : all.filter { names.contains($0.name) }
        return settings
    }()
}

extension Scenario {
    static func all(on topology: Topology) -> [Scenario] { all.filter { $0.topologies.contains(topology) } }
}

extension Verdict {
    /// One line for people.
    func line(for scenario: Scenario) -> String {
        let numbers = [
            "sent \(sent)", "acknowledged \(acknowledged)", "delivered \(delivered)", "lost \(lost)",
            "duplicated \(duplicated)", "out of order \(outOfOrder)", "longest gap \(longestGap.inSeconds) s",
            "back within \(Duration.nanoseconds(backlog).inSeconds) s",
        ]
        let more = [
            "99 % within \(usualGap.inSeconds) s", "unanswered \(unanswered)", "different \(different)",
            "forgotten by Redis \(forgotten)",
            "shown again in the guide dialect \(repeated)", "held back by clients \(suppressed)", "resets \(resets)",
        ]
        return "\(scenario.name.padded(to: 24)) \(numbers.joined(separator: "  "))  (\(more.joined(separator: ", ")))"
    }
}

extension Duration {
    fileprivate var inSeconds: String {
        let milliseconds = components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
        return "\(milliseconds / 1000).\(String(1000 + milliseconds % 1000).dropFirst())"
    }
}

extension String {
    fileprivate func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
