import Synchronization

/// Something that changes as events arrive, and a way to wait for it to become what a test expects.
///
/// Waiters are tried in their order after each change, each with the state as the one before left it, so that two that
/// take from a queue never take the same element.
final class Watched<State: Sendable>: Sendable {
    private struct Waiter {
        let number: Int
        /// `nil` while the state is not yet what it waits for; else what to call once the lock is free.
        let attempt: @Sendable (inout State) -> (@Sendable () -> Void)?
        let expire: @Sendable () -> Void
    }

    private struct Contents: ~Copyable {
        var state: State
        var waiters: [Waiter] = []
        var count = 0
    }

    private let contents: Mutex<Contents>

    init(_ state: State) {
        contents = Mutex(Contents(state: state))
    }

    var current: State { contents.withLock { $0.state } }

    @discardableResult
    func update<Result: Sendable>(_ body: @Sendable (inout State) -> Result) -> Result {
        let (result, woken) = contents.withLock { contents -> (Result, [@Sendable () -> Void]) in
            let result = body(&contents.state)
            var woken: [@Sendable () -> Void] = []
            contents.waiters.removeAll { waiter in
                guard let resume = waiter.attempt(&contents.state) else { return false }
                woken.append(resume)
                return true
            }
            return (result, woken)
        }
        for resume in woken { resume() }
        return result
    }

    /// Waits until `poll` is not `nil`, and returns that. `poll` may take something out of the state when it is.
    ///
    /// - Throws: ``TimeoutError`` with `what`, and `describe` of the state at that time.
    func wait<Value: Sendable>(
        for what: String,
        timeout: Duration = .seconds(30),
        describe: @escaping @Sendable (State) -> String = { String(describing: $0) },
        until poll: @escaping @Sendable (inout State) -> Value?
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Value, any Error>) in
            let immediate = contents.withLock { contents -> Value? in
                if let value = poll(&contents.state) { return value }
                contents.count += 1
                let number = contents.count
                let timer = Task {
                    try await Task.sleep(for: timeout)
                    self.expire(number)
                }
                contents.waiters.append(
                    Waiter(
                        number: number,
                        attempt: { state in
                            guard let value = poll(&state) else { return nil }
                            return {
                                timer.cancel()
                                continuation.resume(returning: value)
                            }
                        },
                        expire: {
                            continuation.resume(throwing: TimeoutError(what: what, instead: describe(self.current)))
                        }
                    )
                )
                return nil
            }
            if let immediate { continuation.resume(returning: immediate) }
        }
    }

    private func expire(_ number: Int) {
        let waiter = contents.withLock { contents -> Waiter? in
            guard let index = contents.waiters.firstIndex(where: { $0.number == number }) else { return nil }
            return contents.waiters.remove(at: index)
        }
        waiter?.expire()
    }
}

struct TimeoutError: Error, CustomStringConvertible {
    let what: String
    let instead: String

    var description: String { "Waited in vain for \(what). Instead: \(instead.prefix(2000))" }
}

/// What a test cannot go on without.
struct EndToEndError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
