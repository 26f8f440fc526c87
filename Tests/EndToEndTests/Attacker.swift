import Foundation
import NIOCore
import NIOPosix

/// Where those who attack run: a thread that gets what the processors have left, as the attacked would have a machine of their
/// own. Its tasks and its sockets are on it, and nobody else's.
final class Attacker: TaskExecutor {
    /// Where clients' sockets are.
    @TaskLocal static var sockets: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton

    private let loop: any EventLoop

    private init(loop: any EventLoop) { self.loop = loop }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }

    /// Runs `body` with an attacker, whose thread ends after it.
    static func with<Result>(_ body: (Attacker) async throws -> Result) async throws -> Result {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        // On Linux niceness is of a thread.
        try await loop.submit { _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 19) }.get()
        do {
            let result = try await body(Attacker(loop: loop))
            try await group.shutdownGracefully()
            return result
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
    }

    func run<Result: Sendable>(_ attack: @Sendable () async throws -> Result) async throws -> Result {
        try await withTaskExecutorPreference(self) { try await Self.$sockets.withValue(loop) { try await attack() } }
    }
}
