import Synchronization

/// Counts the open connections of a client and lets others wait for all of them. Any thread.
final class RedisReadiness: Sendable {
    private struct State {
        var open = 0
        var lastFailure: RedisError?
        var waiters: [Int: CheckedContinuation<Bool, Never>] = [:]
        var nextWaiter = 0
    }

    private let connections: Int
    private let state = Mutex(State())

    init(connections: Int) {
        self.connections = connections
    }

    var isReady: Bool { state.withLock { $0.open == connections } }

    func note(_ change: RedisConnection.Change) {
        let ready = state.withLock { state -> [CheckedContinuation<Bool, Never>] in
            switch change {
            case .opened: state.open += 1
            case .lost(let error):
                state.open -= 1
                state.lastFailure = error
            case .failed(let error): state.lastFailure = error
            }
            guard state.open == connections else { return [] }
            defer { state.waiters.removeAll() }
            return Array(state.waiters.values)
        }
        for waiter in ready { waiter.resume(returning: true) }
    }

    /// - Throws: `.unavailable` after `timeout` or on cancellation.
    func wait(for address: RedisConfiguration.Address, timeout: Duration) async throws(RedisError) {
        let isReady = await withTaskGroup(of: Bool.self) { group in
            group.addTask { await self.becomesReady() }
            group.addTask {
                try? await Task.sleep(for: timeout)
                return false
            }
            defer { group.cancelAll() }
            return await group.next() ?? false
        }
        if isReady { return }
        let reason = state.withLock { $0.lastFailure?.message } ?? "No attempt to connect has ended yet."
        throw RedisError(
            .unavailable,
            "Redis at \(address) was not ready within \(timeout). \(reason)",
            mayHaveRun: false
        )
    }

    /// - Returns: `false` if cancelled first.
    private func becomesReady() async -> Bool {
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let now = state.withLock { state -> Bool? in
                    if state.open == connections { return true }
                    if Task.isCancelled { return false }
                    state.waiters[id] = continuation
                    return nil
                }
                if let now { continuation.resume(returning: now) }
            }
        } onCancel: {
            let waiter = state.withLock { $0.waiters.removeValue(forKey: id) }
            waiter?.resume(returning: false)
        }
    }
}
