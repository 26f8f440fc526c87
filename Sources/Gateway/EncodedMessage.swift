package import Messaging
package import NIOCore

/// A message and its frames, each encoded at most once however many connections it goes to.
///
/// Owner: the event loop whose connections it is written to.
package final class EncodedMessage {
    package let message: Message
    private lazy var guide = WebSocketFrame.encode(.text, ServerMessage.message(message, in: .guide))
    private lazy var full = WebSocketFrame.encode(.text, ServerMessage.message(message, in: .full))

    package init(_ message: Message) { self.message = message }

    /// The whole frame, head and text.
    package func frame(in dialect: Dialect) -> ByteBuffer {
        switch dialect {
        case .guide: guide
        case .full: full
        }
    }
}
