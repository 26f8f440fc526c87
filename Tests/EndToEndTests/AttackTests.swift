import Foundation
import Testing

@Suite("Attacks", .serialized)
struct AttackTests {
    /// By how much all attacks together may make the gateway's memory grow: 5,000 sockets in the HTTP parser take 40 MB.
    private static let maxGrowthKilobytes = 96 * 1024

    @Test("Each attack is refused, those who talk meanwhile miss nothing, and the gateway's memory stays bounded")
    func all() async throws {
        var files = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &files)
        files.rlim_cur = files.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &files)
        try #require(files.rlim_max > 12_000, "This test needs 12,000 open files.")
        let settings = [
            "ALLOWED_ORIGINS": Attacks.allowedOrigin, "HANDSHAKES_PER_SECOND": "200", "FAILED_TOKENS_PER_MINUTE": "60",
            "MAX_CONNECTIONS_PER_TOKEN": "10", "MESSAGES_PER_SECOND": "200",
            "MAX_CONNECTIONS_PER_ADDRESS": "2000", "MAX_CONNECTIONS_PER_CUSTOMER": "100", "BYTES_PER_SECOND": "262144",
        ]
        try await DirectStack.run(settings: settings, gateways: 1) { direct in
            let pair = try await direct.stack.conversation(customerOn: 0, agentOn: 0)
            let attacks = Attacks(
                stack: direct.stack,
                pair: try await direct.stack.conversation(customerOn: 0, agentOn: 0)
            )
            let before = try direct.gateway(0).residentKilobytes()
            var talk = Talk(pair: pair)
            var table: [(attempt: String, outcome: String)] = []
            let attempts: [(String, @Sendable () async throws -> String)] = [
                ("requests never finished", attacks.slowloris), ("handshake flood", attacks.handshakeFlood),
                ("token guessing", attacks.tokenGuessing), ("another's conversation", attacks.crossCustomer),
                ("pages of other sites", attacks.foreignPage), ("scripts in texts", attacks.scripts),
                ("bad frames", attacks.badFrames), ("header bombs", attacks.headerBombs),
                ("request smuggling", attacks.smuggling), ("ping flood", attacks.pingFlood),
            ]
            for (attempt, attack) in attempts {
                try await talk.quietly()
                do {
                    table.append((attempt, try await talk.during(attack)))
                } catch let failure as Attacks.Failed {
                    Issue.record("\(attempt): \(failure)")
                }
            }
            let growth = try direct.gateway(0).residentKilobytes() - before
            for (attempt, outcome) in table { print("| \(attempt) | \(outcome) |") }
            print("Memory of the gateway: \(growth) kB more. \(talk.summary)")
            #expect(growth < Self.maxGrowthKilobytes)
            #expect(direct.gateway(0).isRunning)
            let log = direct.gateway(0).output
            #expect(log.contains("Clients were refused."))
            // One line a second at most, whatever was refused.
            #expect(log.components(separatedBy: "Clients were refused.").count < 60)
            #expect(pair.customerSocket.unread.isEmpty)
            #expect(pair.customerSocket.inbox.current.closing == nil)
            #expect(pair.agentSocket.inbox.current.closing == nil)
        }
    }

    /// Two who talk all the time, in quiet and under attack, and how long they wait for each other.
    ///
    /// That all arrives, and in order, is demanded. How long it takes is only told: attacker, defender and they share one
    /// machine, so a limit would measure the machine.
    private struct Talk {
        let pair: Stack.Pair
        private var count = 0
        private var quiet: [Duration] = []
        private var attacked: [Duration] = []

        init(pair: Stack.Pair) { self.pair = pair }

        mutating func quietly() async throws {
            for _ in 0..<40 { quiet.append(try await round()) }
        }

        mutating func during(_ attack: @escaping @Sendable () async throws -> String) async throws -> String {
            let isOver = Watched(false)
            async let outcome = { () async throws -> String in
                defer { isOver.update { $0 = true } }
                return try await attack()
            }()
            repeat { attacked.append(try await round()) } while !isOver.current
            return try await outcome
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

        var summary: String {
            func of(_ times: [Duration], _ share: Double) -> Duration {
                times.sorted()[min(times.count - 1, Int(Double(times.count) * share))]
            }
            let ratio = of(attacked, 0.99) / of(quiet, 0.99)
            return "Two round trips (p50, p99): \(of(quiet, 0.5)), \(of(quiet, 0.99)) in \(quiet.count) quiet ones; "
                + "\(of(attacked, 0.5)), \(of(attacked, 0.99)) in \(attacked.count) under attack, p99 × \(ratio)."
        }
    }
}
