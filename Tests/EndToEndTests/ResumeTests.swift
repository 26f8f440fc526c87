import Foundation
import Testing

/// Clients that come back after they missed a lot.
@Suite("Resuming", .serialized)
struct ResumeTests {
    /// Takes what comes until the message with this seq has, and gives the seqs of all messages in the order they came.
    private func seqs(_ socket: WebSocketClient, until last: Int) async throws -> [Int] {
        var seqs: [Int] = []
        while seqs.last != last {
            let texts = try await socket.inbox.wait(for: "seq \(last) after \(seqs.last ?? 0)", timeout: .seconds(60)) {
                state in
                let fitting = state.texts.filter { $0.type == "message" || $0.type == "" }
                guard !fitting.isEmpty else { return nil as [WebSocketClient.Text]? }
                state.texts.removeAll { $0.type == "message" || $0.type == "" }
                return fitting
            }
            seqs += texts.compactMap { $0.json["seq"].int }
        }
        return seqs
    }

    private func say(_ count: Int, _ content: String, in pair: Stack.Pair) async throws {
        for start in stride(from: 0, to: count, by: 500) {
            let numbers = start..<min(start + 500, count)
            for number in numbers {
                try await pair.agentSocket.say(
                    "\(number) \(content)",
                    in: pair.conversation,
                    dialect: .full,
                    clientMessageID: "\(number)"
                )
            }
            for _ in numbers { try await pair.agentSocket.next("an ack", timeout: .seconds(60)) { $0.type == "ack" } }
        }
    }

    @Test("10,000 missed messages come complete and in order, at the reader's pace, in little of the gateway's memory")
    func tenThousand() async throws {
        try await DirectStack.run { direct in
            let stack = direct.stack
            let pair = try await stack.conversation(customerOn: 1, agentOn: 1, dialect: .full)
            try await pair.customerSocket.synchronize()
            try await pair.customerSocket.close()
            try await say(10_000, String(repeating: "长", count: 300), in: pair)

            let before = try direct.gateway(0).residentKilobytes()
            let back = try await stack.connect(pair.customer.token, gateway: 0, dialect: .full)
            try await back.next("the welcome") { $0.type == "welcome" }
            try await back.send(
                #"{"type":"resume","conversationId":"\#(pair.conversation)","generation":1,"seq":2}"#
            )
            try await back.stopReading()
            var peak = 0
            for _ in 0..<20 {
                peak = max(peak, try direct.gateway(0).residentKilobytes() - before)
                try await Task.sleep(for: .milliseconds(50))
            }
            // All of it is 10 MB.
            print("A client that resumes 10,000 messages and does not read holds \(peak) kB")
            #expect(peak < 4096)
            try await back.resumeReading()
            var expected = 3
            for seq in try await seqs(back, until: 10_002) where seq >= expected {
                // What came before `resume` was taken comes again.
                #expect(seq == expected)
                expected = seq + 1
            }
            #expect(expected == 10_003)
        }
    }

    @Test(
        "A position that the log no longer has gets `reset`; a guide client gets what is left, and the gateway says so"
    )
    func trimmed() async throws {
        try await DirectStack.run(settings: ["CONVERSATION_LOG_LIMIT": "100"]) { direct in
            let stack = direct.stack
            let pair = try await stack.conversation(customerOn: 1, agentOn: 1, dialect: .full)
            try await pair.customerSocket.synchronize()
            try await pair.customerSocket.close()
            try await say(600, "长", in: pair)

            let full = try await stack.connect(pair.customer.token, gateway: 0, dialect: .full)
            let reset = try await full.next("the reset") { $0.type == "reset" }
            let first = try #require(reset.json["from"].int)
            #expect(first > 3)
            #expect(reset.conversation == pair.conversation)
            #expect(try await seqs(full, until: 602) == Array(first...602))
            // Nothing was acknowledged, so the guide's client is behind as far.
            let guide = try await stack.connect(pair.customer.token, gateway: 0)
            #expect(try await seqs(guide, until: 602) == Array(first...602))
            try await direct.gateway(0).line(containing: "Messages left the log before they were delivered")
            try await guide.say("还在")
            try await pair.agentSocket.next("the customer's word") { $0.content == "还在" }
        }
    }
}
