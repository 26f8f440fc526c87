package import NIOCore
package import NIOWebSocket

/// What RFC 6455 wants done with what arrives on a server's WebSocket: frames and events in, one action out each.
///
/// Fragments are joined here. Extensions are not supported, so all reserved bits must be 0. After a fatal error, and
/// after our own close frame, everything but the peer's close frame is dropped; after ``closeAfterReading(_:reason:)``
/// the messages that were on their way are still delivered (§1.4 and §7.1.2 leave the other direction open until then).
///
/// Limits: a message has at most `maxMessageBytes`, past them 1009; and comes in at most ``maxFragments`` pieces, past them
/// 1008, because empty pieces cost work without end otherwise.
package struct WebSocketStateMachine {
    package enum Action: Equatable {
        case none
        /// A whole text message, valid UTF-8.
        case deliver(ByteBuffer)
        /// A pong from the peer.
        case deliverPong(ByteBuffer)
        /// A ping to answer with the same payload.
        case sendPong(ByteBuffer)
        /// Send a close frame with this payload; nothing is sent after it.
        case sendClose(ByteBuffer, then: AfterClose)
        /// Close the TCP connection.
        case closeConnection
    }

    package enum AfterClose: Equatable {
        /// Wait for the peer's close frame, for a limited time.
        case awaitClose
        /// Both have said it: close the TCP connection as soon as the frame is written.
        case closeConnection
        /// The peer's frames can no longer be told apart: shut the sending half, wait for the peer's end, for a limited time.
        case awaitEnd
    }

    private enum State {
        case open
        /// We have sent a close frame.
        case closing
        /// We have sent a close frame, and still take messages until the peer's.
        case lingering
        /// Nothing comes or goes any more.
        case closed
    }

    /// The pieces of a message so far.
    private struct Fragments {
        var text: ByteBuffer
        var count = 1
        var validator = UTF8Validator()
    }

    package static let maxFragments = 1024
    /// RFC 6455 §5.5.
    package static let maxControlBytes = 125

    private let maxMessageBytes: Int
    private var state = State.open
    private var fragments: Fragments?

    package init(maxMessageBytes: Int) { self.maxMessageBytes = maxMessageBytes }

    /// Whether frames may be sent.
    package var isOpen: Bool { state == .open }
    /// Whether messages are taken although we have sent a close frame.
    package var isLingering: Bool { state == .lingering }

    // MARK: What the peer does

    /// - Parameter data: the frame's payload without its mask.
    package mutating func receive(_ frame: WebSocketFrame, data: ByteBuffer) -> Action {
        switch state {
        case .open: break
        case .closing:
            guard frame.opcode == .connectionClose else { return .none }
            state = .closed
            return .closeConnection
        case .lingering:
            guard frame.opcode != .connectionClose else {
                state = .closed
                return .closeConnection
            }
            guard frame.opcode == .text || frame.opcode == .continuation || frame.opcode == .pong else { return .none }
        case .closed: return .none
        }
        guard !frame.rsv1, !frame.rsv2, !frame.rsv3 else {
            return close(.protocolError, reason: "reserved bits are set")
        }
        guard frame.maskKey != nil else { return close(.protocolError, reason: "frames of a client must be masked") }
        if frame.opcode.isControlOpcode {
            guard frame.fin, data.readableBytes <= Self.maxControlBytes else {
                return close(.protocolError, reason: "control frames must be whole and short")
            }
        }
        switch frame.opcode {
        case .text: return receiveText(data, isWhole: frame.fin)
        case .continuation: return receiveContinuation(data, isLast: frame.fin)
        case .binary:
            guard fragments == nil else { return closeForInterruption() }
            return close(.unsupportedData, reason: CloseCode.unsupportedData.defaultReason)
        case .ping: return .sendPong(data)
        case .pong: return .deliverPong(data)
        case .connectionClose: return receiveClose(data)
        default: return close(.protocolError, reason: "unknown opcode")
        }
    }

    /// The decoder found something that is no frame, or a frame that is too long. It can read no more.
    package mutating func receiveDecoderError(_ error: NIOWebSocketError) -> Action {
        guard state == .open else {
            state = .closed
            return .closeConnection
        }
        switch error {
        case .invalidFrameLength:
            return close(.tooLarge, reason: CloseCode.tooLarge.defaultReason, then: .awaitEnd)
        case .fragmentedControlFrame, .multiByteControlFrameLength:
            return close(.protocolError, reason: "control frames must be whole and short", then: .awaitEnd)
        }
    }

    /// The peer will send nothing more: without its close frame that is an abrupt end, and there is nobody to answer.
    package mutating func receiveEnd() -> Action {
        guard state != .closed else { return .none }
        state = .closed
        fragments = nil
        return .closeConnection
    }

    // MARK: What we do

    /// Begins the close handshake. Only the first close counts.
    package mutating func close(_ code: CloseCode, reason: String) -> Action {
        close(code, reason: reason, then: .awaitClose)
    }

    /// Begins the close handshake, and takes what the peer sends until it has seen our close frame and sent its own.
    package mutating func closeAfterReading(_ code: CloseCode, reason: String) -> Action {
        let gathered = fragments
        let action = close(code, reason: reason, then: .awaitClose)
        if action != .none {
            state = .lingering
            fragments = gathered
        }
        return action
    }

    private mutating func close(_ code: CloseCode, reason: String, then next: AfterClose) -> Action {
        // What breaks the rules while we linger ends the lingering; the close frame is sent already.
        if state == .lingering { state = .closing }
        guard state == .open else { return .none }
        state = .closing
        fragments = nil
        var payload = ByteBuffer(integer: code.rawValue)
        var bytes = Self.maxControlBytes - 2
        for character in reason {
            bytes -= character.utf8.count
            guard bytes >= 0 else { break }
            payload.writeString(String(character))
        }
        return .sendClose(payload, then: next)
    }

    // MARK: Text

    private mutating func receiveText(_ data: ByteBuffer, isWhole: Bool) -> Action {
        guard fragments == nil else { return closeForInterruption() }
        guard data.readableBytes <= maxMessageBytes else { return closeForLength() }
        var fragments = Fragments(text: data)
        guard fragments.validator.accept(data) else { return closeForInvalidText() }
        guard isWhole else {
            self.fragments = fragments
            return .none
        }
        return fragments.validator.isComplete ? .deliver(data) : closeForInvalidText()
    }

    private mutating func receiveContinuation(_ data: ByteBuffer, isLast: Bool) -> Action {
        guard var fragments else { return close(.protocolError, reason: "a continuation of nothing") }
        // So that the text has one owner and grows in place.
        self.fragments = nil
        fragments.count += 1
        guard fragments.count <= Self.maxFragments else {
            return close(.policyViolation, reason: "the message is in too many pieces")
        }
        guard fragments.text.readableBytes + data.readableBytes <= maxMessageBytes else { return closeForLength() }
        guard fragments.validator.accept(data) else { return closeForInvalidText() }
        fragments.text.writeImmutableBuffer(data)
        guard isLast else {
            self.fragments = fragments
            return .none
        }
        return fragments.validator.isComplete ? .deliver(fragments.text) : closeForInvalidText()
    }

    private mutating func closeForInterruption() -> Action {
        close(.protocolError, reason: "a message began inside another")
    }
    private mutating func closeForLength() -> Action {
        close(.tooLarge, reason: "messages may have at most \(maxMessageBytes) bytes")
    }
    private mutating func closeForInvalidText() -> Action {
        close(.invalidText, reason: CloseCode.invalidText.defaultReason)
    }

    // MARK: Close

    private mutating func receiveClose(_ data: ByteBuffer) -> Action {
        var rest = data
        guard data.readableBytes > 0 else {
            // No code in, none out.
            state = .closed
            return .sendClose(ByteBuffer(), then: .closeConnection)
        }
        guard let code = rest.readInteger(as: UInt16.self), Self.mayBeSent(code) else {
            return close(.protocolError, reason: "invalid close code")
        }
        var validator = UTF8Validator()
        guard validator.accept(rest), validator.isComplete else { return closeForInvalidText() }
        state = .closed
        fragments = nil
        return .sendClose(ByteBuffer(integer: code), then: .closeConnection)
    }

    /// Source: RFC 6455 §7.4 and the registry of close codes it founded: 1004 to 1006 and 1015 never stand in a frame.
    private static func mayBeSent(_ code: UInt16) -> Bool {
        switch code {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false
        }
    }
}

extension UTF8Validator {
    fileprivate mutating func accept(_ buffer: ByteBuffer) -> Bool {
        buffer.withUnsafeReadableBytes { accept($0) }
    }
}
