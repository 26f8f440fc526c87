import Foundation

/// Plays ``ConformanceCase``s: each as a customer of its own, whose messages an agent on another gateway receives.
struct ConformanceRun: Sendable {
    struct Result: Sendable {
        let played: ConformanceCase
        let outcome: ConformanceCase.Outcome
        let verdict: ConformanceCase.Verdict
    }

    let stack: Stack
    /// Where the cases are played: a gateway's port, or the edge's.
    let port: Int
    private let agent: WebSocketClient
    private let agentToken: String

    /// Cases that are played at once.
    private static let concurrency = 8
    /// How long what is expected may take.
    private static let patience = Duration.seconds(20)

    init(_ stack: Stack, port: Int) async throws {
        self.stack = stack
        self.port = port
        let agent = try await stack.newAgent()
        agentToken = agent.token
        self.agent = try await stack.connect(agent.token, gateway: 1)
    }

    func play(_ cases: [ConformanceCase]) async throws -> [Result] {
        try await withThrowingTaskGroup(of: Result.self) { group in
            var results: [Result] = []
            for (index, next) in cases.enumerated() {
                if index >= Self.concurrency, let result = try await group.next() { results.append(result) }
                group.addTask { try await play(next) }
            }
            for try await result in group { results.append(result) }
            return results
        }
    }

    private func play(_ played: ConformanceCase) async throws -> Result {
        let customer = try await stack.newCustomer("conformance \(played.number)")
        // An answer to a ping of the server would stand in the middle of a frame that is sent in pieces.
        let client = try await WebSocketClient.connect(to: port, token: customer.token, answersPings: false)
        let expected = played.expected

        var pieces = 0
        var piecesUntilClose: Int?
        for step in played.steps {
            switch step {
            case .bytes(let bytes):
                guard !client.inbox.current.hasEnded else { break }
                try? await client.send(bytes: bytes)
                pieces += 1
            case .pause:
                let mayFail = pieces >= played.failsWithin ?? .max
                _ = try? await client.closing(timeout: mayFail ? Self.patience : .milliseconds(200))
            }
            if piecesUntilClose == nil, client.inbox.current.closing != nil { piecesUntilClose = pieces }
        }

        var outcome = ConformanceCase.Outcome()
        if expected.close != nil { _ = try? await client.closing(timeout: Self.patience) }
        _ = try? await client.inbox.wait(for: "pongs", timeout: Self.patience) { state in
            state.pongs.count >= expected.pongs.count || state.hasEnded ? true : nil
        }
        _ = try? await client.inbox.wait(for: "errors", timeout: Self.patience) { state in
            state.texts.count >= expected.errors.count || state.hasEnded ? true : nil
        }
        for _ in expected.echoes {
            guard let echo = try? await nextEcho(of: customer.id, timeout: Self.patience) else { break }
            outcome.echoes.append(echo)
        }
        outcome.close = client.inbox.current.closing?.code
        if outcome.close == nil, try await client.close().code != 1000 { outcome.close = -1 }
        // Whatever was stored beyond what was expected.
        let stored = try await storedMessages(of: customer.id)
        while outcome.echoes.count < stored, let echo = try? await nextEcho(of: customer.id, timeout: .seconds(5)) {
            outcome.echoes.append(echo)
        }
        outcome.pongs = client.inbox.current.pongs
        outcome.errors = client.unread.map { $0.json["error"]["code"].string ?? $0.text }
        let verdict = played.verdict(on: outcome, closedAfter: piecesUntilClose ?? pieces)
        return Result(played: played, outcome: outcome, verdict: verdict)
    }

    private func nextEcho(of customer: String, timeout: Duration) async throws -> String {
        try await agent.next("an echo", timeout: timeout) { $0.json["senderId"].string == customer }.content
    }

    private func storedMessages(of customer: String) async throws -> Int {
        let found = try await stack.demand("GET", "/api/v1/conversations?customer=\(customer)", token: agentToken)
        return found["content"].array.first?["lastSeq"].int ?? 0
    }
}
