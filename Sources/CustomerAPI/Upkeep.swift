import Hiredis
import Logging
import Messaging
import ServiceLifecycle

/// What has to be done now and then: drops entries of the audit log that are older than they are kept, and goes on with
/// erasures of customers that a crash has stopped. Every customer-api does it; each step may be done twice.
struct Upkeep: Service {
    let redis: RedisClient
    let audit: AuditLog
    let erasure: CustomerErasure
    /// Where attachments are; `nil`: in Redis.
    let folder: AttachmentFolder?
    let logger: Logger

    /// How long after one time the next one begins.
    static let pause = Duration.seconds(3600)

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                await work()
                try? await Task.sleep(for: Self.pause)
            }
        }
    }

    private func work() async {
        do {
            try await redis.waitUntilReady(timeout: .seconds(30))
            try await Layout.check(in: redis)
            try await audit.trim()
            let finished = try await erasure.goOn { try await folder?.remove($0) }
            if finished > 0 {
                logger.notice("Finished erasures of customers", metadata: ["customers.count": "\(finished)"])
            }
        } catch {
            // Tried again the next time.
            logger.info("Did not do all of the upkeep", metadata: ["error": "\(StartError(error).description)"])
        }
    }
}
