import Foundation
import Synchronization

extension Stack {
    /// The system that most suites share, with two gateways: started by `deploy/run`, as users start it, when the first
    /// test asks for it, and stopped when the test process ends. Then its logs are searched for tokens, too.
    static func shared() async throws -> Stack { try await SharedStack.task.value }
}

private enum SharedStack {
    static let task = Task { try await start() }
    private static let running = Mutex<(program: Program, folder: URL, stack: Stack)?>(nil)

    private static func start() async throws -> Stack {
        let folder = Program.temporaryFile("data")
        let port = try Ports.freeBlock()
        let program = try Program(
            Repository.root.appendingPathComponent("deploy/run").path,
            ["--no-build"],
            environment: [
                "PORT": "\(port)", "EDGE_HOST": "127.0.0.1", "DATA_DIR": folder.path, "GATEWAYS": "2",
                // All tests have one address.
                "TOKEN_REQUESTS_PER_MINUTE": "0", "CUSTOMER_TOKENS_PER_MINUTE": "0",
                "BIN_DIR": Repository.programs.path, "LOG_LEVEL": "debug",
            ],
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
        let ports = try partPorts(in: folder)
        guard let customerAPI = ports["customer-api"], let first = ports["gateway-1"], let second = ports["gateway-2"]
        else { throw EndToEndError("deploy/run did not write its parts down: \(ports)") }
        let redisURL = try String(contentsOf: folder.appendingPathComponent("run/redis-url"), encoding: .utf8)
        let stack = Stack(
            edgePort: port,
            customerAPIPort: customerAPI,
            gatewayPorts: [first, second],
            redisURL: redisURL,
            logFolder: folder.appendingPathComponent("log"),
            admin: (words[login + 1], words[password + 1])
        )
        running.withLock { $0 = (program, folder, stack) }
        atexit { SharedStack.stop() }
        return stack
    }

    /// `DATA_DIR/run/parts` has a line `NAME PID START PORT` for each part.
    private static func partPorts(in folder: URL) throws -> [String: Int] {
        let lines = try String(contentsOf: folder.appendingPathComponent("run/parts"), encoding: .utf8)
        return Dictionary(
            lines.split(separator: "\n").compactMap { line in
                let words = line.split(separator: " ")
                guard words.count == 4, let port = Int(words[3]) else { return nil }
                return (String(words[0]), port)
            },
            uniquingKeysWith: { $1 }
        )
    }

    /// Runs when the test process exits, after the last test.
    private static func stop() {
        guard let (program, folder, stack) = running.withLock({ $0 }) else { return }
        program.send(SIGTERM)
        let deadline = Date(timeIntervalSinceNow: 45)
        while program.isRunning, Date() < deadline { usleep(20_000) }
        let leaks = stack.logsWithTokens()
        guard leaks.isEmpty else {
            // All tests have been reported; only the exit code is left to say it with.
            print("Tokens were logged: see \(leaks.joined(separator: ", ")) in \(stack.logFolder.path)")
            fflush(nil)
            _exit(1)
        }
        try? FileManager.default.removeItem(at: folder)
        try? FileManager.default.removeItem(at: program.outputFile)
    }
}
