import Foundation
import RedisFixture

/// HAProxy as `deploy/run` has it in front of the gateways. It dies with the test process.
// @unchecked: the process is started before `start` returns, after that only its thread-safe parts are used.
final class EdgeProcess: @unchecked Sendable {
    let port: Int
    private let process = Process()
    private let log: URL

    init(port: Int, gatewayPorts: [Int], folder: URL) throws {
        self.port = port
        log = folder.appendingPathComponent("edge.log")
        let servers = folder.appendingPathComponent("servers.cfg")
        let gateways = gatewayPorts.enumerated().map { "    server gateway-\($0) 127.0.0.1:\($1)" }
        // Nobody asks customer-api anything here.
        let text =
            "backend customer-api from customer-api-settings\nbackend gateways from gateways-settings\n"
            + gateways.joined(separator: "\n") + "\n"
        try text.write(to: servers, atomically: true, encoding: .utf8)
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "setpriv", "--pdeathsig", "KILL", "haproxy", "-db",
            "-f", GatewayProcess.root.appendingPathComponent("deploy/haproxy.cfg").path, "-f", servers.path,
        ]
        process.environment = ProcessInfo.processInfo.environment.merging(
            [
                "SERVERS_IN_OTHER_FILE": "1", "EDGE_PORT": "\(port)", "EDGE_HOST": "127.0.0.1",
                "EDGE_REFUSALS_PER_ADDRESS": "999999",
            ]
        ) { $1 }.merging(
            ["PATH": "\(ProcessInfo.processInfo.environment["PATH"] ?? ""):/usr/sbin:/sbin"]
        ) { $1 }
    }

    /// Starts it and waits until it has seen the gateways.
    func start() async throws {
        _ = FileManager.default.createFile(atPath: log.path, contents: nil)
        let output = try FileHandle(forWritingTo: log)
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        let starting = process
        try SpawningThread.shared.run { try starting.run() }
        try output.close()
        try await Task.sleep(for: .seconds(2))
        guard process.isRunning else {
            throw ChaosError("The edge ended: \((try? String(contentsOf: log, encoding: .utf8)) ?? "")")
        }
    }

    func kill() {
        guard process.isRunning else { return }
        Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }
}
