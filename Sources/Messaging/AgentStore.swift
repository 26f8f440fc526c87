package import Hiredis

/// Agents in Redis. They are few, and all in one partition, so that rules about all of them hold in one script.
package struct AgentStore: Sendable {
    private let redis: RedisClient

    /// How many agents there may be; one more is refused. Rules such as "the last admin stays" look at all of them.
    package static let maxAgents = 10_000
    /// Failed logins that cost nothing. After the n-th from here on, 2^n seconds must pass, at most ``loginMemory``.
    package static let freeLoginFailures = 5
    /// How long after the last failed login all are forgotten.
    package static let loginMemory = Duration.seconds(15 * 60)

    package init(redis: RedisClient) { self.redis = redis }

    /// - Throws: ``MessagingError`` `.notFound`, `.storeUnavailable`.
    package func agent(_ id: UniqueID) async throws(MessagingError) -> Agent {
        guard let agent = try await agents([id]).first else { throw .noAgent(id) }
        return agent
    }

    /// The agent with a login (lower case), and the password hash.
    ///
    /// - Returns: `nil` if there is none.
    package func credentials(
        for login: String
    ) async throws(MessagingError) -> (agent: Agent, passwordHash: String)? {
        let reply = try await redis.answer(to: RedisCommand("GET", Keyspace.agentLogin(login)))
        guard let id = reply.string.flatMap({ UniqueID($0) }) else { return nil }
        let record = try await redis.answer(to: RedisCommand("HGETALL", Keyspace.agent(id)))
        guard let fields = RecordFields(record.array ?? []), let agent = Agent(id: id, fields: fields),
            let hash = fields["password"]
        else { return nil }
        return (agent, hash)
    }

    /// One page of agents, oldest first.
    package func agents(page: Int, size: Int) async throws(MessagingError) -> Page<Agent> {
        let replies = try await redis.answers(to: [
            RedisCommand("ZCARD", Keyspace.agentList),
            RedisCommand("ZRANGE", Keyspace.agentList, String(page * size), String(page * size + size - 1)),
        ])
        guard let total = replies[0].int, let ids = replies[1].array else {
            throw .unexpectedReply(to: Keyspace.agentList)
        }
        let content = try await agents(ids.compactMap { $0.string.flatMap { UniqueID($0) } })
        return Page(content: content, totalElements: total, page: page, size: size)
    }

    /// Whether anybody can administer the agents.
    package func hasActiveAdmin() async throws(MessagingError) -> Bool {
        var page = 0
        while true {
            let agents = try await agents(page: page, size: Page<Agent>.maxSize)
            if agents.content.contains(where: { $0.role == .admin && $0.active }) { return true }
            page += 1
            if page >= agents.totalPages { return false }
        }
    }

    private func agents(_ ids: [UniqueID]) async throws(MessagingError) -> [Agent] {
        guard !ids.isEmpty else { return [] }
        let records = try await redis.answers(to: ids.map { RedisCommand("HGETALL", Keyspace.agent($0)) })
        return zip(ids, records).compactMap { id, record in
            RecordFields(record.array ?? []).flatMap { Agent(id: id, fields: $0) }
        }
    }

    /// All agents, oldest first, and which of them are connected.
    ///
    /// - Complexity: Linear in the number of agents.
    package func everybody() async throws(MessagingError) -> (agents: [Agent], connected: Set<UniqueID>) {
        let replies = try await redis.answers(to: [
            RedisCommand("ZRANGE", Keyspace.agentList, "0", "-1"),
            RedisCommand("HKEYS", Keyspace.connectedAgents(in: .ofAgents)),
        ])
        let ids = replies.map { ($0.array ?? []).compactMap { $0.string.flatMap { UniqueID($0) } } }
        return (try await agents(ids[0]), Set(ids[1]))
    }

    /// The names of those of `ids` that exist.
    func names(of ids: Set<UniqueID>) async throws(MessagingError) -> [UniqueID: String] {
        guard !ids.isEmpty else { return [:] }
        let ids = Array(ids)
        let names = try await redis.answers(to: ids.map { RedisCommand("HGET", Keyspace.agent($0), "name") })
        var found: [UniqueID: String] = [:]
        for (id, name) in zip(ids, names) { found[id] = name.string }
        return found
    }

    /// Creates an agent.
    ///
    /// - Parameters:
    ///   - login: as ``Agent/login(_:)`` gives it.
    ///   - name: 1 to 100 characters.
    ///   - author: For the audit log.
    /// - Throws: ``MessagingError`` `.conflict` with field `login` when another agent has it, `.limitReached` at
    ///   ``maxAgents``, `.storeUnavailable`.
    package func create(
        login: String,
        name: String,
        role: AgentRole,
        passwordHash: String,
        by author: AuditAuthor? = nil
    ) async throws(MessagingError) -> Agent {
        let id = UniqueID(in: .ofAgents)
        let reply = try await create(id, login, name, role, passwordHash, onlyFirst: false, by: author)
        switch reply.first?.string {
        case "created": return try Self.agent(in: reply, id)
        case "taken":
            throw MessagingError(
                .conflict,
                "Another agent has this login: \(reply.last?.string ?? "").",
                field: "login"
            )
        case "full":
            throw MessagingError(.limitReached, "There are \(Self.maxAgents) agents already, which is the limit.")
        default: throw .unexpectedReply(to: Scripts.createAgent.name)
        }
    }

    /// Creates an admin if there is no agent at all, so that several programs that start together make one.
    ///
    /// - Returns: `nil` if there are agents.
    package func createFirstAdmin(
        login: String,
        name: String,
        passwordHash: String,
        by author: AuditAuthor? = nil
    ) async throws(MessagingError) -> Agent? {
        let id = UniqueID(in: .ofAgents)
        let reply = try await create(id, login, name, .admin, passwordHash, onlyFirst: true, by: author)
        return reply.first?.string == "created" ? try Self.agent(in: reply, id) : nil
    }

    private func create(
        _ id: UniqueID,
        _ login: String,
        _ name: String,
        _ role: AgentRole,
        _ passwordHash: String,
        onlyFirst: Bool,
        by author: AuditAuthor?
    ) async throws(MessagingError) -> [RedisReply] {
        var command = RedisCommand(evaluating: Scripts.createAgent, keys: [Keyspace.prefix(.ofAgents)])
        for argument in [id.description, login, name, role.rawValue, passwordHash, onlyFirst ? "1" : "0"] {
            command.append(argument)
        }
        command.append(Self.maxAgents)
        command.append(
            author.map { AuditRecord(.agentCreate, by: $0, on: .agent(id), ["login": login, "role": role.rawValue]) }
        )
        return try await redis.answer(to: command).array ?? []
    }

    /// Changes an agent. A new password or `active: false` ends all of the agent's tokens in the same step and closes the
    /// connections opened with them; a new role or name closes the agent's connections, which may return.
    ///
    /// - Parameter author: For the audit log.
    /// - Throws: ``MessagingError`` `.notFound`; `.conflict` when it is the last active admin and would not be one any
    ///   more; `.storeUnavailable`.
    package func update(
        _ id: UniqueID,
        _ changes: AgentChanges,
        by author: AuditAuthor? = nil
    ) async throws(MessagingError) -> Agent {
        var command = RedisCommand(evaluating: Scripts.updateAgent, keys: [Keyspace.prefix(.ofAgents)])
        command.append(id.description)
        let fields = [
            ("name", changes.name), ("role", changes.role?.rawValue), ("password", changes.passwordHash),
            ("active", changes.active.map { $0 ? "1" : "0" }),
        ]
        for case (let field, let value?) in fields {
            command.append(field)
            command.append(value)
        }
        command.append(
            author.map { author in
                // That the password was changed, and not to what.
                var details = ["fields": fields.filter { $0.1 != nil }.map(\.0).joined(separator: ", ")]
                details["role"] = changes.role?.rawValue
                details["active"] = changes.active.map { "\($0)" }
                return AuditRecord(.agentUpdate, by: author, on: .agent(id), details)
            }
        )
        // A failover must bring nobody their rights back.
        let mustLast = changes.passwordHash != nil || changes.active == false || changes.role != nil
        let answer = try await mustLast ? redis.lastingAnswer(to: command) : redis.answer(to: command)
        let reply = answer.array ?? []
        switch reply.first?.string {
        case "updated": return try Self.agent(in: reply, id)
        case "unknown": throw .noAgent(id)
        case "last-admin":
            throw MessagingError(
                .conflict,
                "This is the last active admin. Make somebody else an admin first.",
                field: changes.active == false ? "active" : "role"
            )
        default: throw .unexpectedReply(to: Scripts.updateAgent.name)
        }
    }

    /// Counts a login attempt, before the password is looked at.
    ///
    /// - Parameters:
    ///   - address: The client's; an IPv6 network counts as one (``NetworkAddress/subscriber``).
    ///   - most: How many failed logins an address may have within ``loginMemory``, whatever the login; 0: any number.
    /// - Throws: ``MessagingError`` `.rateLimited` with the time to wait, after ``freeLoginFailures`` of the login or `most` of
    ///   the address; `.storeUnavailable`.
    package func countLoginAttempt(
        _ login: String,
        from address: NetworkAddress? = nil,
        most: Int = 0
    ) async throws(MessagingError) {
        var command = RedisCommand(evaluating: Scripts.countLoginAttempt, keys: [Keyspace.prefix(.ofAgents)])
        command.append(login)
        command.append(Self.freeLoginFailures)
        command.append(Self.loginMemory.milliseconds)
        command.append(address?.subscriber.description ?? "")
        command.append(most)
        guard let wait = try await redis.answer(to: command).int else {
            throw .unexpectedReply(to: Scripts.countLoginAttempt.name)
        }
        guard wait == 0 else {
            throw MessagingError(
                .rateLimited,
                "Too many failed logins. Please wait before you try again.",
                retryAfter: .milliseconds(wait)
            )
        }
    }

    /// The password was right: earlier failures don't count any more, nor does this attempt for its address.
    package func forgetLoginFailures(
        _ login: String,
        from address: NetworkAddress? = nil
    ) async throws(MessagingError) {
        var command = RedisCommand(evaluating: Scripts.forgetLoginFailures, keys: [Keyspace.prefix(.ofAgents)])
        command.append(login)
        command.append(address?.subscriber.description ?? "")
        _ = try await redis.answer(to: command)
    }

    /// Reads a script's reply: a word, then the record.
    private static func agent(in reply: [RedisReply], _ id: UniqueID) throws(MessagingError) -> Agent {
        guard let agent = RecordFields(reply.dropFirst()).flatMap({ Agent(id: id, fields: $0) }) else {
            throw .unexpectedReply(to: Scripts.createAgent.name)
        }
        return agent
    }
}

extension MessagingError {
    static func noAgent(_ id: UniqueID) -> MessagingError {
        MessagingError(.notFound, "There is no agent \(id).")
    }
}
