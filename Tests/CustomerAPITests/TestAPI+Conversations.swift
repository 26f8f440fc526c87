import Messaging
import NIOCore
import NIOPosix
import Testing

/// What gateways do, for tests of what is read and changed by REST.
extension TestAPI {
    func newCustomer(_ channelID: String = "web_1", name: String = "张三") async throws -> Principal {
        let id = try await customerToken(name: name, channelID: channelID).data["customerId"].text
        return .customer(id: try #require(UniqueID(id)), channel: .web)
    }

    /// The agent with this login, as a gateway knows it.
    func agent(_ login: String) async throws -> Principal {
        let agent = try #require(try await AgentStore(redis: redis).credentials(for: login)?.agent)
        return .agent(id: agent.id, role: agent.role, name: agent.name)
    }

    /// Says something as a gateway would.
    func say(
        _ text: String,
        as principal: Principal,
        in conversation: UniqueID? = nil,
        metadata: String? = nil
    ) async throws -> AppendedMessage {
        try await onLog { log, done in
            log.append(
                from: log.sender(principal, origin: "-"),
                reference: conversation?.description ?? "",
                tail: Message.recordTail(
                    content: ByteBuffer(string: JSONText.literal(text)),
                    metadata: metadata.map { ByteBuffer(string: $0) },
                    clientMessageID: nil,
                    senderNote: nil
                ),
                clientMessageID: nil,
                done
            )
        }
    }

    /// Connects somebody to a mailbox that nobody reads, or (`connections` 0) takes them away again.
    func register(_ principal: Principal, connections: Int) async throws {
        switch principal {
        case .customer(let id, _):
            let _: [ConversationPosition] = try await onLog { log, done in
                log.registerCustomer(id, in: "g.0", connections: connections, full: 0, listing: false, done)
            }
        case .agent(let id, _, _):
            let _: [ConversationPosition] = try await onLog { log, done in
                log.registerAgent(
                    id,
                    in: "g.0",
                    connections: connections,
                    full: 0,
                    listing: false,
                    partitions: [.ofAgents],
                    done
                )
            }
        }
    }

    private func onLog<Value: Sendable>(
        _ body: @escaping @Sendable (MessageLog, @escaping MessageLog.Completion<Value>) -> Void
    ) async throws -> Value {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let promise = loop.makePromise(of: Value.self)
        let redis = redis
        loop.execute {
            let limits = MessageLog.Limits(log: 1000, conversationsPerCustomer: 100)
            body(MessageLog(redis: redis.connection(for: loop), limits: limits)) {
                promise.completeWith($0.mapError { $0 as any Error })
            }
        }
        return try await promise.futureResult.get()
    }
}
