import ArgumentParser
import Glibc
import Hiredis
import Logging
import Messaging
import NIOPosix

/// `customer-api agent …`: what an operator does without the REST interface.
struct AgentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agent",
        abstract: "Add agents, set their passwords and issue their tokens.",
        subcommands: [AgentAddCommand.self, AgentPasswordCommand.self, AgentTokenCommand.self]
    )
}

struct AgentAddCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add",
        abstract: "Add an agent.",
        discussion: """
            The password is read from standard input (a line feed at its end does not count). Where that is empty or a \
            terminal, one is made up and printed, this once, on standard output:

              printf %s "$PASSWORD" | customer-api agent add --login ann --name Ann --role agent
              password=$(customer-api agent add --login bot --name Bot --role bot < /dev/null)

            Redis is found by REDIS_URL.
            """
    )

    @Option(help: "1 to 64 of a-z 0-9 . _ @ -")
    var login: String
    @Option(help: "What customers see; 1 to 100 characters.")
    var name: String
    @Option(help: "admin, agent or bot.")
    var role: String = AgentRole.agent.rawValue

    func run() async throws {
        let login: String
        let name: String
        let role: AgentRole
        do {
            login = try AgentRules.login(self.login, field: "--login")
            name = try TextRules.name(self.name, field: "--name")
            role = try AgentRules.role(self.role, field: "--role")
        } catch {
            throw ValidationError(error.message)
        }
        let given = try NewPassword.fromStandardInput()
        let password = given ?? NewPassword.madeUp()
        try await withStores { agents, _ in
            let hash = try await PasswordHasher().hash(password)
            do {
                _ = try await agents.create(
                    login: login,
                    name: name,
                    role: role,
                    passwordHash: hash,
                    by: .operator
                )
            } catch let error as MessagingError where error.code == .conflict {
                throw StartError(
                    "\(error.message) `customer-api agent password --login \(login)` sets it a new password."
                )
            }
        }
        printToStandardError("Added \(role.rawValue) \(login).")
        if given == nil { print(password) }
    }

}

struct AgentPasswordCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "password",
        abstract: "Set an agent's password and end all of the agent's tokens.",
        discussion: """
            The password is read from standard input (a line feed at its end does not count). Where that is empty or a \
            terminal, one is made up and printed on standard output. Redis is found by REDIS_URL.
            """
    )

    @Option(help: "The agent's login.")
    var login: String

    func run() async throws {
        guard let login = Agent.login(login) else { throw ValidationError("\"\(login)\" can't be a login.") }
        let given = try NewPassword.fromStandardInput()
        let password = given ?? NewPassword.madeUp()
        try await withStores { agents, _ in
            guard let agent = try await agents.credentials(for: login)?.agent else {
                throw StartError("There is no agent with the login \(login).")
            }
            let hash = try await PasswordHasher().hash(password)
            _ = try await agents.update(agent.id, AgentChanges(passwordHash: hash), by: .operator)
            // Whoever forgot it has tried some before.
            try await agents.forgetLoginFailures(login)
        }
        printToStandardError("Changed the password of \(login).")
        if given == nil { print(password) }
    }
}

/// The password that a command gives an agent.
private enum NewPassword {
    /// The first line of standard input.
    ///
    /// - Returns: `nil` if that is empty or a terminal.
    /// - Throws: ``StartError`` for one that can't be a password.
    static func fromStandardInput() throws -> String? {
        guard isatty(STDIN_FILENO) == 0 else { return nil }
        let text = readLine(strippingNewline: true) ?? ""
        if text.isEmpty { return nil }
        do {
            return try AgentRules.password(text, field: "password")
        } catch {
            throw StartError(error.message)
        }
    }

    /// 24 characters of 31, without those that look alike: 118 bits.
    static func madeUp() -> String {
        let characters = Array("abcdefghjkmnpqrstuvwxyz23456789-")
        return String((0..<24).map { _ in characters[Int.random(in: 0..<characters.count)] })
    }
}

struct AgentTokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Print a new token of an agent, and nothing else.",
        discussion: "It lives as long as TOKEN_TTL says. Redis is found by REDIS_URL."
    )

    @Option(help: "The agent's login.")
    var login: String

    func run() async throws {
        guard let login = Agent.login(login) else { throw ValidationError("\"\(login)\" can't be a login.") }
        let token = try await withStores { agents, tokens in
            guard let found = try await agents.credentials(for: login) else {
                throw StartError("There is no agent with the login \(login).")
            }
            guard found.agent.active else { throw StartError("The agent \(login) is not active.") }
            return try await tokens.issueAgentToken(for: found.agent.id, by: .operator).token
        }
        print(token.text)
    }
}

extension AuditAuthor {
    /// Whoever runs the command, as far as the system knows.
    fileprivate static var `operator`: AuditAuthor {
        let user = getpwuid(getuid())?.pointee.pw_name.map { String(cString: $0) }
        return AuditAuthor(.commandLine, name: user ?? "\(getuid())")
    }
}

/// Connects to Redis for as long as `body` runs.
///
/// - Throws: ``StartError``, in words for the terminal.
private func withStores<Result: Sendable>(
    _ body: @escaping @Sendable (AgentStore, TokenStore) async throws -> Result
) async throws -> Result {
    let configuration = try Configuration.fromEnvironment()
    // Only what goes wrong: Redis's comings and goings are no news here.
    let redis = RedisClient(
        configuration: configuration.redis,
        eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
        logger: logger(level: max(configuration.logLevel, .error))
    )
    return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await redis.run() }
        defer { group.cancelAll() }
        do {
            try await redis.waitUntilReady(timeout: .seconds(5))
            try await Layout.check(in: redis)
            return try await body(
                AgentStore(redis: redis),
                TokenStore(redis: redis, lifetime: configuration.tokenLifetime)
            )
        } catch {
            throw error as? StartError ?? StartError(error)
        }
    }
}

private func printToStandardError(_ line: String) {
    let bytes = Array("\(line)\n".utf8)
    _ = write(STDERR_FILENO, bytes, bytes.count)
}
