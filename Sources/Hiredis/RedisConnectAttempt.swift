import NIOCore
import NIOPosix
import Synchronization

/// One attempt to connect, on a thread of NIO's pool, since hiredis blocks while it connects and logs in.
///
/// It may hang for longer than a program wants to wait for its end (name resolution has no time-out), so it can be
/// abandoned: then it does not touch the event loop any more, which may be gone by that time.
final class RedisConnectAttempt: Sendable {
    private let isAbandoned = Mutex(false)

    /// - Parameter completion: Called on `eventLoop`; not called if abandoned first.
    func run(
        _ connector: RedisConnector,
        on eventLoop: any EventLoop,
        _ completion: @escaping @Sendable (Result<HiredisSocket, RedisError>) -> Void
    ) {
        NIOThreadPool.singleton.submit { _ in
            let result = Result { () throws(RedisError) in try connector.open() }
            let isWanted = self.isAbandoned.withLock { isAbandoned in
                // Under the lock, so that after `abandon` nothing is scheduled.
                if !isAbandoned { eventLoop.execute { completion(result) } }
                return !isAbandoned
            }
            if !isWanted, case .success(let socket) = result { socket.close() }
        }
    }

    func abandon() {
        isAbandoned.withLock { $0 = true }
    }
}
