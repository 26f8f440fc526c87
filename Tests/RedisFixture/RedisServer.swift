import Foundation
import Synchronization

/// A private redis-server for a test: on a free loopback port and a unix socket, in a temporary folder of its own.
///
/// It dies with the test process. Use ``withRedis(appendOnly:extra:_:)``, which also stops it and removes the folder.
package final class RedisServer: Sendable {
    /// `redis://127.0.0.1:PORT/0`
    package let url: String
    /// `unix:///tmp/…/redis.sock`
    package let unixURL: String
    package let port: Int
    package let socketPath: String
    /// Where the servers of a cluster talk among themselves; 0 for others.
    let busPort: Int

    private let folder: URL
    private let arguments: [String]
    /// The running process; `nil` while it is down.
    private let process = Mutex<ChildProcess?>(nil)

    /// Starts one and waits until it answers.
    ///
    /// - Parameters:
    ///   - appendOnly: Whether it keeps its data in an append-only file, each write synced, so that a ``restart()``
    ///     after ``kill()`` finds it again.
    ///   - extra: More of redis-server's arguments, such as `["--requirepass", "secret"]`.
    package static func start(appendOnly: Bool = false, extra: [String] = []) async throws -> RedisServer {
        try await start(appendOnly: appendOnly, extra: extra, busPort: 0)
    }

    static func start(appendOnly: Bool = false, extra: [String], busPort: Int) async throws -> RedisServer {
        // Between finding a free port and using it somebody else may take it: then look for another one.
        var attempt = 1
        while true {
            let server = try RedisServer(
                port: LoopbackPort.free(),
                appendOnly: appendOnly,
                extra: extra,
                busPort: busPort
            )
            do {
                try await server.launch()
                return server
            } catch {
                server.stop()
                if attempt == 5 { throw error }
                attempt += 1
            }
        }
    }

    /// Starts a sentinel that watches nothing yet, in the same way.
    static func startSentinel() async throws -> RedisServer {
        let server = try RedisServer(port: LoopbackPort.free(), appendOnly: false, extra: [], busPort: 0)
        // A sentinel keeps what it knows in its configuration, which must be there as a file.
        let text = """
            port \(server.port)
            bind 127.0.0.1
            unixsocket \(server.socketPath)
            dir \(server.folder.path)
            logfile \(server.folder.path)/redis.log

            """
        let file = server.folder.appendingPathComponent("sentinel.conf")
        try text.write(to: file, atomically: true, encoding: .utf8)
        try await server.launch([file.path, "--sentinel"])
        return server
    }

    private init(port: Int, appendOnly: Bool, extra: [String], busPort: Int) throws {
        self.busPort = busPort
        // The path of a unix socket may have 107 bytes, so not below a long TMPDIR.
        folder = URL(fileURLWithPath: "/tmp/redis-\(UUID().uuidString.prefix(8).lowercased())", isDirectory: true)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        self.port = port
        socketPath = folder.appendingPathComponent("redis.sock").path
        url = "redis://127.0.0.1:\(port)/0"
        unixURL = "unix://\(socketPath)"
        arguments =
            [
                "--port", "\(port)", "--bind", "127.0.0.1", "--unixsocket", socketPath, "--dir", folder.path,
                "--save", "", "--appendonly", appendOnly ? "yes" : "no", "--appendfsync", "always",
                "--logfile", folder.appendingPathComponent("redis.log").path, "--daemonize", "no",
            ] + extra
    }

    /// Ends it as a crash would (SIGKILL) and waits until it is gone. The folder stays.
    package func kill() throws {
        let child = process.withLock { process in
            defer { process = nil }
            return process
        }
        guard let child else { throw RedisServerError("redis-server is not running.") }
        child.kill()
    }

    /// Ends it and removes its folder. Does nothing the second time.
    package func stop() {
        try? kill()
        try? FileManager.default.removeItem(at: folder)
    }

    /// Ends it if it runs, starts it on the same port and folder, and waits until it answers.
    package func restart() async throws {
        try? kill()
        try await launch()
    }

    /// Stops it in its tracks (SIGSTOP): its sockets stay open and the system goes on accepting connections for it.
    package func suspend() throws {
        try signal(SIGSTOP)
    }

    package func resume() throws {
        try signal(SIGCONT)
    }

    /// Runs redis-cli against it and returns what that prints, trimmed. For a server with a password begin with `-a`.
    package func command(_ args: String...) throws -> String {
        try command(args)
    }

    package func command(_ args: [String]) throws -> String {
        let child = try ChildProcess(
            "redis-cli",
            ["-s", socketPath, "--no-auth-warning"] + args,
            capturesOutput: true
        )
        return try child.output().trimmingCharacters(in: .whitespacesAndNewlines)
    }

    private func signal(_ number: Int32) throws {
        guard let child = process.withLock({ $0 }) else { throw RedisServerError("redis-server is not running.") }
        child.send(number)
    }

    private func launch(_ arguments: [String]? = nil) async throws {
        let child = try ChildProcess("redis-server", arguments ?? self.arguments, capturesOutput: false)
        process.withLock { $0 = child }
        let deadline = ContinuousClock.now + .seconds(30)
        // Only redis-cli's own words tell "up" from "still loading" or "wants a password".
        while true {
            guard child.isRunning else { throw RedisServerError("redis-server ended at once: \(log)") }
            let answer = (try? command("PING")) ?? ""
            if answer == "PONG" || answer.hasPrefix("NOAUTH") { return }
            guard ContinuousClock.now < deadline else {
                throw RedisServerError("redis-server does not answer: \(answer) \(log)")
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    /// The end of its log.
    private var log: String {
        let text = try? String(contentsOf: folder.appendingPathComponent("redis.log"), encoding: .utf8)
        return String((text ?? "no log").suffix(1000))
    }
}

/// Starts a private Redis, runs `body` with it, and stops it and removes its folder, also when `body` throws.
package func withRedis<R>(
    appendOnly: Bool = false,
    extra: [String] = [],
    _ body: (RedisServer) async throws -> R
) async throws -> R {
    let server = try await RedisServer.start(appendOnly: appendOnly, extra: extra)
    defer { server.stop() }
    return try await body(server)
}

package struct RedisServerError: Error, CustomStringConvertible {
    package let description: String

    init(_ description: String) {
        self.description = description
    }
}
