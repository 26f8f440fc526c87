import Synchronization

/// Commands that come from outside the event loop, with whom to tell.
enum RedisSubmission: Sendable {
    case one(RedisCommand, UnsafeContinuation<Result<RedisReply, RedisError>, Never>)
    case many([RedisCommand], UnsafeContinuation<[Result<RedisReply, RedisError>], Never>)

    func fail(_ error: RedisError) {
        switch self {
        case .one(_, let continuation):
            continuation.resume(returning: .failure(error))
        case .many(let commands, let continuation):
            continuation.resume(returning: Array(repeating: .failure(error), count: commands.count))
        }
    }
}

/// What other threads have submitted and the event loop has not taken yet. Any thread.
final class RedisSubmissions: Sendable {
    enum Appended {
        /// The event loop has been told already.
        case queued
        /// The event loop must be told: nobody else will.
        case first
        /// Not appended.
        case full
    }

    private struct State {
        var waiting: [RedisSubmission] = []
        var isScheduled = false
    }

    private let limit: Int
    private let state = Mutex(State())

    /// - Parameter limit: How many may wait.
    init(limit: Int) {
        self.limit = limit
    }

    func append(_ submission: RedisSubmission) -> Appended {
        state.withLock { state in
            guard state.waiting.count < limit else { return .full }
            state.waiting.append(submission)
            if state.isScheduled { return .queued }
            state.isScheduled = true
            return .first
        }
    }

    /// Moves all that wait into `taken`, which must be empty, and goes on with its memory.
    func take(into taken: inout [RedisSubmission]) {
        state.withLock { state in
            swap(&state.waiting, &taken)
            state.isScheduled = false
        }
    }
}

/// Collects the results of several commands and hands them over when all are there. Stays on one event loop.
final class RedisResults {
    private var results: [Result<RedisReply, RedisError>]
    private var missing: Int
    private let continuation: UnsafeContinuation<[Result<RedisReply, RedisError>], Never>

    /// - Parameter count: How many there will be, at least one.
    init(count: Int, _ continuation: UnsafeContinuation<[Result<RedisReply, RedisError>], Never>) {
        self.results = Array(repeating: .success(.null), count: count)
        self.missing = count
        self.continuation = continuation
    }

    func set(_ result: Result<RedisReply, RedisError>, at index: Int) {
        results[index] = result
        missing -= 1
        if missing == 0 { continuation.resume(returning: results) }
    }
}
