import Hiredis
import Logging
import NIOCore
import NIOPosix
import RedisFixture
import Synchronization

/// A client that is running, with its event loops.
struct TestClient: Sendable {
    let client: RedisClient
    let group: MultiThreadedEventLoopGroup

    /// The connection of one of the event loops.
    var anyConnection: RedisConnection { client.connection(for: group.next()) }
    var isReady: Bool { client.isReady }

    func send(_ command: RedisCommand) async throws(RedisError) -> RedisReply {
        try await client.send(command)
    }

    func send(_ commands: [RedisCommand]) async -> [Result<RedisReply, RedisError>] {
        await client.send(commands)
    }

    func waitUntilReady(timeout: Duration) async throws(RedisError) {
        try await client.waitUntilReady(timeout: timeout)
    }
}

/// Runs a client on event loops of its own for the duration of `body`, then ends it by cancellation.
func withClient<R: Sendable>(
    _ configuration: RedisConfiguration,
    loops: Int = 1,
    logger: Logger = .silent,
    awaitReady: Bool = true,
    _ body: (TestClient) async throws -> R
) async throws -> R {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: loops)
    let client = RedisClient(configuration: configuration, eventLoopGroup: group, logger: logger)
    let run = Task { try await client.run() }
    let result: Result<R, any Error>
    do {
        if awaitReady { try await client.waitUntilReady(timeout: .seconds(20)) }
        result = .success(try await body(TestClient(client: client, group: group)))
    } catch {
        result = .failure(error)
    }
    run.cancel()
    try await run.value
    try await group.shutdownGracefully()
    return try result.get()
}

extension RedisServer {
    /// Reconnects fast; deadlines are far away unless a test is about them.
    func configuration(_ change: (inout RedisConfiguration) -> Void = { _ in }) throws -> RedisConfiguration {
        var configuration = try RedisConfiguration(url: url)
        configuration.backoff = RedisBackoff(first: .milliseconds(5), longest: .milliseconds(50))
        configuration.commandTimeout = .seconds(20)
        change(&configuration)
        return configuration
    }
}

/// What the completions of several commands reported: which command, and how it ended.
final class Outcomes: Sendable {
    struct Outcome: Sendable {
        let command: Int
        let result: Result<RedisReply, RedisError>
    }

    private struct State {
        var all: [Outcome] = []
        var waiter: (count: Int, continuation: CheckedContinuation<Void, Never>)?
    }

    private let state = Mutex(State())

    var all: [Outcome] { state.withLock { $0.all } }
    var count: Int { all.count }

    /// Whether exactly the commands with these numbers have ended, in this order.
    func areOf(_ commands: Range<Int>) -> Bool { all.map(\.command) == Array(commands) }

    /// Whether all have succeeded, with these numbers as their replies.
    func areReplies(_ numbers: [Int]) -> Bool { all.map { try? $0.result.get().int } == numbers }

    func completion(of command: Int) -> (Result<RedisReply, RedisError>) -> Void {
        { result in
            self.state.withLock { state -> CheckedContinuation<Void, Never>? in
                state.all.append(Outcome(command: command, result: result))
                guard let waiter = state.waiter, state.all.count >= waiter.count else { return nil }
                state.waiter = nil
                return waiter.continuation
            }?.resume()
        }
    }

    /// Waits until so many completions were called.
    func wait(for count: Int) async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if state.all.count >= count { return true }
                state.waiter = (count, continuation)
                return false
            }
            if isThere { continuation.resume() }
        }
    }
}

extension RedisConnection {
    /// Sends on the connection's event loop, all in one turn.
    func sendTogether(_ commands: [RedisCommand], firstNumber: Int = 0, to outcomes: Outcomes) async throws {
        try await eventLoop.submit {
            for (index, command) in commands.enumerated() {
                self.send(command, outcomes.completion(of: firstNumber + index))
            }
        }.get()
    }

    var isReadyNow: Bool {
        get async throws { try await eventLoop.submit { self.isReady }.get() }
    }
}

/// Waits for what has no event of its own to wait for.
func eventually(
    _ what: String,
    within limit: Duration = .seconds(30),
    _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while try await !condition() {
        guard ContinuousClock.now < deadline else { throw NeverHappened(description: what) }
        try await Task.sleep(for: .milliseconds(5))
    }
}

struct NeverHappened: Error, CustomStringConvertible {
    let description: String
}

/// Keeps what was logged.
struct RecordingLogHandler: LogHandler {
    final class Lines: Sendable {
        private let lines = Mutex<[String]>([])
        var all: [String] { lines.withLock { $0 } }
        func append(_ line: String) { lines.withLock { $0.append(line) } }
    }

    let lines: Lines
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { $1 }
        lines.append("\(event.level) \(event.message) \(all.sorted { $0.key < $1.key })")
    }
}

extension Logger {
    static var silent: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }

    static func recording(to lines: RecordingLogHandler.Lines) -> Logger {
        Logger(label: "test") { _ in RecordingLogHandler(lines: lines) }
    }
}

extension Result where Failure == RedisError {
    var error: RedisError? { if case .failure(let error) = self { error } else { nil } }
}
