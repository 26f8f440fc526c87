import Foundation
import Synchronization

/// A running system: the edge, customer-api, gateways and their Redis, each on a port of its own on 127.0.0.1.
final class Stack: Sendable {
    let edgePort: Int
    let customerAPIPort: Int
    let gatewayPorts: [Int]
    let redisURL: String
    /// The folder with all parts' logs.
    let logFolder: URL
    let admin: (login: String, password: String)
    private let adminToken = Watched<AdminToken>(.none)
    private let issuedTokens = Mutex<Set<String>>([])
    /// How many more agents may be made now: hashing passwords is work, and customer-api refuses too many at once.
    private let agentsToMake = Watched(2)

    /// Settings of both programs for tests that are not about limits: all their clients have one address, and hurry.
    static let noLimits = Dictionary(
        uniqueKeysWithValues: [
            "TOKEN_REQUESTS_PER_MINUTE", "CUSTOMER_TOKENS_PER_MINUTE", "AGENT_TOKENS_PER_MINUTE", "REQUESTS_PER_SECOND",
            "HANDSHAKES_PER_SECOND", "FAILED_TOKENS_PER_MINUTE",
            "MAX_CONNECTIONS_PER_ADDRESS", "MAX_CONNECTIONS_PER_TOKEN", "MAX_CONNECTIONS_PER_CUSTOMER",
            "MESSAGES_PER_SECOND",
            "BYTES_PER_SECOND",
        ].map { ($0, "0") }
    )

    private enum AdminToken: Sendable { case none, asked, token(String) }

    init(
        edgePort: Int,
        customerAPIPort: Int,
        gatewayPorts: [Int],
        redisURL: String,
        logFolder: URL,
        admin: (login: String, password: String)
    ) {
        self.edgePort = edgePort
        self.customerAPIPort = customerAPIPort
        self.gatewayPorts = gatewayPorts
        self.redisURL = redisURL
        self.logFolder = logFolder
        self.admin = admin
    }

    // MARK: REST

    /// A request to the edge.
    func request(
        _ method: String,
        _ target: String,
        token: String? = nil,
        json: String? = nil,
        headers: [String] = []
    ) async throws -> HTTPResponse {
        try await Curl.request(method, port: edgePort, target, token: token, json: json, headers: headers)
    }

    /// As ``request(_:_:token:json:headers:)``, and fails unless the answer says that it was a success.
    func demand(
        _ method: String,
        _ target: String,
        token: String? = nil,
        json: String? = nil
    ) async throws -> JSON {
        let response = try await request(method, target, token: token, json: json)
        guard (200..<300).contains(response.status), response.json["success"] == .bool(true) else {
            throw EndToEndError("\(method) \(target) answered \(response)")
        }
        return response.data
    }

    // MARK: People

    func newCustomer(
        _ name: String = "张三",
        channel: String = "WEB",
        channelID: String = "web_\(UUID().uuidString)"
    ) async throws -> Customer {
        let data = try await demand(
            "POST",
            "/api/v1/public/customer-token",
            json: #"{"name":\#(name.jsonLiteral),"channel":"\#(channel)","channelId":\#(channelID.jsonLiteral)}"#
        )
        guard let id = data["customerId"].string, let token = data["token"].string else {
            throw EndToEndError("There is no customer and token in \(data)")
        }
        return Customer(id: id, token: remember(token), channelID: channelID)
    }

    /// Signs the first administrator in, once.
    func signInAdmin() async throws -> String {
        let isMine = adminToken.update { state in
            guard case .none = state else { return false }
            state = .asked
            return true
        }
        if isMine {
            do {
                let token = try await login(admin.login, admin.password)
                adminToken.update { $0 = .token(token) }
            } catch {
                adminToken.update { $0 = .none }
                throw error
            }
        }
        return try await adminToken.wait(for: "the administrator's token") { state in
            if case .token(let token) = state { token } else { nil }
        }
    }

    func login(_ login: String, _ password: String) async throws -> String {
        let data = try await demand(
            "POST",
            "/api/v1/agents/login",
            json: #"{"login":\#(login.jsonLiteral),"password":\#(password.jsonLiteral)}"#
        )
        guard let token = data["token"].string else { throw EndToEndError("There is no token in \(data)") }
        return remember(token)
    }

    func newAgent(_ name: String = "Agent", role: String = "agent") async throws -> Agent {
        _ = try await agentsToMake.wait(for: "a turn to make an agent", timeout: .seconds(120)) { free -> Int? in
            guard free > 0 else { return nil }
            free -= 1
            return free
        }
        defer { agentsToMake.update { $0 += 1 } }
        let login = "agent-\(UUID().uuidString.prefix(12).lowercased())"
        let password = "password of \(login)"
        let data = try await demand(
            "POST",
            "/api/v1/agents",
            token: try await signInAdmin(),
            json: #"{"login":"\#(login)","name":\#(name.jsonLiteral),"role":"\#(role)","password":"\#(password)"}"#
        )
        guard let id = data["id"].string else { throw EndToEndError("There is no agent in \(data)") }
        return Agent(id: id, token: try await self.login(login, password), login: login, password: password)
    }

    /// What `deploy/agent-token` prints, for a system that `deploy/run` started.
    func agentTokenFromScript() async throws -> String {
        let (code, output) = try await Program.run(
            Repository.root.appendingPathComponent("deploy/agent-token").path,
            environment: ["DATA_DIR": logFolder.deletingLastPathComponent().path]
        )
        let token = output.trimmingCharacters(in: .whitespacesAndNewlines)
        guard code == 0, UUID(uuidString: token) != nil else {
            throw EndToEndError("deploy/agent-token ended with \(code) and printed \(output)")
        }
        return remember(token)
    }

    struct Customer: Sendable {
        let id: String
        let token: String
        let channelID: String
    }

    struct Agent: Sendable {
        let id: String
        let token: String
        let login: String
        let password: String
    }

    // MARK: WebSockets

    /// - Parameter gateway: the number (from 0) of the gateway to go to directly; by the edge if `nil`.
    func connect(
        _ token: String,
        gateway: Int? = nil,
        dialect: WebSocketClient.Dialect = .guide,
        answersPings: Bool = true
    ) async throws -> WebSocketClient {
        try await WebSocketClient.connect(
            to: gateway.map { gatewayPorts[$0] } ?? edgePort,
            token: token,
            dialect: dialect,
            answersPings: answersPings
        )
    }

    /// A customer and an agent who have said hello to each other, so that the conversation is the agent's.
    func conversation(
        customerOn customerGateway: Int? = nil,
        agentOn agentGateway: Int? = nil,
        dialect: WebSocketClient.Dialect = .guide
    ) async throws -> Pair {
        let customer = try await newCustomer()
        let agent = try await newAgent()
        let agentSocket = try await connect(agent.token, gateway: agentGateway, dialect: dialect)
        let customerSocket = try await connect(customer.token, gateway: customerGateway, dialect: dialect)
        let hello = "hello of \(customer.id)"
        try await customerSocket.say(hello, dialect: dialect)
        let shown = try await agentSocket.next("the customer's hello") { $0.content == hello }
        try await agentSocket.say("welcome", in: shown.conversation, dialect: dialect)
        try await customerSocket.next("the agent's welcome") { $0.content == "welcome" }
        return Pair(
            customer: customer,
            agent: agent,
            customerSocket: customerSocket,
            agentSocket: agentSocket,
            conversation: shown.conversation
        )
    }

    struct Pair: Sendable {
        let customer: Customer
        let agent: Agent
        let customerSocket: WebSocketClient
        let agentSocket: WebSocketClient
        let conversation: String

        /// Each says something that the other hears.
        func talk(_ text: String) async throws {
            try await customerSocket.say("\(text), asked", in: conversation)
            try await agentSocket.next("\(text), asked") { $0.content == "\(text), asked" }
            try await agentSocket.say("\(text), answered", in: conversation)
            try await customerSocket.next("\(text), answered") { $0.content == "\(text), answered" }
        }
    }

    // MARK: Tokens in logs

    /// Notes a token that may never show up in a log.
    @discardableResult
    func remember(_ token: String) -> String {
        issuedTokens.withLock { _ = $0.insert(token) }
        return token
    }

    /// All that were noted.
    var tokens: Set<String> { issuedTokens.withLock { $0 } }

    /// The names of log files that hold a token of this system: there may be none.
    func logsWithTokens() -> [String] {
        // The UUID alone: a log could hold it without the prefix.
        let secrets = issuedTokens.withLock { $0.map { $0.hasPrefix("cust_") ? String($0.dropFirst(5)) : $0 } }
        let files = (try? FileManager.default.contentsOfDirectory(at: logFolder, includingPropertiesForKeys: nil)) ?? []
        return files.filter { file in
            let text = String(decoding: (try? Data(contentsOf: file)) ?? Data(), as: UTF8.self).lowercased()
            // A token is a word of 36 characters: a list of the words finds all faster than a search for each.
            let words = Set(text.split { !$0.isHexDigit && $0 != "-" }.map { String($0.suffix(36)) })
            return secrets.contains { words.contains($0.lowercased()) }
        }.map(\.lastPathComponent)
    }
}

extension WebSocketClient {
    /// Sends a message of the guide's form; in the full dialect with its `type`.
    func say(
        _ content: String,
        in conversation: String? = nil,
        dialect: Dialect = .guide,
        clientMessageID: String? = nil
    ) async throws {
        var fields = dialect == .full ? [#""type":"message""#] : []
        if let conversation { fields.append(#""conversationId":\#(conversation.jsonLiteral)"#) }
        if let clientMessageID { fields.append(#""clientMessageId":\#(clientMessageID.jsonLiteral)"#) }
        fields.append(#""senderId":"whoever","content":\#(content.jsonLiteral)"#)
        try await send("{\(fields.joined(separator: ","))}")
    }
}
