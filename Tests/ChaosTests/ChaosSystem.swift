import Foundation
import Hiredis
import Logging
import Messaging
import NIOCore
import NIOPosix
import RedisFixture
import Synchronization

/// A running system to break: Redis, gateways as real processes, and where a scenario wants it a proxy between the two, or
/// the edge in front of the gateways.
final class ChaosSystem: Sendable {
    let redis: any RedisUnderTest
    let proxy: FaultProxy?
    /// All that there are; behind the edge half of them wait for their turn.
    let gateways: [GatewayProcess]
    /// The test's own way into Redis, past the proxy.
    let client: RedisClient
    private let edge: EdgeProcess?
    private let folder: URL

    /// Where clients connect: to one of these.
    let clientPorts: [Int]

    /// Starts everything, runs `body`, and stops everything.
    static func run<Result: Sendable>(
        _ scenario: Scenario,
        on topology: Topology,
        proxyLoop: any EventLoop,
        seed: UInt64,
        environment: [String: String],
        _ body: @Sendable (ChaosSystem) async throws -> Result
    ) async throws -> Result {
        let redis = try await topology.start(scenario.redisOptions)
        defer { redis.stop() }
        var proxy: FaultProxy?
        if scenario.hasProxy, let port = redis.server?.port {
            proxy = try await FaultProxy.start(on: proxyLoop, to: port, seed: seed)
        }
        var configuration = try RedisConfiguration(url: redis.url)
        // What the test asks is not what is tested.
        configuration.commandTimeout = .seconds(20)
        let client = RedisClient(
            configuration: configuration,
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
            logger: Logger(label: "chaos") { _ in SwiftLogNoOpLogHandler() }
        )
        let system = try ChaosSystem(
            redis: redis,
            proxy: proxy,
            client: client,
            environment: environment,
            hasEdge: scenario.hasEdge
        )
        let result = try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await client.run() }
            defer { tasks.cancelAll() }
            do {
                try await client.waitUntilReady(timeout: .seconds(30))
                let first = system.gateways.prefix(Scenario.gateways)
                for gateway in first { try await gateway.start() }
                for gateway in first { try await gateway.waitUntilReady() }
                try await system.edge?.start()
                let result = try await body(system)
                system.stopPrograms()
                return result
            } catch {
                system.stopPrograms()
                throw error
            }
        }
        try await proxy?.close()
        try FileManager.default.removeItem(at: system.folder)
        return result
    }

    private init(
        redis: any RedisUnderTest,
        proxy: FaultProxy?,
        client: RedisClient,
        environment: [String: String],
        hasEdge: Bool
    ) throws {
        self.redis = redis
        self.proxy = proxy
        self.client = client
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("chaos-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        self.folder = folder
        var url = redis.url
        if let proxy, let server = redis.server { url.replace(":\(server.port)/", with: ":\(proxy.port)/") }
        let gateways = try (0..<Scenario.gateways * (hasEdge ? 2 : 1)).map { number in
            GatewayProcess(
                port: try FreePort.next(),
                redisURL: url,
                environment: environment,
                log: folder.appendingPathComponent("gateway-\(number).log")
            )
        }
        self.gateways = gateways
        edge =
            hasEdge ? try EdgeProcess(port: FreePort.next(), gatewayPorts: gateways.map(\.port), folder: folder) : nil
        clientPorts = edge.map { [$0.port] } ?? gateways.map(\.port)
    }

    private func stopPrograms() {
        for gateway in gateways where gateway.isRunning { gateway.kill() }
        edge?.kill()
    }

    /// How much the memory of the gateway grew that grew most since it was ready, in bytes.
    var memoryGrowth: Int { gateways.filter(\.isRunning).map(\.memoryGrowth).max() ?? 0 }

    // MARK: What is stored

    /// The whole log of each conversation.
    func log(of conversations: Set<UniqueID>) async throws -> [History.Entry] {
        let store = ConversationStore(redis: client)
        var entries: [History.Entry] = []
        for conversation in conversations {
            var after = 0
            while true {
                let page = try await page(of: conversation, after: after, store)
                for message in page.messages {
                    after = message.seq
                    let text = String(buffer: message.content).dropFirst().dropLast()
                    guard let label = History.Label(content: text) else {
                        throw ChaosError("The log holds what nobody sent: \(text)")
                    }
                    let place = History.Place(
                        conversation: conversation.description,
                        seq: message.seq,
                        id: message.id.description
                    )
                    entries.append(History.Entry(place: place, label: label))
                }
                if !page.hasMore { break }
            }
        }
        return entries
    }

    /// Reads again while Redis is not what it was: on a busy machine Sentinel may take a primary for dead at any time.
    private func page(of conversation: UniqueID, after: Int, _ store: ConversationStore) async throws -> MessagePage {
        for _ in 0..<40 {
            if let page = try? await store.messages(of: conversation, after: after, limit: 200) { return page }
            try await Task.sleep(for: .milliseconds(250))
        }
        return try await store.messages(of: conversation, after: after, limit: 200)
    }
}
