import Hiredis
import Logging
import Messaging
import ServiceLifecycle

/// Reads the list of customers into memory at start, while requests are answered already, so that the first agent who asks
/// for a page of it does not wait for that.
struct CustomerListPreparation: Service {
    let redis: RedisClient
    let customers: CustomerStore
    let logger: Logger

    /// As long as the program waits for Redis at its start.
    private static let redisTimeout = Duration.seconds(30)

    func run() async throws {
        await cancelWhenGracefulShutdown { await prepare() }
        try? await gracefulShutdown()
    }

    private func prepare() async {
        do {
            try await redis.waitUntilReady(timeout: Self.redisTimeout)
            try await Layout.check(in: redis)
            let clock = ContinuousClock()
            let start = clock.now
            let count = try await customers.prepareListing { done, left in
                logger.notice(
                    "Adding the customers of an earlier version to the list",
                    metadata: ["customers.added": "\(done)", "customers.left": "\(left)"]
                )
            }
            logger.info(
                "Read the list of customers",
                metadata: [
                    "customers.count": "\(count)", "duration.ms": "\(Int((clock.now - start) / .milliseconds(1)))",
                ]
            )
        } catch {
            // Whoever asks for a page first tries again. That Redis is away is the start's to report.
            logger.info("Did not read the list of customers", metadata: ["error": "\(StartError(error).description)"])
        }
    }
}
