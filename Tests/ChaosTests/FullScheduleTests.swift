import Foundation
import Testing

/// What `deploy/chaos` runs: the scenarios it was asked for, for as long as it was asked to.
@Suite("The chaos schedule", .serialized, .enabled(if: ChaosSettings.isChosen))
struct FullScheduleTests {
    @Test("All scenarios that were asked for exist")
    func names() throws {
        for name in ChaosSettings.current.unknown {
            try write("There is no scenario \(name) on this topology.", to: .lines)
        }
        #expect(ChaosSettings.current.unknown == [])
    }

    @Test("A message that was acknowledged arrives once, in order", arguments: ChaosSettings.current.scenarios)
    func promise(scenario: Scenario) async throws {
        let settings = ChaosSettings.current
        if settings.listsOnly {
            return try write("\(scenario.name.padded(to: 28)) \(scenario.summary)", to: .lines)
        }
        var run = ChaosRun(scenario: scenario, topology: settings.topology, seed: settings.seed)
        run.length = settings.length / settings.scenarios.count
        run.rounds = settings.rounds
        run.rate = settings.rate
        run.customers = settings.customers
        run.agents = max(1, settings.customers / 4)
        run.patience = .seconds(30)
        do {
            let verdict = try await run.verdict()
            try write(verdict.line(for: scenario), to: .lines)
            for line in verdict.complaints + verdict.examples { try write("    \(line)", to: .lines) }
            try write(verdict.row(for: scenario), to: .table)
            #expect(verdict.keepsPromise(scenario.tolerates))
            #expect(verdict.isPrompt)
        } catch {
            try write("\(scenario.name.padded(to: 28)) could not be played: \(error)", to: .lines)
            throw error
        }
    }

    /// Files that `deploy/chaos` shows: the test runner holds standard output back.
    private enum Output: String {
        /// At once.
        case lines = "CHAOS_OUTPUT"
        /// At the end.
        case table = "CHAOS_TABLE"
    }

    private func write(_ line: String, to output: Output) throws {
        guard let path = ProcessInfo.processInfo.environment[output.rawValue] else { return print(line) }
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
    var rounds: Int?
    var rate = 300
    var customers = 16
    var listsOnly = false

    /// Whether `deploy/chaos` runs, and not all tests.
    static let isChosen = ProcessInfo.processInfo.environment["CHAOS_RUN"] == "1"

    static let current: ChaosSettings = {
        let environment = ProcessInfo.processInfo.environment
        func number(_ name: String) -> Int? { environment[name].flatMap(Int.init) }
        var settings = ChaosSettings()
        settings.topology = environment["CHAOS_TOPOLOGY"].flatMap(Topology.init) ?? .one
        settings.seed = environment["CHAOS_SEED"].flatMap(UInt64.init) ?? 1
        settings.length = .seconds(60 * (environment["CHAOS_MINUTES"].flatMap(Double.init) ?? 10))
        settings.rate = number("CHAOS_RATE") ?? 300
        // A client has one message under way at a time and conversation: more load takes more of them.
        settings.customers = max(16, settings.rate / 20 / 4 * 4)
        // Not all of it is sent: nobody speaks who is away, and some wait while Redis is.
        if let messages = number("CHAOS_MESSAGES") {
            settings.length = .seconds(1.25 * Double(messages) / Double(settings.rate))
        }
        settings.rounds = number("CHAOS_ROUNDS")
        settings.listsOnly = environment["CHAOS_LIST"] == "1"
        let names = (environment["CHAOS_ONLY"] ?? "").split(separator: ",").map(String.init)
        let all = Scenario.all(on: settings.topology)
        settings.unknown = names.filter { name in !all.contains { $0.name == name } }
        settings.scenarios = names.isEmpty ? all : all.filter { names.contains($0.name) }
        return settings
    }()
}

extension Verdict {
    /// One line for people.
    func line(for scenario: Scenario) -> String {
        let numbers = [
            "sent \(sent)", "acknowledged \(acknowledged)", "delivered \(delivered)",
            "lost \(lost(scenario.tolerates))",
            "duplicated \(duplicated)", "out of order \(outOfOrder)", "longest gap \(longestGap.inSeconds) s",
            "back within \(back) s",
        ]
        let more = [
            "99 % within \(usualGap.inSeconds) s",
            "lost publications made good, 99 % within \(usualRecovery.inSeconds) s of \(recoveries.count)",
            "reconnects \(reconnects), at most \(mostReconnects) of a client", "unanswered \(unanswered)",
            "different \(different)", "forgotten by Redis \(forgotten)", "ghosts \(ghosts)",
            "shown again in the guide dialect \(repeated)", "held back by clients \(suppressed)", "resets \(resets)",
            "gateways +\(memoryGrowth / 1_048_576) MiB",
        ]
        return "\(scenario.name.padded(to: 28)) \(numbers.joined(separator: "  "))  (\(more.joined(separator: ", ")))"
    }

    /// One row of the table that `deploy/chaos` prints at the end.
    func row(for scenario: Scenario) -> String {
        let cells = [
            scenario.name, "\(sent)", "\(acknowledged)", "\(delivered)", "\(lost(scenario.tolerates))", "\(duplicated)",
            "\(outOfOrder)",
            longestGap.inSeconds, backlog == 0 ? "–" : back,
            recoveries.isEmpty
                ? "–" : usualRecovery.inSeconds + (usualRecovery > Self.recoveryLimit ? " (late)" : ""),
            "\(reconnects)", "\(mostReconnects)", "\(forgotten)",
        ]
        return "| \(cells.joined(separator: " | ")) |"
    }

    private var back: String {
        Duration.nanoseconds(backlog).inSeconds + (.nanoseconds(backlog) > Self.backLimit ? " (late)" : "")
    }

    /// What is promised: from Redis's accepting, or the promotion, until all that waited is shown.
    private static let backLimit = Duration.seconds(2)
    /// And until what was published in vain is shown, for 99 of 100 messages.
    private static let recoveryLimit = Duration.seconds(1.5)
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
