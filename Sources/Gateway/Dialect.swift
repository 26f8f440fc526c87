/// What a client and this gateway say to each other on one socket.
package enum Dialect: Sendable, Equatable {
    /// The access guide to the letter: messages in, messages out, nothing else.
    case guide
    /// Typed frames, chosen by the WebSocket subprotocol ``subprotocol``.
    case full

    /// The subprotocol that chooses ``full``.
    package static let subprotocol = "chat.v2"
}
