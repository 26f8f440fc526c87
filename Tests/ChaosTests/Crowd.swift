import Messaging
import NIOCore

/// The customers and agents of a run. Each customer has one conversation, answered by one agent.
///
/// Three of four customers, and all agents but the last, speak the full dialect.
///
/// Owner: the clients' event loop.
// @unchecked: mutable state is read and written on the event loop only.
final class Crowd: @unchecked Sendable {
    let conversations: Set<UniqueID>
    private let loop: any EventLoop
    private let recorder: Recorder
    private let customers: [any LoadClient]
    private let agents: [any LoadClient]
    private var talking: [RepeatedTask] = []
    private var chance: SeededGenerator

    /// Brings everybody in: each customer says something, and is given to an agent, who connects then.
    static func gather(run: ChaosRun, system: ChaosSystem, loop: any EventLoop) async throws -> Crowd {
        let recorder = Recorder()
        let ports = system.gateways.map(\.port)
        let tokens = TokenStore(redis: system.client, lifetime: .seconds(24 * 3600))
        let make = { @Sendable (name: String, isFull: Bool, token: Token, number: Int) -> any LoadClient in
            let connection = ClientConnection(
                eventLoop: loop,
                ports: ports,
                token: token.text,
                isFull: isFull,
                seed: run.seed &+ UInt64(number)
            )
            return isFull
                ? FullClient(name: name, connection: connection, recorder: recorder, habits: run.habits)
                : GuideClient(name: name, connection: connection, recorder: recorder)
        }

        var agents: [(client: any LoadClient, record: Agent, isFull: Bool)] = []
        for number in 0..<run.agents {
            let record = try await AgentStore(redis: system.client)
                .create(login: "agent-\(number)", name: "Agent \(number)", role: .agent, passwordHash: "-")
            let token = try await tokens.issueAgentToken(for: record.id).token
            let isFull = number < run.agents - 1
            agents.append((make("a\(number)", isFull, token, 1000 + number), record, isFull))
        }
        var customers: [(client: any LoadClient, id: UniqueID, isFull: Bool)] = []
        for number in 0..<run.customers {
            let issued = try await tokens.issueToken(
                named: "客户 \(number)",
                for: ChannelIdentity(channel: .web, channelID: "web_\(number)")
            )
            let isFull = number % 4 != 3
            customers.append((make("c\(number)", isFull, issued.token, number), issued.customer, isFull))
        }

        let clients = customers.map(\.client)
        try await loop.submit { for client in clients { client.connection.connect() } }.get()
        try await wait(for: "all customers", on: loop) { clients.allSatisfy(\.isSettled) }
        try await loop.submit { for client in clients { client.speak(in: nil) } }.get()

        var conversations: Set<UniqueID> = []
        for (number, customer) in customers.enumerated() {
            let conversation = try await firstConversation(of: customer.id, system)
            let agent = agents[number % agents.count]
            _ = try await ConversationStore(redis: system.client)
                .claim(conversation, by: agent.record.id, role: .agent, name: agent.record.name)
            conversations.insert(conversation)
            let id = conversation.description
            try await loop.submit {
                agent.client.conversations.append(id)
                recorder.add(
                    customer.client.name,
                    .init(dialect: customer.isFull ? .full : .guide, conversations: [id])
                )
            }.get()
        }
        let answering = agents
        try await loop.submit {
            for agent in answering {
                recorder.add(
                    agent.client.name,
                    .init(dialect: agent.isFull ? .full : .guide, conversations: Set(agent.client.conversations))
                )
                agent.client.connection.connect()
            }
        }.get()
        try await wait(for: "all agents", on: loop) { answering.allSatisfy(\.client.isSettled) }
        return Crowd(
            loop: loop,
            recorder: recorder,
            customers: clients,
            agents: agents.map(\.client),
            conversations: conversations,
            seed: run.seed
        )
    }

    private init(
        loop: any EventLoop,
        recorder: Recorder,
        customers: [any LoadClient],
        agents: [any LoadClient],
        conversations: Set<UniqueID>,
        seed: UInt64
    ) {
        self.loop = loop
        self.recorder = recorder
        self.customers = customers
        self.agents = agents
        self.conversations = conversations
        chance = SeededGenerator(seed: seed)
    }

    private static func firstConversation(of customer: UniqueID, _ system: ChaosSystem) async throws -> UniqueID {
        let deadline = ContinuousClock.now + .seconds(30)
        while true {
            let found = try await ConversationStore(redis: system.client).conversations(
                matching: ConversationFilter(customer: customer),
                page: 0,
                size: 1
            )
            if let conversation = found.content.first { return conversation.id }
            guard ContinuousClock.now < deadline else { throw ChaosError("A customer's first message is not stored.") }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    private static func wait(
        for what: String,
        on loop: any EventLoop,
        until condition: @escaping @Sendable () -> Bool
    ) async throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while try await !loop.submit(condition).get() {
            guard ContinuousClock.now < deadline else { throw ChaosError("Waited in vain for \(what).") }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    // MARK: Talk

    /// From now on everybody speaks: customers in their conversation, agents in one of theirs by chance.
    func startTalking(rate: Int) async throws {
        try await loop.submit { [self] in
            // Customers and agents say as much as each other.
            for (clients, isAgent) in [(customers, false), (agents, true)] {
                let interval = TimeAmount.nanoseconds(Int64(clients.count) * 2_000_000_000 / Int64(rate))
                for client in clients {
                    let delay = TimeAmount.nanoseconds(.random(in: 0...interval.nanoseconds, using: &chance))
                    talking.append(
                        loop.scheduleRepeatedTask(initialDelay: delay, delay: interval) { [self] _ in
                            client.speak(in: isAgent ? client.conversations.randomElement(using: &chance) : nil)
                        }
                    )
                }
            }
        }.get()
    }

    func stopTalking() async throws {
        try await loop.submit { [self] in
            for task in talking { task.cancel() }
            talking = []
        }.get()
    }

    func sayOneLastThing() async throws {
        try await loop.submit { [customers] in for customer in customers { customer.speak(in: nil) } }.get()
    }

    /// Cuts some of the clients off for two seconds.
    func cut(share: Double) async throws {
        try await loop.submit { [self] in
            for client in customers + agents where Double.random(in: 0..<1, using: &chance) < share {
                client.connection.cut(for: .seconds(2))
            }
        }.get()
    }

    func noteHealed() async throws { try await loop.submit { [recorder] in recorder.record(.healed) }.get() }

    // MARK: The end

    /// Whether everybody is connected and has an answer to everything.
    func isSettled() async throws -> Bool {
        try await loop.submit { [self] in (customers + agents).allSatisfy(\.isSettled) }.get()
    }

    func history() async throws -> History { try await loop.submit { [recorder] in recorder.history }.get() }

    func problems() async throws -> [String: Int] { try await loop.submit { [recorder] in recorder.problems }.get() }

    func leave() async throws {
        try await loop.submit { [self] in for client in customers + agents { client.connection.stop() } }.get()
    }
}
