import Foundation
import Testing

@Suite("Attacks", .serialized)
struct AttackTests {
    /// By how much all attacks together may make each part's memory grow: 5,000 sockets take 40 MB in a gateway's HTTP parser.
    private static let maxGrowthKilobytes = 96 * 1024
    /// How often an attack is tried, as others may be busy on this machine.
    private static let trials = 8

    @Test(
        "Each attack is refused, those who talk meanwhile hardly notice, newcomers are let in, and memory stays bounded"
    )
    func all() async throws {
        var files = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &files)
        files.rlim_cur = files.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &files)
        try #require(files.rlim_max > 12_000, "This test needs 12,000 open files.")
        let settings = [
            "ALLOWED_ORIGINS": Attacks.allowedOrigin, "HANDSHAKES_PER_SECOND": "200",
            "FAILED_TOKENS_PER_MINUTE": "60",
            "MAX_CONNECTIONS_PER_TOKEN": "10", "MESSAGES_PER_SECOND": "200", "LOG_LEVEL": "info",
            "MAX_CONNECTIONS_PER_ADDRESS": "2000", "MAX_CONNECTIONS_PER_CUSTOMER": "100",
            "BYTES_PER_SECOND": "262144",
        ]
        try await DirectStack.run(settings: settings, gateways: 1, edge: ["EDGE_REFUSALS_PER_ADDRESS": "300"]) {
            direct in
            let begin = ContinuousClock.now
            let before = try direct.memoryKilobytes()
            // They come by the edge, as everybody does.
            let pair = try await direct.stack.conversation()
            var talk = try await Talk(pair: pair, programs: [direct.gateway(0), direct.edge], stack: direct.stack)
            let attacks = try await Attacks(stack: direct.stack)
            try await Attacker.with { attacker in
                for attempt in attacks.all {
                    do {
                        var report = try await talk.during(attempt, by: attacker)
                        for _ in 1..<Self.trials where report.slowdown > attempt.maxSlowdown {
                            print(report)
                            report = try await talk.during(attempt, by: attacker)
                        }
                        print(report)
                        #expect(report.slowdown <= attempt.maxSlowdown, "\(attempt.name)")
                    } catch let failure as Attacks.Failed {
                        Issue.record("\(attempt.name): \(failure)")
                    }
                }
            }
            for (part, kilobytes) in try direct.memoryKilobytes().sorted(by: { $0.key < $1.key }) {
                let growth = kilobytes - before[part, default: 0]
                print("Memory of \(part): \(growth) kB more.")
                #expect(growth < Self.maxGrowthKilobytes, "\(part)")
            }
            #expect(direct.gateway(0).isRunning)
            let log = direct.gateway(0).output
            #expect(log.contains("Clients were refused."))
            // One line a second at most, whatever was refused.
            let seconds = Int((ContinuousClock.now - begin) / .seconds(1)) + 1
            #expect(log.components(separatedBy: "Clients were refused.").count - 1 <= seconds)
            #expect(pair.customerSocket.unread.isEmpty)
            #expect(pair.customerSocket.inbox.current.closing == nil)
            #expect(pair.agentSocket.inbox.current.closing == nil)
        }
    }
}

/// Two who talk all the time, in quiet and under attack. That all arrives, and in order, is demanded of each word.
private struct Talk {
    let pair: Stack.Pair
    /// Whose work is counted: a gateway and the edge.
    let programs: [Program]
    let edgePort: Int
    /// Who comes again and again.
    let newcomer: Stack.Customer
    private var count = 0
    private var quiet = Waits()
    private var quietNewcomers = Waits()
    /// Who comes in an attack that is short is too few to tell of: it is repeated until they talked so often.
    private static let leastRounds = 300
    private static let mostRepetitions = 20

    init(pair: Stack.Pair, programs: [Program], stack: Stack) async throws {
        self.pair = pair
        self.programs = programs
        edgePort = stack.edgePort
        newcomer = try await stack.newCustomer()
    }

    /// Some rounds in quiet, and then as many as an attack lasts. Newcomers come in both.
    mutating func during(_ attempt: Attacks.Attempt, by attacker: Attacker) async throws -> Report {
        let isQuiet = Watched(true)
        async let earlier = newcomers { isQuiet.current }
        for _ in 0..<100 { quiet.times.append(try await round()) }
        isQuiet.update { $0 = false }
        quietNewcomers.times += try await earlier.times

        let worked = try programs.map { try $0.processorSeconds() }
        let rounds = Watched(0)
        let isAttacked = Watched(true)
        async let outcome = { () async throws -> String in
            defer { isAttacked.update { $0 = false } }
            var outcome = ""
            for _ in 0..<Self.mostRepetitions where rounds.current < Self.leastRounds {
                outcome = try await attacker.run(attempt.attack)
            }
            return outcome
        }()
        async let newcomers = newcomers { isAttacked.current }
        var attacked = Waits()
        repeat {
            attacked.times.append(try await round())
            rounds.update { $0 += 1 }
        } while isAttacked.current
        return Report(
            attempt: attempt.name,
            outcome: try await outcome,
            quiet: quiet,
            attacked: attacked,
            newcomers: (quietNewcomers, try await newcomers),
            work: try zip(programs, worked).map { try $0.processorSeconds() - $1 }
        )
    }

    /// Somebody comes again and again, by the edge: each time it has to be let in.
    private func newcomers(while isTime: @Sendable () -> Bool) async throws -> Waits {
        var waits = Waits()
        repeat {
            let begin = ContinuousClock.now
            let connection = try await RawConnection(to: edgePort, from: "127.0.0.77")
            try await connection.send(Attacks.handshake(token: newcomer.token))
            let status = try await connection.status()
            waits.times.append(ContinuousClock.now - begin)
            #expect(status == 101, "a newcomer")
            try await Task.sleep(for: .milliseconds(50))
        } while isTime()
        return waits
    }

    private mutating func round() async throws -> Duration {
        count += 1
        let begin = ContinuousClock.now
        try await pair.talk("\(count)")
        let time = ContinuousClock.now - begin
        // Well within what a client may send.
        try await Task.sleep(for: .milliseconds(10))
        return time
    }
}

/// How long they waited for two messages, one each way.
private struct Waits: CustomStringConvertible {
    var times: [Duration] = []

    func percentile(_ share: Double) -> Duration {
        times.sorted()[min(times.count - 1, Int(Double(times.count) * share))]
    }

    /// The middle one, the 99th of a hundred, and how many there were.
    var description: String {
        let milliseconds = [0.5, 0.99].map { String(format: "%.1f", percentile($0) / .milliseconds(1)) }
        return "\(milliseconds.joined(separator: " / ")) ms (\(times.count))"
    }
}

/// A line of the table.
private struct Report: CustomStringConvertible {
    let attempt: String
    let outcome: String
    /// All of this run so far.
    let quiet: Waits
    let attacked: Waits
    let newcomers: (quiet: Waits, attacked: Waits)
    /// Seconds that gateway and edge had of the processors.
    let work: [Double]

    var slowdown: Double { attacked.percentile(0.99) / quiet.percentile(0.99) }

    var description: String {
        let work = work.map { String(format: "%.2f", $0) }.joined(separator: " + ")
        let ratio = String(format: "%.1f", slowdown)
        return
            "| \(attempt) | \(outcome) | \(quiet) | \(attacked), \(ratio) × | newcomers \(newcomers.quiet), \(newcomers.attacked) | \(work) s |"
    }
}

extension Program {
    /// What it has had of the processors.
    fileprivate func processorSeconds() throws -> Double {
        let stat = String(decoding: try read("stat"), as: UTF8.self)
        // The name, which may have spaces, ends with the last parenthesis; proc(5) counts from 1, and it is the second.
        let fields = stat.split(separator: ")").last?.split(separator: " ") ?? []
        let ticks = fields.dropFirst(11).prefix(2).compactMap { Double($0) }
        return ticks.reduce(0, +) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }
}
