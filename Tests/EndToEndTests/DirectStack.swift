import Foundation
import RedisFixture
import Testing

/// A system whose parts a test starts, stops and kills one by one.
///
/// The programs and HAProxy run as `deploy/run` runs them, on a private Redis with an append-only file.
final class DirectStack: Sendable {
    let stack: Stack
    let redis: RedisServer
    let customerAPI: Program
    let edge: Program
    /// Where the edge answers by TLS, if it is told to.
    let tlsPort: Int
    /// `nil`: not started yet.
    private let gateways: [Watched<Program?>]
    private let folder: URL
    private let settings: [String: String]

    /// Starts one, runs `body`, stops it, also when `body` throws, and searches its logs for tokens.
    ///
    /// - Parameters:
    ///   - settings: environment variables for both programs.
    ///   - gateways: how many run at first.
    ///   - spares: how many more the edge knows, for ``startGateway(_:)``.
    ///   - edge: environment variables for HAProxy.
    static func run(
        settings: [String: String] = [:],
        gateways: Int = 2,
        spares: Int = 0,
        edge: [String: String] = [:],
        _ body: (DirectStack) async throws -> Void
    ) async throws {
        try await withRedis(appendOnly: true) { redis in
            let direct = try await DirectStack(
                redis: redis,
                settings: settings,
                gateways: gateways,
                spares: spares,
                edge: edge
            )
            do {
                try await direct.waitUntilReady()
                try await body(direct)
            } catch {
                try await direct.stop()
                throw error
            }
            try await direct.stop()
        }
    }

    private init(
        redis: RedisServer,
        settings: [String: String],
        gateways count: Int,
        spares: Int,
        edge edgeSettings: [String: String]
    ) async throws {
        let first = try Ports.freeBlock()
        folder = Program.temporaryFile("direct")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        stack = Stack(
            edgePort: first,
            customerAPIPort: first + 1,
            gatewayPorts: (0..<count + spares).map { first + 2 + $0 },
            redisURL: redis.programsURL,
            logFolder: folder,
            admin: ("admin", "the first password")
        )
        self.redis = redis
        self.settings = settings.merging(
            ["REDIS_URL": redis.programsURL, "HOST": "127.0.0.1", "LOG_LEVEL": "debug"].merging(Stack.noLimits) { $1 },
            uniquingKeysWith: { given, _ in given }
        )

        var customerAPISettings = self.settings
        customerAPISettings["PORT"] = "\(first + 1)"
        customerAPISettings["ADMIN_LOGIN"] = "admin"
        customerAPISettings["ADMIN_PASSWORD"] = "the first password"
        customerAPI = try Program(
            Repository.programs.appendingPathComponent("customer-api").path,
            ["serve"],
            environment: customerAPISettings,
            output: folder.appendingPathComponent("customer-api.log")
        )
        gateways = try (0..<count + spares).map { [folder, settings = self.settings] number in
            guard number < count else { return Watched(nil) }
            return Watched(try Self.startGateway(number, port: first + 2 + number, folder: folder, settings: settings))
        }
        let servers = folder.appendingPathComponent("servers.cfg")
        try """
        backend customer-api from customer-api-settings
            server customer-api 127.0.0.1:\(first + 1)
        backend gateways from gateways-settings
        \(stack.gatewayPorts.enumerated().map { "    server gateway-\($0 + 1) 127.0.0.1:\($1)" }.joined(separator: "\n"))

        """.write(to: servers, atomically: true, encoding: .utf8)
        tlsPort = first + 7
        edge = try Program(
            "haproxy",
            ["-db", "-f", Repository.root.appendingPathComponent("deploy/haproxy.cfg").path, "-f", servers.path],
            environment: [
                "SERVERS_IN_OTHER_FILE": "1", "EDGE_PORT": "\(first)", "EDGE_HOST": "127.0.0.1",
                "EDGE_TLS_PORT": "\(tlsPort)",
                "EDGE_REFUSALS_PER_ADDRESS": "999999",
                "PATH": "\(ProcessInfo.processInfo.environment["PATH"] ?? ""):/usr/sbin:/sbin",
            ].merging(edgeSettings) { $1 },
            output: folder.appendingPathComponent("edge.log")
        )
    }

    func gateway(_ number: Int) -> Program {
        guard let gateway = gateways[number].current else { preconditionFailure("This gateway was not started.") }
        return gateway
    }

    /// By number.
    var runningGateways: [(Int, Program)] {
        gateways.enumerated().compactMap { number, gateway in
            gateway.current.flatMap { $0.isRunning ? (number, $0) : nil }
        }
    }

    private var programs: [Program] { [customerAPI, edge] + gateways.compactMap(\.current) }

    /// Starts a gateway again that has ended, and waits until the edge sends connections to it.
    func restartGateway(_ number: Int) async throws {
        try startGateway(number)
        try await waitUntilReady()
    }

    /// Starts a gateway again that has ended.
    func startGateway(_ number: Int) throws {
        let program = try Self.startGateway(
            number,
            port: stack.gatewayPorts[number],
            folder: folder,
            settings: settings
        )
        gateways[number].update { $0 = program }
    }

    private static func startGateway(
        _ number: Int,
        port: Int,
        folder: URL,
        settings: [String: String]
    ) throws -> Program {
        var settings = settings
        settings["PORT"] = "\(port)"
        // Begins with its number, and is another one after each start.
        settings["GATEWAY_ID"] = "gateway-\(number + 1)-\(UInt32.random(in: .min ... .max))"
        // A file of its own for each start, so that nothing that was logged is lost.
        let log = folder.appendingPathComponent("gateway-\(number + 1)-\(UUID().uuidString.prefix(4)).log")
        return try Program(
            Repository.programs.appendingPathComponent("gateway").path,
            ["serve"],
            environment: settings,
            output: log
        )
    }

    /// Waits until each part says that it is ready, and the edge has seen it.
    func waitUntilReady() async throws {
        let ports = zip(stack.gatewayPorts, gateways).filter { $1.current?.isRunning == true }.map(\.0)
        for port in ports + [stack.customerAPIPort, stack.edgePort] {
            let deadline = ContinuousClock.now + .seconds(60)
            while (try? await Curl.request("GET", port: port, "/ready"))?.status != 200 {
                guard customerAPI.isRunning, edge.isRunning, ContinuousClock.now < deadline else {
                    throw EndToEndError("Nothing became ready on port \(port). \(logs())")
                }
                try await Task.sleep(for: .milliseconds(50))
            }
        }
    }

    private func logs() -> String {
        programs.map { "\($0.name): \($0.output.suffix(600))" }
            .joined(separator: "\n")
    }

    private func stop() async throws {
        for program in programs where program.isRunning {
            try await program.kill()
        }
        #expect(stack.logsWithTokens() == [], "No token may be in a log.")
        // Empty also where Redis was restarted meanwhile; then what came before is not looked at.
        if redis.isRunning, let refused = try? redis.command("ACL", "LOG") {
            #expect(refused == "", "Redis refused the programs something: see deploy/redis.acl.")
        }
        try FileManager.default.removeItem(at: folder)
    }
}
