import Foundation
import Synchronization

/// A private redis-server for a test: on a free loopback port and a unix socket, in a temporary folder of its own.
///
/// It dies with the test process. Use ``withRedis(appendOnly:extra:_:)``, which also stops it and removes the folder.
package final class RedisServer: Sendable {
    /// `redis://127.0.0.1:PORT/0`, for a user that may do everything.
    package let url: String
    /// The same for the programs: the user that `deploy/redis.acl` describes, as in a deployment.
    package var programsURL: String { url.replacing("://", with: "://\(LeastRights.login)@", maxReplacements: 1) }
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
    private let suspended = Mutex(false)

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
            ] + (try LeastRights.options()) + extra
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

    package var isRunning: Bool { process.withLock { $0?.isRunning ?? false } }

    /// Ends it in order (SIGTERM), waits until it is gone. The folder stays.
    package func terminate() throws {
        guard let child = process.withLock({ $0 }) else { throw RedisServerError("redis-server is not running.") }
        child.send(SIGTERM)
        child.waitUntilExit()
        process.withLock { $0 = nil }
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

    /// Starts it as the machine that takes a dead one's place: on the same port, without data, as a replica of `primary`. What a
    /// replica is sent first it keeps in a file, which it would come back with.
    package func replace(following primary: RedisServer) async throws {
        try? kill()
        try? FileManager.default.removeItem(at: folder.appendingPathComponent("dump.rdb"))
        try await launch(arguments + ["--replicaof", "127.0.0.1 \(primary.port)"])
    }

    /// Stops it in its tracks (SIGSTOP): its sockets stay open and the system goes on accepting connections for it.
    package func suspend() throws {
        try signal(SIGSTOP)
        suspended.withLock { $0 = true }
    }

    package func resume() throws {
        suspended.withLock { $0 = false }
        try signal(SIGCONT)
    }

    // MARK: The disk

    /// Whether its files can grow. While they cannot, every write fails as on a full disk, if with another error (EFBIG).
    package func setDiskFull(_ isFull: Bool) throws {
        guard let child = process.withLock({ $0 }) else { throw RedisServerError("redis-server is not running.") }
        let limit = isFull ? "1" : "unlimited"
        let change = try ChildProcess(
            "prlimit",
            ["--pid", "\(child.processID)", "--fsize=\(limit):"],
            capturesOutput: true
        )
        let answer = try change.output()
        guard answer.isEmpty else { throw RedisServerError("prlimit: \(answer)") }
    }

    /// The append-only file that grows at the moment. Redis 7 has several in a folder, Redis 6 has one.
    private var journal: URL {
        let several = folder.appendingPathComponent("appendonlydir", isDirectory: true)
        let names = (try? FileManager.default.contentsOfDirectory(atPath: several.path)) ?? []
        let newest = names.filter { $0.hasSuffix(".incr.aof") }.max {
            $0.count == $1.count ? $0 < $1 : $0.count < $1.count
        }
        return newest.map(several.appendingPathComponent) ?? folder.appendingPathComponent("appendonly.aof")
    }

    /// How many bytes are in the append-only file.
    package func journalSize() throws -> UInt64 {
        let attributes = try FileManager.default.attributesOfItem(atPath: journal.path)
        return (attributes[.size] as? NSNumber)?.uint64Value ?? 0
    }

    /// Forgets what came after, as a power cut does with what was not synced. Only while it is down.
    package func cutJournal(to size: UInt64) throws {
        let file = try FileHandle(forWritingTo: journal)
        try file.truncate(atOffset: size)
        try file.close()
    }

    /// Runs redis-cli against it and returns what that prints, trimmed. For a server with a password begin with `-a`.
    package func command(_ args: String...) throws -> String {
        try command(args)
    }

    package func command(_ args: [String]) throws -> String {
        guard !suspended.withLock({ $0 }) else { throw RedisServerError("redis-server is suspended.") }
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
        // Past its limit of a file's size (see `setDiskFull`) a process gets a signal that would end it.
        let child = try ChildProcess(
            "env",
            ["--ignore-signal=XFSZ", "redis-server"] + (arguments ?? self.arguments),
            capturesOutput: false
        )
        process.withLock { $0 = child }
        suspended.withLock { $0 = false }
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
