/// Why a WebSocket is closed: the number in the close frame, the sentence beside it, and whether the client may return.
///
/// This is the one place that knows which codes there are. A client that may return does so after a random pause, with
/// the same token, except after ``expired`` and ``unauthenticated``: those want a new token first.
///
/// Source: RFC 6455 §7.4.1 for 1000 to 1015; 4000 to 4999 are for the application (§7.4.2).
package enum CloseCode: UInt16, CaseIterable, Sendable {
    /// The peer closed first, or nothing is wrong.
    case normal = 1000
    /// This gateway drains; another one, or its successor, takes the client.
    case draining = 1001
    /// The client broke RFC 6455.
    case protocolError = 1002
    /// A binary frame: this endpoint takes text only.
    case unsupportedData = 1003
    /// Text that is not UTF-8.
    case invalidText = 1007
    /// A message in more pieces than are allowed, or one that was not finished in time.
    case policyViolation = 1008
    /// A frame or a message longer than `MAX_MESSAGE_BYTES`.
    case tooLarge = 1009
    /// A defect of ours.
    case internalError = 1011
    /// A limit of this gateway is reached.
    case overloaded = 1013
    /// The token stands for nobody any more: nobody ended it, Redis has lost it.
    case unauthenticated = 4001
    /// The principal may not be here. Final.
    case forbidden = 4003
    /// The token was revoked. Final.
    case revoked = 4004
    /// The token's time is up; get a new one.
    case expired = 4005
    /// The agent has another role or name; the client comes back with the same token, as who it is now.
    case changed = 4006
    /// The client reads too slowly; it should come back and resume from its position.
    case tooSlow = 4008
    /// A newer connection took this one's place. Final.
    case replaced = 4012
    /// Too many messages in too short a time.
    case rateLimited = 4029

    /// Whether a client that got this code may connect again. After all others it must not.
    package var clientMayReturn: Bool {
        switch self {
        case .forbidden, .revoked, .replaced: false
        default: true
        }
    }

    /// What the close frame says when nothing more exact is known: at most 123 bytes of UTF-8, as RFC 6455 §5.5 demands.
    package var defaultReason: String {
        switch self {
        case .normal: "bye"
        case .draining: "the server is going away, please reconnect"
        case .protocolError: "the frame breaks the WebSocket protocol"
        case .unsupportedData: "only text frames are accepted"
        case .invalidText: "the text is not valid UTF-8"
        case .policyViolation: "the message breaks a limit"
        case .tooLarge: "the message is too large"
        case .internalError: "internal error"
        case .overloaded: "the server is overloaded, please try again later"
        case .unauthenticated: "not authenticated, get a new token"
        case .forbidden: "forbidden"
        case .revoked: "the token was revoked"
        case .expired: "the token expired, get a new one"
        case .changed: "your role or name changed, please reconnect"
        case .tooSlow: "reading too slowly, reconnect and resume"
        case .replaced: "replaced by a newer connection"
        case .rateLimited: "too many messages, slow down; Retry-After: 30"
        }
    }
}
