import Hummingbird
import NIOCore

/// Sends files no faster than they are read, so that those that nobody reads cost little memory; ``UnreadAnswerGuard`` ends
/// those.
struct AttachmentDownload: Sendable {
    let slots = TransferSlots(all: 256, forCustomers: 192, ofOne: 20)

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
            defer { withExtendedLifetime(slot) {} }
            try await produce { part in
                try await writer.write(part)
                // The writer hands parts to the connection's loop and goes on until the loop says "enough", which a busy
                // one says megabytes later. Once it has run this, it has said so.
                try await channel.eventLoop.submit {}.get()
            }
            try await writer.finish(nil)
        }
    }
}
