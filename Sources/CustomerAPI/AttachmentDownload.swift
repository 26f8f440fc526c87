import Hummingbird
import NIOCore
import Synchronization

/// Sends files no faster than they are read, so that those that nobody reads cost little memory, and ends those that hardly
/// anybody reads.
struct AttachmentDownload: Sendable {
    let slots = TransferSlots(all: 256, forCustomers: 192, ofOne: 20)

    /// One of which no part was read in this time is cut off. Long: a kernel takes more only once a third of what it holds, a
    /// megabyte at times, was read.
    static let stalledAfter = TimeAmount.seconds(120)
    /// What is in memory of each, besides what a socket may hold back (64 KiB).
    static let partBytes = 64 * 1024

    /// The body of an answer.
    ///
    /// - Parameters:
    ///   - slot: held until the body was written or the client went away.
    ///   - channel: the connection that it goes to.
    ///   - produce: hands on part after part.
    static func body(
        size: Int?,
        in slot: TransferSlots.Slot,
        on channel: any Channel,
        produce: @escaping @Sendable (_ send: (ByteBuffer) async throws -> Void) async throws -> Void
    ) -> ResponseBody {
        ResponseBody(contentLength: size) { writer in
            let progress = DownloadProgress()
            let watch = channel.eventLoop.scheduleRepeatedTask(initialDelay: stalledAfter, delay: stalledAfter) { _ in
                if !progress.wasMade() { channel.close(promise: nil) }
            }
            defer {
                watch.cancel()
                withExtendedLifetime(slot) {}
            }
            try await produce { part in
                try await writer.write(part)
                // The writer hands parts to the connection's loop and goes on until the loop says "enough", which a busy
                // one says megabytes later. Once it has run this, it has said so.
                try await channel.eventLoop.submit {}.get()
                progress.made()
            }
            try await writer.finish(nil)
        }
    }
}

/// Whether parts of a download went out since it was last asked.
private final class DownloadProgress: Sendable {
    private let isMade = Atomic(false)

    func made() { isMade.store(true, ordering: .relaxed) }
    func wasMade() -> Bool { isMade.exchange(false, ordering: .relaxed) }
}
