import Foundation
import Hiredis
import Logging
import Messaging
import NIOCore
import NIOPosix
import RedisFixture
import Synchronization

/// A running system to break: Redis, gateways as real processes, and where a scenario wants it a proxy in between.
final class ChaosSystem: Sendable {
    let redis: any RedisUnderTest
    let proxy: FaultProxy?
    let gateways: [GatewayProcess]
    /// The test's own way into Redis, past the proxy.
    let client: RedisClient
    private let folder: URL

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
        if scenario.hasProxy, let port = redis.port {
            proxy = try await FaultProxy.start(on: proxyLoop, to: port, seed: seed)
        }
        let client = try RedisClient(
            configuration: RedisConfiguration(url: redis.url),
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
            logger: Logger(label: "chaos") { _ in SwiftLogNoOpLogHandler() }
        )
        let system = try ChaosSystem(redis: redis, proxy: proxy, client: client, environment: environment)
        let result = try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await client.run() }
            defer { tasks.cancelAll() }
            do {
                try await client.waitUntilReady(timeout: .seconds(30))
                for gateway in system.gateways { try await gateway.start() }
                for gateway in system.gateways { try await gateway.waitUntilReady() }
                let result = try await body(system)
                for gateway in system.gateways { gateway.kill() }
                return result
            } catch {
                for gateway in system.gateways where gateway.isRunning { gateway.kill() }
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
        environment: [String: String]
    ) throws {
        self.redis = redis
        self.proxy = proxy
        self.client = client
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("chaos-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        self.folder = folder
        let url = proxy.map { "redis://127.0.0.1:\($0.port)/0" } ?? redis.url
        gateways = try (0..<Scenario.gateways).map { number in
            GatewayProcess(
                port: try FreePort.next(),
                redisURL: url,
                environment: environment,
                log: folder.appendingPathComponent("gateway-\(number).log")
            )
        }
    }

    // MARK: Faults

    /// Lets a fault happen, and returns when it is over.
    ///
    /// - Parameter healed: told when an outage is over, if there was one.
    func endure(
        _ fault: Fault,
        cutClients: @Sendable (_ share: Double) async throws -> Void,
        healed: @Sendable () async throws -> Void
    ) async throws {
        switch fault {
        case .killGateway(let number):
            gateways[number].kill()
            try await gateways[number].start()
            try await gateways[number].waitUntilReady()
        case .restartGateway(let number):
            let code = try await gateways[number].terminate()
            guard code == 0 else { throw ChaosError("A gateway ended with \(code) after SIGTERM.") }
            try await gateways[number].start()
            try await gateways[number].waitUntilReady()
        case .killRedis(let time):
            try redis.kill()
            try await Task.sleep(for: time)
            try await redis.restart()
        case .suspendRedis(let time):
            try redis.suspend()
            try await Task.sleep(for: time)
            try redis.resume()
        case .cutSubscriptions: try redis.onPrimaries(["CLIENT", "KILL", "TYPE", "pubsub"])
        case .cutCommands: try redis.onPrimaries(["CLIENT", "KILL", "TYPE", "normal"])
        case .flushScripts: try redis.onPrimaries(["SCRIPT", "FLUSH"])
        case .outOfMemory(let time):
            try redis.onPrimaries(["CONFIG", "SET", "maxmemory", "1"])
            try await Task.sleep(for: time)
            try redis.onPrimaries(["CONFIG", "SET", "maxmemory", "0"])
        case .readOnly(let time):
            // Nobody listens on port 1.
            try redis.onPrimaries(["REPLICAOF", "127.0.0.1", "1"])
            try await Task.sleep(for: time)
            try redis.onPrimaries(["REPLICAOF", "NO", "ONE"])
        case .failOver: return try await redis.failOver(promoted: healed)
        case .cutProxy: try await proxy?.cut()
        case .swallow(let time):
            try await proxy?.change { $0.swallows = true }
            try await Task.sleep(for: time)
            try await proxy?.change { $0.swallows = false }
            try await proxy?.cut()
        case .delay(let milliseconds, let time):
            try await proxy?.change { $0.delay = .milliseconds(Int64(milliseconds)) }
            try await Task.sleep(for: time)
            try await proxy?.change { $0.delay = .zero }
        case .losePublications(let share): try await proxy?.change { $0.loss = .perMille(share) }
        case .loseAllPublications(let time):
            try await proxy?.change { $0.loss = .allButTicks }
            try await Task.sleep(for: time)
            try await proxy?.change { $0.loss = .none }
        case .deafen: try await proxy?.change { $0.deafened += 1 }
        case .cutClients(let share): try await cutClients(share)
        }
        if fault.isOutage { try await healed() }
    }

    // MARK: What is stored

    /// The whole log of each conversation.
    func log(of conversations: Set<UniqueID>) async throws -> [History.Entry] {
        let store = ConversationStore(redis: client)
        var entries: [History.Entry] = []
        for conversation in conversations {
            var after = 0
            while true {
                let page = try await store.messages(of: conversation, after: after, limit: 200)
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
}

/// Loopback ports that nobody listens on.
///
/// Below the range from which the kernel takes ports of its own choice (32768 on), so that no connection takes one while a
/// gateway restarts.
private enum FreePort {
    private static let range = 24_000..<32_000
    private static let last = Mutex(Int.random(in: range))

    static func next() throws -> Int {
        for _ in range {
            let port = last.withLock { last in
                last = last + 1 < range.upperBound ? last + 1 : range.lowerBound
                return last
            }
            if isFree(port) { return port }
        }
        throw ChaosError("There are no free ports on 127.0.0.1.")
    }

    private static func isFree(_ port: Int) -> Bool {
        #if canImport(Glibc)
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #else
            let descriptor = socket(AF_INET, SOCK_STREAM, 0)
        #endif
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        return withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}
