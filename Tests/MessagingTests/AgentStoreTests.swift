import Hiredis
import Messaging
import RedisFixture
import Testing

@Suite("Agents")
struct AgentStoreTests {
    private func add(_ login: String, _ role: AgentRole = .agent, to fixture: AccountFixture) async throws -> Agent {
        try await fixture.agents.create(
            login: login,
            name: login.uppercased(),
            role: role,
            passwordHash: "hash-\(login)"
        )
    }

    @Test("An agent is found by id and by login, with the password hash")
    func lookUp() async throws {
        try await AccountFixture.run { fixture in
            let ann = try await add("ann", to: fixture)
            #expect(try await fixture.agents.agent(ann.id) == ann)
            let found = try await fixture.agents.credentials(for: "ann")
            #expect(found?.agent == ann)
            #expect(found?.passwordHash == "hash-ann")
            #expect(try await fixture.agents.credentials(for: "bob") == nil)
            let stranger = UniqueID(in: .ofAgents)
            #expect(await messagingError { _ = try await fixture.agents.agent(stranger) }?.code == .notFound)
        }
    }

    @Test("A login belongs to one agent, also when twenty ask at once")
    func uniqueLogin() async throws {
        try await AccountFixture.run { fixture in
            let created = await withTaskGroup(of: Agent?.self) { group in
                for _ in 0..<20 { group.addTask { try? await add("same", to: fixture) } }
                return await group.reduce(into: [Agent]()) { if let agent = $1 { $0.append(agent) } }
            }
            #expect(created.count == 1)
            let error = await messagingError { _ = try await add("same", to: fixture) }
            #expect(error?.code == .conflict)
            #expect(error?.field == "login")
        }
    }

    @Test("Only the first of several starts makes the first admin")
    func firstAdmin() async throws {
        try await AccountFixture.run { fixture in
            #expect(try await fixture.agents.hasActiveAdmin() == false)
            let made = try await fixture.agents.createFirstAdmin(login: "root", name: "root", passwordHash: "h")
            #expect(made?.role == .admin)
            #expect(try await fixture.agents.createFirstAdmin(login: "root2", name: "x", passwordHash: "h") == nil)
            #expect(try await fixture.agents.hasActiveAdmin())
        }
    }

    @Test("Agents are listed oldest first, page by page")
    func listing() async throws {
        try await AccountFixture.run { fixture in
            var logins: [String] = []
            for number in 0..<7 { logins.append(try await add("agent\(number)", to: fixture).login) }
            var listed: [Agent] = []
            for page in 0..<3 {
                let found = try await fixture.agents.agents(page: page, size: 3)
                #expect(found.totalElements == 7)
                listed += found.content
            }
            #expect(Set(listed.map(\.login)) == Set(logins))
            #expect(listed.map(\.createdAt) == listed.map(\.createdAt).sorted())
        }
    }

    @Test("A change touches what it names")
    func change() async throws {
        try await AccountFixture.run { fixture in
            let ann = try await add("ann", to: fixture)
            let changed = try await fixture.agents.update(ann.id, AgentChanges(name: "Anna"))
            #expect(changed.name == "Anna")
            #expect(changed.role == .agent)
            #expect(changed.active)
            #expect(try await fixture.agents.credentials(for: "ann")?.passwordHash == "hash-ann")
        }
    }

    @Test("The last active admin can be neither demoted nor deactivated")
    func lastAdmin() async throws {
        try await AccountFixture.run { fixture in
            let root = try await add("root", .admin, to: fixture)
            for changes in [AgentChanges(role: .agent), AgentChanges(active: false)] {
                let error = await messagingError { _ = try await fixture.agents.update(root.id, changes) }
                #expect(error?.code == .conflict)
            }
            let second = try await add("second", .admin, to: fixture)
            _ = try await fixture.agents.update(root.id, AgentChanges(role: .agent))
            #expect(
                await messagingError { _ = try await fixture.agents.update(second.id, AgentChanges(active: false)) }?
                    .code
                    == .conflict
            )
        }
    }

    @Test("A new role counts for tokens that are out already")
    func roleOfToken() async throws {
        try await AccountFixture.run { fixture in
            let ann = try await add("ann", to: fixture)
            let token = try await fixture.tokens().issueAgentToken(for: ann.id).token
            _ = try await fixture.agents.update(ann.id, AgentChanges(name: "Anna", role: .admin))
            #expect(
                try await fixture.tokens().authenticate(token).principal
                    == .agent(id: ann.id, role: .admin, name: "Anna")
            )
        }
    }

    @Test("Logout, a new password and deactivation end tokens", arguments: [0, 1, 2])
    func endOfTokens(way: Int) async throws {
        try await AccountFixture.run { fixture in
            let ann = try await add("ann", to: fixture)
            let tokens = fixture.tokens()
            let token = try await tokens.issueAgentToken(for: ann.id).token
            let other = try await tokens.issueAgentToken(for: ann.id).token
            switch way {
            case 0: try await tokens.revokeAgentToken(token.hash, of: ann.id)
            case 1: _ = try await fixture.agents.update(ann.id, AgentChanges(passwordHash: "new"))
            default: _ = try await fixture.agents.update(ann.id, AgentChanges(active: false))
            }
            #expect(await messagingError { _ = try await tokens.authenticate(token) }?.code == .unauthenticated)
            let otherEnded = await messagingError { _ = try await tokens.authenticate(other) }?.code == .unauthenticated
            #expect(otherEnded == (way != 0))
            if way == 2 {
                #expect(await messagingError { _ = try await tokens.issueAgentToken(for: ann.id) }?.code == .notFound)
            }
        }
    }

    @Test("The end of a token is published, counted, to every mailbox that holds the agent's connections")
    func publication() async throws {
        try await AccountFixture.run { fixture in
            let ann = try await add("ann", to: fixture)
            let token = try await fixture.tokens().issueAgentToken(for: ann.id).token
            let prefix = Keyspace.prefix(.ofAgents)
            _ = try await fixture.redis.send(
                RedisCommand("HSET", Keyspace.connectedAgents(in: .ofAgents), ann.id.description, "gw1.0=2:1 gw2.3=1:0")
            )
            try await fixture.tokens().revokeAgentToken(token.hash, of: ann.id)
            let counts = try await fixture.redis.send(RedisCommand("HGETALL", prefix + "mailbox")).array ?? []
            #expect(Set(counts.map { $0.string ?? "" }) == ["gw1.0", "gw2.3", "1"])
            // A second time there is nothing to end and nothing to tell.
            try await fixture.tokens().revokeAgentToken(token.hash, of: ann.id)
            #expect(try await fixture.redis.send(RedisCommand("HGET", prefix + "mailbox", "gw1.0")).int == 1)
        }
    }

    @Test("After five failed logins one has to wait 32 s; success forgets them")
    func slowDown() async throws {
        try await AccountFixture.run { fixture in
            for _ in 0..<AgentStore.freeLoginFailures { try await fixture.agents.countLoginAttempt("ann") }
            let error = await messagingError { try await fixture.agents.countLoginAttempt("ann") }
            #expect(error?.code == .rateLimited)
            let wait = try #require(error?.retryAfter)
            #expect(wait > .zero && wait <= .seconds(32))
            try await fixture.agents.countLoginAttempt("bob")
            try await fixture.agents.forgetLoginFailures("ann")
            try await fixture.agents.countLoginAttempt("ann")
        }
    }

    @Test("The wait doubles with each failure, up to a quarter of an hour")
    func growingWait() async throws {
        try await AccountFixture.run { fixture in
            for (failures, seconds) in [(5, 32), (6, 64), (9, 512), (10, 900), (2000, 900)] {
                _ = try await fixture.redis.send(
                    RedisCommand("SET", Keyspace.loginFailures("ann"), "\(failures)", "PX", "900000")
                )
                let wait =
                    await messagingError { try await fixture.agents.countLoginAttempt("ann") }?.retryAfter ?? .zero
                #expect(wait <= .seconds(seconds))
                #expect(wait > .seconds(seconds / 2))
            }
            // When the wait is over, one attempt is free.
            _ = try await fixture.redis.send(
                RedisCommand("SET", Keyspace.loginFailures("ann"), "5", "PX", "\(900_000 - 32_001)")
            )
            try await fixture.agents.countLoginAttempt("ann")
            #expect(await messagingError { try await fixture.agents.countLoginAttempt("ann") }?.code == .rateLimited)
        }
    }

    private static let texts: [(text: String, login: String?)] = [
        ("Ann.B_1@x-y", "ann.b_1@x-y"), ("", nil), ("a b", nil), ("张", nil), (String(repeating: "a", count: 65), nil),
    ]

    @Test("Logins fold to lower case and allow only some characters", arguments: texts)
    func logins(text: String, login: String?) {
        #expect(Agent.login(text) == login)
    }
}
