import Testing

/// The main job: a customer on one gateway and an agent on the other talk through Redis.
@Suite("Two gateways", .serialized)
struct TwoGatewaysTests {
    /// Messages each way.
    private static let count = 10_000
    /// How many a sender is ahead of its receiver at most.
    private static let window = 64

    @Test(
        "10,000 messages each way arrive in order, none lost, none twice",
        arguments: [WebSocketClient.Dialect.guide, .full]
    )
    func tenThousandEachWay(dialect: WebSocketClient.Dialect) async throws {
        let stack = try await Stack.shared()
        let pair = try await stack.conversation(customerOn: 0, agentOn: 1, dialect: dialect)
        try await pair.customerSocket.synchronize()
        try await pair.agentSocket.synchronize()
        pair.customerSocket.inbox.update { $0.texts = [] }
        pair.agentSocket.inbox.update { $0.texts = [] }

        async let asked = Self.stream(
            "customer",
            from: pair.customerSocket,
            to: pair.agentSocket,
            in: pair.conversation,
            dialect: dialect
        )
        async let answered = Self.stream(
            "agent",
            from: pair.agentSocket,
            to: pair.customerSocket,
            in: pair.conversation,
            dialect: dialect
        )
        let (askedSeqs, answeredSeqs) = try await (asked, answered)

        // Each message has a place of its own in the log, and both sides' together fill it.
        #expect((askedSeqs + answeredSeqs).sorted() == Array(3..<(3 + 2 * Self.count)))

        // Nothing comes after the last: had one been sent twice, it would be here now.
        try await pair.customerSocket.synchronize()
        try await pair.agentSocket.synchronize()
        for socket in [pair.customerSocket, pair.agentSocket] {
            let late = socket.unread.filter { $0.conversation == pair.conversation && $0.type != "receipt" }
            #expect(late.map(\.text) == [])
        }
    }

    /// Sends `count` messages, never more than `window` ahead of what has arrived, and takes them where they arrive.
    ///
    /// - Returns: Their seqs, in the order of arrival.
    private static func stream(
        _ name: String,
        from sender: WebSocketClient,
        to receiver: WebSocketClient,
        in conversation: String,
        dialect: WebSocketClient.Dialect
    ) async throws -> [Int] {
        var seqs: [Int] = []
        var sent = 0
        var acknowledged = 0
        while seqs.count < count {
            while sent < min(seqs.count + window, count) {
                try await sender.say(
                    "\(name) \(sent)",
                    in: conversation,
                    dialect: dialect,
                    clientMessageID: dialect == .full ? "\(name)-\(sent)" : nil
                )
                sent += 1
            }
            let message = try await receiver.next("\(name) \(seqs.count)", timeout: .seconds(60)) {
                $0.conversation == conversation && $0.content.hasPrefix(name)
            }
            guard message.content == "\(name) \(seqs.count)", let seq = message.json["seq"].int else {
                throw EndToEndError("Expected \(name) \(seqs.count), got \(message.text)")
            }
            seqs.append(seq)
            if dialect == .full {
                // The durable write is acknowledged, in order, with the seq that the receiver sees.
                let ack = try await sender.next("the ack of \(acknowledged)", timeout: .seconds(60)) {
                    $0.type == "ack"
                }
                guard ack.json["clientMessageId"] == .string("\(name)-\(acknowledged)"), ack.json["seq"].int == seq
                else {
                    throw EndToEndError("Expected the ack of \(name)-\(acknowledged) with seq \(seq), got \(ack.text)")
                }
                acknowledged += 1
            }
        }
        return seqs
    }
}
