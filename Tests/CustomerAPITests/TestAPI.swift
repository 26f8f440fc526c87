import CustomerAPI
import Foundation
import FoundationNetworking
import Hiredis
import Logging
import Messaging
import NIOPosix
import RedisFixture
import ServiceLifecycle
import Testing

/// customer-api in this process on a free port, over a private Redis.
struct TestAPI: Sendable {
    let port: Int
    let server: RedisServer
    let redis: RedisClient
    let logs: LogLines

    private static let turnstile = Turnstile(places: 4)

    /// Starts it, runs `body`, and ends it as SIGTERM would.
    static func run(
        _ configure: @Sendable (inout Configuration) -> Void = { _ in },
        _ body: @Sendable (TestAPI) async throws -> Void
    ) async throws {
        await turnstile.enter()
        do { try await withRedis { try await start(on: $0, configure, body) } } catch {
            await turnstile.leave()
            throw error
        }
        await turnstile.leave()
    }

    /// Another customer-api over the same Redis, as after a restart or with other settings.
    func another(
        _ configure: @Sendable (inout Configuration) -> Void = { _ in },
        _ body: @Sendable (TestAPI) async throws -> Void
    ) async throws {
        try await Self.start(on: server, configure, body)
    }

    private static func start(
        on server: RedisServer,
        _ configure: @Sendable (inout Configuration) -> Void,
        _ body: @Sendable (TestAPI) async throws -> Void
    ) async throws {
        let url = try RedisConfiguration(url: server.programsURL)
        var configuration = Configuration(redis: url)
        configuration.host = "127.0.0.1"
        configuration.port = 0
        // Tests ask for more tokens from one address than people do.
        configuration.tokenRequestsPerMinute = 0
        configuration.customerTokensPerMinute = 0
        configuration.agentTokensPerMinute = 0
        configure(&configuration)
        let logs = LogLines()
        let (ports, port) = AsyncStream.makeStream(of: Int.self)
        let application = buildApplication(configuration: configuration, logger: logs.logger) {
            port.yield($0)
        }
        let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        // What tests look at in Redis, the programs' user may not.
        let redis = RedisClient(
            configuration: try RedisConfiguration(url: server.url),
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
            logger: quiet
        )
        let services = ServiceGroup(services: [redis, application], logger: quiet)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                defer { port.finish() }
                try await services.run()
            }
            if let number = await ports.first(where: { _ in true }) {
                do {
                    try await redis.waitUntilReady(timeout: .seconds(30))
                    try await body(TestAPI(port: number, server: server, redis: redis, logs: logs))
                } catch {
                    await services.triggerGracefulShutdown()
                    throw error
                }
                await services.triggerGracefulShutdown()
            }
            try await tasks.waitForAll()
        }
    }

    // MARK: - Requests

    /// - Parameters:
    ///   - body: sent as JSON unless `headers` has another content type.
    ///   - data: a body that is no text.
    func call(
        _ method: String,
        _ path: String,
        token: String? = nil,
        body: String? = nil,
        data: Data? = nil,
        headers: [String: String] = [:]
    ) async throws -> Answer {
        var request = URLRequest(url: try #require(URL(string: "http://127.0.0.1:\(port)\(path)")))
        request.httpMethod = method
        if let token { request.setValue("Bearer \(token)", forHTTPHeaderField: "Authorization") }
        if let body {
            request.httpBody = Data(body.utf8)
            request.setValue("application/json", forHTTPHeaderField: "Content-Type")
        }
        if let data { request.httpBody = data }
        for (name, value) in headers { request.setValue(value, forHTTPHeaderField: name) }
        let (data, response) = try await URLSession.shared.data(for: request)
        return Answer(response: try #require(response as? HTTPURLResponse), body: data)
    }

    func customerToken(
        name: String = "张三",
        channel: String = "WEB",
        channelID: String = "web_user_123456"
    ) async throws -> Answer {
        try await call(
            "POST",
            "/api/v1/public/customer-token",
            body: #"{"name":"\#(name)","channel":"\#(channel)","channelId":"\#(channelID)"}"#
        )
    }

    /// A token of a new agent, without the cost of a password.
    func agentToken(_ login: String = "ann", role: AgentRole = .agent) async throws -> String {
        let agents = AgentStore(redis: redis)
        var agent = try await agents.credentials(for: login)?.agent
        if agent == nil {
            agent = try await agents.create(login: login, name: login, role: role, passwordHash: "none")
        }
        let id = try #require(agent).id
        return try await TokenStore(redis: redis, lifetime: .seconds(3600)).issueAgentToken(for: id).token.text
    }
}

/// What came back.
struct Answer: Sendable {
    let status: Int
    let headers: [String: String]
    let body: Data
    let json: JSONValue

    init(response: HTTPURLResponse, body: Data) {
        status = response.statusCode
        headers = Dictionary(
            response.allHeaderFields.map { ("\($0)".lowercased(), "\($1)") },
            uniquingKeysWith: { a, _ in a }
        )
        self.body = body
        json = (try? JSONDecoder().decode(JSONValue.self, from: body)) ?? .null
    }

    var data: JSONValue { json["data"] }
    var code: JSONValue { json["error"]["code"] }
    var field: JSONValue { json["error"]["field"] }
    var message: String { json["error"]["message"].text }
}

/// Any JSON, for looking into.
enum JSONValue: Decodable, Equatable, Sendable, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral
{
    case null
    case bool(Bool)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([JSONValue].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }

    init(stringLiteral value: String) { self = .string(value) }
    init(integerLiteral value: Int) { self = .number(Double(value)) }
    init(booleanLiteral value: Bool) { self = .bool(value) }
    init(arrayLiteral elements: JSONValue...) { self = .array(elements) }

    /// `null` where there is nothing.
    subscript(field: String) -> JSONValue {
        if case .object(let fields) = self { fields[field] ?? .null } else { .null }
    }
    subscript(index: Int) -> JSONValue {
        if case .array(let elements) = self, elements.indices.contains(index) { elements[index] } else { .null }
    }

    var text: String { if case .string(let text) = self { text } else { "" } }
    var elements: [JSONValue] { if case .array(let elements) = self { elements } else { [] } }
    var fieldNames: Set<String> { if case .object(let fields) = self { Set(fields.keys) } else { [] } }
}
