import Messaging
import Synchronization

/// How many uploads this program takes at the same time, so that slow ones can't fill its memory and descriptors.
///
/// A `Mutex` guards it.
final class UploadSlots: Sendable {
    static let maxUploads = 64
    static let maxUploadsOfOne = 4

    private let taken = Mutex<[UniqueID: Int]>([:])

    /// Runs `body` in a slot of `principal`, a customer or an agent.
    ///
    /// - Throws: 429 when there is none.
    func with<Result>(_ principal: UniqueID, _ body: () async throws -> Result) async throws -> Result {
        let isFree = taken.withLock { taken in
            let own = taken[principal] ?? 0
            guard own < Self.maxUploadsOfOne, taken.values.reduce(0, +) < Self.maxUploads else { return false }
            taken[principal] = own + 1
            return true
        }
        guard isFree else {
            throw MessagingError(
                .rateLimited,
                "Too many files are being sent at this moment. Please try again.",
                retryAfter: .seconds(1)
            )
        }
        defer {
            taken.withLock { taken in
                let own = taken[principal] ?? 0
                taken[principal] = own > 1 ? own - 1 : nil
            }
        }
        return try await body()
    }
}
