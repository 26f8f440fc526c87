import Hiredis
import Messaging
import NIOCore
import NIOPosix

/// Many messages at once in one conversation, from its agent, past the gateways: as fast as Redis stores them.
struct Flood {
    let conversation: UniqueID
    let agent: Agent
    /// A sender of its own, so that its messages need not be in order with what the agent's client says.
    let sender: String
    let system: ChaosSystem
    /// How many are under way at once.
    private static let batch = 200

    init(_ thread: Crowd.Thread, number: Int, system: ChaosSystem) {
        conversation = thread.conversation
        agent = thread.agent
        sender = "flood\(number)"
        self.system = system
    }

    /// - Parameters:
    ///   - bytes: of each message, about.
    ///   - record: told what is sent and acknowledged, in this order.
    func pour(_ count: Int, bytes: Int, record: @Sendable ([History.Event]) async throws -> Void) async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let redis = system.client.connection(for: loop)
        let padding = String(repeating: "x", count: bytes)
        var next = 1
        while next <= count {
            let labels = (next..<min(next + Self.batch, count + 1)).map { History.Label(sender, $0) }
            next += labels.count
            try await record(labels.map { .sent($0, connection: 1) })
            let places = try await loop.flatSubmit { [self] in
                let log = MessageLog(redis: redis, limits: .init(log: 1_000_000, conversationsPerCustomer: 200))
                let appends = labels.map { label in
                    let promise = loop.makePromise(of: AppendedMessage.self)
                    log.append(
                        from: log.sender(
                            .agent(id: agent.id, role: agent.role, name: agent.name),
                            origin: "\(sender):0"
                        ),
                        reference: conversation.description,
                        tail: Message.recordTail(
                            content: ByteBuffer(string: "\"\(label) \(padding)\""),
                            metadata: nil,
                            clientMessageID: nil,
                            senderNote: nil
                        ),
                        clientMessageID: nil
                    ) { promise.completeWith($0.mapError { $0 as any Error }) }
                    return promise.futureResult
                }
                return EventLoopFuture.whenAllSucceed(appends, on: loop)
            }.get()
            try await record(
                zip(labels, places).map { label, message in
                    .acknowledged(
                        label,
                        .init(conversation: conversation.description, seq: message.seq, id: message.id.description)
                    )
                }
            )
        }
    }
}
