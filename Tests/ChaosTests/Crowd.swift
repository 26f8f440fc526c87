import Messaging
import NIOCore

/// The customers and agents of a run. Each customer has one conversation, answered by one agent.
///
/// Three of four customers, and all agents but the last, speak the full dialect.
///
/// Owner: the clients' event loop.
// @unchecked: mutable state is read and written on the event loop only.
final class Crowd: @unchecked Sendable {
    /// By customer.
    let threads: [Thread]
    let loop: any EventLoop
    let recorder: Recorder
    let customers: [any LoadClient]
    let agents: [any LoadClient]
    private var talking: [RepeatedTask] = []
    var chance: SeededGenerator
    /// The clients that faults met which do not meet all, and whoever talks with them.
    var victims: Set<String> = []
    var involved: Set<String> = []
    /// Connections that clients left without a word and that their gateway has not ended, and how long it took at most.
    var halfOpen = 0
    var longestHalfOpen = TimeAmount.zero
    /// How many floods there were; changed by one task at a time.
    var floods = 0

    var conversations: Set<UniqueID> { Set(threads.map(\.conversation)) }

    /// Who talks with whom.
    struct Thread: Sendable {
        let customer: UniqueID
        let conversation: UniqueID
        let agent: Agent
    }

    /// Brings everybody in: each customer says something, and is given to an agent, who connects then.
    static func gather(run: ChaosRun, system: ChaosSystem, loop: any EventLoop) async throws -> Crowd {
        let recorder = Recorder(seed: run.seed)
        let ports = system.clientPorts
        let receiveBuffer = run.scenario.receiveBuffer
        let tokens = TokenStore(redis: system.client, lifetime: .seconds(24 * 3600))
        let make = { @Sendable (name: String, isFull: Bool, token: Token, number: Int) -> any LoadClient in
            let connection = ClientConnection(
                eventLoop: loop,
                ports: ports,
                token: token.text,
                isFull: isFull,
                receiveBuffer: receiveBuffer,
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

        var threads: [Thread] = []
        for (number, customer) in customers.enumerated() {
            let conversation = try await firstConversation(of: customer.id, system)
            // Each agent has customers of both dialects.
            let agent = agents[(number + number / agents.count) % agents.count]
            _ = try await ConversationStore(redis: system.client)
                .claim(conversation, by: agent.record.id, role: .agent, name: agent.record.name)
            threads.append(Thread(customer: customer.id, conversation: conversation, agent: agent.record))
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
            threads: threads,
            seed: run.seed
        )
    }

    private init(
        loop: any EventLoop,
        recorder: Recorder,
        customers: [any LoadClient],
        agents: [any LoadClient],
        threads: [Thread],
        seed: UInt64
    ) {
        self.loop = loop
        self.recorder = recorder
        self.customers = customers
        self.agents = agents
        self.threads = threads
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
    ///
    /// - Parameter unheardShare: how many of the messages are published in vain.
    func startTalking(rate: Int, unheardShare: Double) async throws {
        try await loop.submit { [self] in
            recorder.unheardShare = unheardShare
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

    /// Each customer says something, which may be published in vain.
    func sayOneLastThing(isUnheard: Bool) async throws {
        try await loop.submit { [self] in
            recorder.unheardShare = isUnheard ? 1 : 0
            for customer in customers { customer.speak(in: nil) }
        }.get()
    }

    /// Each guide client says so many things at once.
    func burst(_ count: Int) async throws {
        try await loop.submit { [self] in
            for client in customers + agents where client is GuideClient {
                for _ in 0..<count { client.speak(in: client.conversations.first) }
            }
        }.get()
    }

    func note(_ event: History.Event) async throws {
        try await loop.submit { [recorder] in recorder.record(event) }.get()
    }

    // MARK: The end

    /// Whether everybody is connected and has an answer to everything.
    func isSettled() async throws -> Bool {
        try await loop.submit { [self] in halfOpen == 0 && (customers + agents).allSatisfy(\.isSettled) }.get()
    }

    func history() async throws -> History { try await loop.submit { [recorder] in recorder.history }.get() }

    /// What became of the connections that were left without a word.
    func judgeHalfOpen(_ verdict: Verdict) async throws -> Verdict {
        try await loop.submit { [self] in
            var verdict = verdict
            if halfOpen > 0 { verdict.complain("\(halfOpen) half-open connections were not ended.") }
            // Two heartbeats of two seconds at most, seen once a second, and time to spare for a busy machine.
            if longestHalfOpen > .seconds(10) {
                verdict.complain(
                    "A half-open connection was ended after \(longestHalfOpen.nanoseconds / 1_000_000) ms."
                )
            }
            return verdict
        }.get()
    }

    func namesOfVictims() async throws -> (victims: Set<String>, involved: Set<String>) {
        try await loop.submit { [self] in (victims, involved) }.get()
    }

    func leave() async throws {
        try await loop.submit { [self] in for client in customers + agents { client.connection.stop() } }.get()
    }
}
