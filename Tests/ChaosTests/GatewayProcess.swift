import Foundation
import NIOCore
import NIOPosix
import RedisFixture

/// A real gateway on a port of its own, which it keeps over restarts. It dies with the test process.
// @unchecked: the process is started before `start` returns, after that only its thread-safe parts are used; `process` is
// changed by one task at a time.
final class GatewayProcess: @unchecked Sendable {
    let port: Int
    private let redisURL: String
    private let environment: [String: String]
    private let log: URL
    private var process = Process()
    /// What it had in memory when it was ready, in bytes.
    private var firstMemory = 0

    /// - Parameter environment: more settings, over the usual ones.
    init(port: Int, redisURL: String, environment: [String: String], log: URL) {
        self.port = port
        self.redisURL = redisURL
        self.environment = environment
        self.log = log
    }

    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    func start() async throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "setpriv", "--pdeathsig", "KILL", Self.root.appendingPathComponent(".build/release/gateway").path, "serve",
        ]
        process.environment = ProcessInfo.processInfo.environment.merging(
            [
                "HOST": "127.0.0.1", "PORT": "\(port)", "REDIS_URL": redisURL, "LOOPS": "2", "LOG_LEVEL": "info",
                "DRAIN_TIMEOUT": "5",
                // All clients come from one address, as fast as they can.
                "HANDSHAKES_PER_SECOND": "0", "FAILED_TOKENS_PER_MINUTE": "0", "MAX_CONNECTIONS_PER_ADDRESS": "0",
                "MAX_CONNECTIONS_PER_TOKEN": "0", "MAX_CONNECTIONS_PER_CUSTOMER": "0", "MESSAGES_PER_SECOND": "0",
                "BYTES_PER_SECOND": "0",
            ]
        ) { $1 }.merging(environment) { $1 }
        if !FileManager.default.fileExists(atPath: log.path) {
            _ = FileManager.default.createFile(atPath: log.path, contents: nil)
        }
        let output = try FileHandle(forWritingTo: log)
        try output.seekToEnd()
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        let starting = process
        try SpawningThread.shared.run { try starting.run() }
        try output.close()
        self.process = process
    }

    var isRunning: Bool { process.isRunning }

    func waitUntilReady() async throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while try await !isReady() {
            guard process.isRunning else { throw ChaosError("A gateway ended: \(logTail)") }
            guard ContinuousClock.now < deadline else { throw ChaosError("A gateway is not ready: \(logTail)") }
            try await Task.sleep(for: .milliseconds(50))
        }
        firstMemory = memory("VmRSS")
    }

    /// By how much its memory was larger than at the beginning, at most, in bytes.
    var memoryGrowth: Int { max(0, memory("VmHWM") - firstMemory) }

    /// A figure of `/proc/…/status`, which are in KiB.
    private func memory(_ name: String) -> Int {
        let status = try? String(contentsOfFile: "/proc/\(process.processIdentifier)/status", encoding: .utf8)
        let line = (status ?? "").split(separator: "\n").first { $0.hasPrefix("\(name):") }
        let kibibytes = (line ?? "").split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) }
        return (kibibytes ?? 0) * 1024
    }

    private var logTail: String { String(((try? String(contentsOf: log, encoding: .utf8)) ?? "").suffix(2000)) }

    private func isReady() async throws -> Bool {
        guard
            let channel = try? await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connect(host: "127.0.0.1", port: port).get()
        else { return false }
        let answer = channel.eventLoop.makePromise(of: Bool.self)
        try await channel.eventLoop.submit {
            try channel.pipeline.syncOperations.addHandler(FirstBytes(answer))
        }.get()
        channel.eventLoop.scheduleTask(in: .seconds(2)) { answer.succeed(false) }
        channel.writeAndFlush(ByteBuffer(string: "GET /ready HTTP/1.1\r\nHost: x\r\n\r\n"), promise: nil)
        let isReady = try await answer.futureResult.get()
        try? await channel.close()
        return isReady
    }

    /// SIGKILL, and its end.
    func kill() {
        Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    func suspend() { Foundation.kill(process.processIdentifier, SIGSTOP) }
    func resume() { Foundation.kill(process.processIdentifier, SIGCONT) }

    /// SIGTERM, and its end.
    ///
    /// - Returns: The exit code.
    func terminate() async throws -> Int32 {
        Foundation.kill(process.processIdentifier, SIGTERM)
        let deadline = ContinuousClock.now + .seconds(30)
        while process.isRunning {
            guard ContinuousClock.now < deadline else { throw ChaosError("A gateway does not end: \(logTail)") }
            try await Task.sleep(for: .milliseconds(20))
        }
        return process.terminationStatus
    }
}

/// Whether an HTTP answer begins as a success does.
private final class FirstBytes: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let answer: EventLoopPromise<Bool>
    private var isAnswered = false

    init(_ answer: EventLoopPromise<Bool>) { self.answer = answer }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        answer.succeed(String(buffer: Self.unwrapInboundIn(data)).hasPrefix("HTTP/1.1 200"))
    }

    func channelInactive(context: ChannelHandlerContext) { answer.succeed(false) }
}
