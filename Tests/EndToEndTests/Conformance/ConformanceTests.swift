import Testing

/// RFC 6455 from outside, by the cases of the Autobahn test suite.
@Suite("Conformance to RFC 6455")
struct ConformanceTests {
    @Test("The server does what it must and what it should", arguments: [false, true])
    func server(throughEdge: Bool) async throws {
        // Pings are not answered here.
        let settings = ["MAX_MESSAGE_BYTES": "\(ConformanceCase.maxMessageBytes)", "HEARTBEAT_SECONDS": "3600"]
        try await DirectStack.run(settings: settings) { direct in
            let stack = direct.stack
            let run = try await ConformanceRun(stack, port: throughEdge ? stack.edgePort : stack.gatewayPorts[0])
            let results = try await run.play(ConformanceCase.frames + ConformanceCase.text + ConformanceCase.ends)
            for result in results where result.verdict != .ok {
                Issue.record(
                    "\(result.verdict.rawValue) \(result.played): \(result.outcome), not \(result.played.expected)"
                )
            }
            let count = { (verdict: ConformanceCase.Verdict) in results.count { $0.verdict == verdict } }
            print(
                "RFC 6455, \(throughEdge ? "through the edge" : "straight"): \(results.count) cases, \(count(.ok)) OK,",
                "\(count(.nonStrict)) NON-STRICT, \(count(.failed)) FAILED"
            )
            #expect(results.count > 280)
        }
    }

    @Test("A verdict tells what is right from what is late and what is wrong")
    func verdicts() {
        let played = ConformanceCase(
            number: "0",
            summary: "",
            steps: [],
            expected: .init(close: 1007),
            tolerated: [.init(close: 1002)],
            failsWithin: 2
        )
        #expect(played.verdict(on: .init(close: 1007), closedAfter: 2) == .ok)
        #expect(played.verdict(on: .init(close: 1007), closedAfter: 3) == .nonStrict)
        #expect(played.verdict(on: .init(close: 1002), closedAfter: 1) == .nonStrict)
        #expect(played.verdict(on: .init(), closedAfter: 1) == .failed)
        #expect(played.verdict(on: .init(echoes: ["a"], close: 1007), closedAfter: 1) == .failed)
    }
}
