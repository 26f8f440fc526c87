import Foundation
import RedisFixture
import Synchronization

extension Stack {
    /// The system that most suites share, with two gateways: started by `deploy/run`, as users start it, when the first
    /// test asks for it, and stopped when the test process ends. Then its logs are searched for tokens, too.
    static func shared() async throws -> Stack { try await SharedStack.task.value }
}

/// A system that `deploy/run` started for a test, with a `DATA_DIR` of its own.
struct DeployedStack: Sendable {
    let program: Program
    let folder: URL
    let stack: Stack

    /// - Parameter settings: environment variables, over the usual ones.
    static func start(settings: [String: String] = [:]) async throws -> DeployedStack {
        let folder = Program.temporaryFile("data")
        let port = try Ports.freeBlock()
        let program = try Program(
            Repository.root.appendingPathComponent("deploy/run").path,
            ["--no-build"],
            environment: [
                "PORT": "\(port)", "EDGE_HOST": "127.0.0.1", "EDGE_REFUSALS_PER_ADDRESS": "999999",
                "DATA_DIR": folder.path, "GATEWAYS": "2",
                "BIN_DIR": Repository.programs.path, "LOG_LEVEL": "debug",
            ].merging(Stack.noLimits) { $1 }.merging(settings) { $1 },
            // It ends its parts in order then.
            deathSignal: "TERM"
        )
        try await program.line(containing: "Ctrl-C stops everything", timeout: .seconds(120))
        let words = try await program.line(containing: "First administrator").split { " ,".contains($0) }.map(
            String.init
        )
        guard let login = words.firstIndex(of: "login"), let password = words.firstIndex(of: "password") else {
            throw EndToEndError("deploy/run printed no password: \(program.output)")
        }
        let parts = try parts(in: folder).mapValues(\.port)
        guard let customerAPI = parts["customer-api"], let first = parts["gateway-1"], let second = parts["gateway-2"]
        else { throw EndToEndError("deploy/run did not write its parts down: \(parts)") }
        let redisURL = try String(contentsOf: folder.appendingPathComponent("run/redis-url"), encoding: .utf8)
        let stack = Stack(
            edgePort: port,
            customerAPIPort: customerAPI,
            gatewayPorts: [first, second],
            redisURL: redisURL.trimmingCharacters(in: .newlines),
            logFolder: folder.appendingPathComponent("log"),
            admin: (words[login + 1], settings["ADMIN_PASSWORD"] ?? words[password + 1])
        )
        return DeployedStack(program: program, folder: folder, stack: stack)
    }

    /// Ends all parts in order, and waits for that.
    func stop() {
        program.send(SIGTERM)
        let deadline = Date(timeIntervalSinceNow: 45)
        while program.isRunning, Date() < deadline { usleep(20_000) }
    }

    /// What redis-cli prints for a command to its Redis, as the operator; with a line for each reply, none for an empty one.
    func redis(_ command: String...) -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["redis-cli", "-s", folder.appendingPathComponent("run/redis.sock").path] + command
        process.environment = ProcessInfo.processInfo.environment.merging(redisLogin) { $1 }
        let output = Pipe()
        process.standardOutput = output
        guard (try? SpawningThread.shared.run({ try process.run() })) != nil else { return "redis-cli did not start" }
        let data = (try? output.fileHandleForReading.readToEnd()) ?? Data()
        process.waitUntilExit()
        return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// The operator's password, as redis-cli wants it.
    var redisLogin: [String: String] {
        let file = folder.appendingPathComponent("redis/operator-password")
        let password = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
        return ["REDISCLI_AUTH": password.trimmingCharacters(in: .newlines)]
    }

    /// `DATA_DIR/run/parts` has a line `NAME PID START PORT` for each part; the port is 0 where there is none.
    static func parts(in folder: URL) throws -> [String: (processID: Int32, port: Int)] {
        let lines = try String(contentsOf: folder.appendingPathComponent("run/parts"), encoding: .utf8)
        return Dictionary(
            lines.split(separator: "\n").compactMap { line in
                let words = line.split(separator: " ")
                guard words.count == 4, let process = Int32(words[1]) else { return nil }
                return (String(words[0]), (process, Int(words[3]) ?? 0))
            },
            uniquingKeysWith: { $1 }
        )
    }
}

private enum SharedStack {
    static let task = Task { try await start() }
    private static let running = Mutex<DeployedStack?>(nil)

    private static func start() async throws -> Stack {
        let deployed = try await DeployedStack.start()
        running.withLock { $0 = deployed }
        atexit { SharedStack.stop() }
        return deployed.stack
    }

    /// Runs when the test process exits, after the last test.
    private static func stop() {
        guard let deployed = running.withLock({ $0 }) else { return }
        let (program, folder, stack) = (deployed.program, deployed.folder, deployed.stack)
        let refused = deployed.redis("ACL", "LOG")
        deployed.stop()
        let leaks = stack.logsWithTokens()
        guard leaks.isEmpty else {
            // All tests have been reported; only the exit code is left to say it with.
            print("Tokens were logged: see \(leaks.joined(separator: ", ")) in \(stack.logFolder.path)")
            fflush(nil)
            _exit(1)
        }
        guard refused.isEmpty else {
            print("Redis refused the programs something, see deploy/redis.acl: \(refused)")
            fflush(nil)
            _exit(1)
        }
        try? FileManager.default.removeItem(at: folder)
        try? FileManager.default.removeItem(at: program.outputFile)
    }
}
