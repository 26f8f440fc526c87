import NIOCore
import NIOPosix
import Synchronization

/// One attempt at something that blocks, such as to connect by hiredis, on a thread of a pool.
///
/// It may hang for longer than a program wants to wait for its end (name resolution has no time-out), so it can be
/// abandoned: then it does not touch the event loop any more, which may be gone by that time.
final class RedisConnectAttempt: Sendable {
    private let isAbandoned = Mutex(false)

    /// Not NIO's own pool, which has as many threads as there are cores: a server that hangs would keep them all, and
    /// nobody could connect to the others or ask who takes its place.
    private static let threads: NIOThreadPool = {
        let pool = NIOThreadPool(numberOfThreads: max(16, 4 * System.coreCount))
        pool.start()
        return pool
    }()

    /// - Parameters:
    ///   - discard: What becomes of a value that nobody waits for any more.
    ///   - completion: Called on `eventLoop`; not called if abandoned first.
    func run<Value: Sendable>(
        on eventLoop: any EventLoop,
        _ work: @escaping @Sendable () throws(RedisError) -> Value,
        discard: @escaping @Sendable (Value) -> Void = { _ in },
        _ completion: @escaping @Sendable (Result<Value, RedisError>) -> Void
    ) {
        RedisConnectAttempt.threads.submit { _ in
            let result = Result { () throws(RedisError) in try work() }
            let isWanted = self.isAbandoned.withLock { isAbandoned in
                // Under the lock, so that after `abandon` nothing is scheduled.
                if !isAbandoned { eventLoop.execute { completion(result) } }
                return !isAbandoned
            }
            if !isWanted, case .success(let value) = result { discard(value) }
        }
    }

    func abandon() {
        isAbandoned.withLock { $0 = true }
    }
}
