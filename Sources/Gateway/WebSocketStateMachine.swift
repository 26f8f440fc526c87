package import NIOCore

/// What RFC 6455 wants done with what arrives on a server's WebSocket: bytes and events in, one action out each.
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
        var text = ByteBuffer()
        var count = 1
        var validator = UTF8Validator()
        /// Whether it was unfinished when it was looked at last.
        var isOld = false
    }

    /// The frame that is being read.
    private struct Frame {
        enum Payload {
            /// It belongs to ``fragments``.
            case text
            case control
            /// Nobody wants it.
            case dropped
        }

        let opcode: WebSocketOpcode?
        let isLast: Bool
        var missingBytes: Int
        var mask: WebSocketMask
        var payload = Payload.text
    }

    package static let maxFragments = 1024
    /// RFC 6455 §5.5.
    package static let maxControlBytes = 125

    private let maxMessageBytes: Int
    private var state = State.open
    private var fragments: Fragments?
    private var frame: Frame?
    /// The first bytes of a head that has not come in full.
    private var partialHead: [UInt8] = []
    /// What has come of a control frame's payload.
    private var control = ByteBuffer()
    /// Nothing that comes is read any more.
    private var isDeaf = false

    package init(maxMessageBytes: Int) { self.maxMessageBytes = maxMessageBytes }

    /// Whether frames may be sent.
    package var isOpen: Bool { state == .open }
    /// Whether messages are taken although we have sent a close frame.
    package var isLingering: Bool { state == .lingering }

    /// Whether a message of which some fragments came was unfinished already when this was asked before. Its pieces take
    /// memory, and no silence gives it away: control frames may come between them.
    package mutating func hasOldFragments() -> Bool {
        defer { fragments?.isOld = true }
        return fragments?.isOld == true
    }

    // MARK: What the peer does

    /// Takes bytes off `input` until they demand something.
    ///
    /// Text is unmasked and held to be UTF-8 as it comes, so that what cannot become a message ends the connection before
    /// the frame does.
    ///
    /// - Returns: `nil` when more bytes must come. Call it until then: what it returned is to be done in between.
    package mutating func read(_ input: inout ByteBuffer) -> Action? {
        while true {
            guard state != .closed, !isDeaf else {
                input.moveReaderIndex(to: input.writerIndex)
                return nil
            }
            if frame == nil {
                switch readHead(&input) {
                case .incomplete: return nil
                case .invalid(let reason):
                    let action = closeUnreadable(.protocolError, reason: reason)
                    if action != .none { return action }
                    continue
                case .head(let head, _):
                    let action = begin(head)
                    if action != .none { return action }
                    continue
                }
            }
            let action = readPayload(&input)
            if action != .none { return action }
            if frame != nil, input.readableBytes == 0 { return nil }
        }
    }

    private mutating func readHead(_ input: inout ByteBuffer) -> WebSocketFrameHead.Parsed {
        guard partialHead.isEmpty else {
            while let byte = input.readInteger(as: UInt8.self) {
                partialHead.append(byte)
                let parsed = partialHead.withUnsafeBytes(WebSocketFrameHead.parse)
                guard parsed == .incomplete else {
                    partialHead = []
                    return parsed
                }
            }
            return .incomplete
        }
        let parsed = input.withUnsafeReadableBytes(WebSocketFrameHead.parse)
        switch parsed {
        case .incomplete: partialHead = input.readBytes(length: input.readableBytes) ?? []
        case .invalid: break
        case .head(_, let bytes): input.moveReaderIndex(forwardBy: bytes)
        }
        return parsed
    }

    /// A frame begins: says how its payload is to be read, or refuses it.
    private mutating func begin(_ head: WebSocketFrameHead) -> Action {
        frame = Frame(
            opcode: WebSocketOpcode(rawValue: head.opcode),
            isLast: head.isLast,
            missingBytes: head.payloadBytes,
            mask: WebSocketMask(key: head.maskKey ?? 0)
        )
        switch (state, frame?.opcode) {
        case (.closing, .connectionClose), (.lingering, .connectionClose):
            // Whatever is wrong with it, it is the peer's end.
            frame?.payload = .control
            return head.payloadBytes > Self.maxControlBytes ? closeUnreadable(.protocolError, reason: "") : .none
        case (.closing, _), (.lingering, .ping), (.lingering, .binary), (.lingering, nil):
            frame?.payload = .dropped
            return .none
        default: break
        }
        guard head.reservedBits == 0 else { return refuse("reserved bits are set") }
        guard head.maskKey != nil else { return refuse("frames of a client must be masked") }
        if head.isControl, !head.isLast || head.payloadBytes > Self.maxControlBytes {
            return closeUnreadable(.protocolError, reason: "control frames must be whole and short")
        }
        switch frame?.opcode {
        case .text, .binary:
            guard fragments == nil else { return refuse("a message began inside another") }
            guard frame?.opcode == .text else {
                return refuse(.unsupportedData, CloseCode.unsupportedData.defaultReason)
            }
            guard head.payloadBytes <= maxMessageBytes else {
                return closeUnreadable(.tooLarge, reason: CloseCode.tooLarge.defaultReason)
            }
            fragments = Fragments()
        case .continuation:
            guard fragments != nil else { return refuse("a continuation of nothing") }
            fragments!.count += 1
            guard fragments!.count <= Self.maxFragments else {
                return refuse(.policyViolation, "the message is in too many pieces")
            }
            guard head.payloadBytes <= maxMessageBytes else {
                return closeUnreadable(.tooLarge, reason: CloseCode.tooLarge.defaultReason)
            }
            guard fragments!.text.readableBytes + head.payloadBytes <= maxMessageBytes else {
                return refuse(.tooLarge, "messages may have at most \(maxMessageBytes) bytes")
            }
        case .ping, .pong, .connectionClose: frame?.payload = .control
        case nil: return refuse("unknown opcode")
        }
        return .none
    }

    private mutating func refuse(_ reason: String) -> Action { refuse(.protocolError, reason) }

    /// The frame at hand breaks a rule: it is read to its end, and dropped.
    private mutating func refuse(_ code: CloseCode, _ reason: String) -> Action {
        frame?.payload = .dropped
        return close(code, reason: reason)
    }

    /// What follows can no longer be told apart, or is too much to wait for.
    private mutating func closeUnreadable(_ code: CloseCode, reason: String) -> Action {
        isDeaf = true
        guard state == .open else {
            state = .closed
            return .closeConnection
        }
        return close(code, reason: reason, then: .awaitEnd)
    }

    private mutating func readPayload(_ input: inout ByteBuffer) -> Action {
        guard var frame else { return .none }
        let count = min(frame.missingBytes, input.readableBytes)
        if count > 0 {
            frame.missingBytes -= count
            switch frame.payload {
            case .dropped: input.moveReaderIndex(forwardBy: count)
            case .control: frame.mask.move(count, from: &input, to: &control)
            case .text:
                // So that the text has one owner and grows in place.
                guard var fragments else { return .none }
                self.fragments = nil
                // All of a frame that is here; of one that is not, no more than what is.
                fragments.text.reserveCapacity(minimumWritableBytes: count)
                frame.mask.move(count, from: &input, to: &fragments.text)
                let isText = fragments.validator.accept(
                    fragments.text.viewBytes(
                        at: fragments.text.writerIndex - count,
                        length: count
                    )!
                )
                self.fragments = fragments
                guard isText else {
                    self.frame = frame
                    return refuse(.invalidText, CloseCode.invalidText.defaultReason)
                }
            }
        }
        guard frame.missingBytes == 0 else {
            self.frame = frame
            return .none
        }
        self.frame = nil
        return end(frame)
    }

    /// A frame is here in full.
    private mutating func end(_ frame: Frame) -> Action {
        guard frame.payload != .dropped else { return .none }
        switch frame.opcode {
        case .text, .continuation:
            guard frame.isLast, let message = fragments else { return .none }
            fragments = nil
            guard message.validator.isComplete else {
                return close(.invalidText, reason: CloseCode.invalidText.defaultReason)
            }
            return .deliver(message.text)
        case .ping: return .sendPong(takeControl())
        case .pong: return .deliverPong(takeControl())
        case .connectionClose:
            let payload = takeControl()
            guard state == .open else {
                state = .closed
                return .closeConnection
            }
            return receiveClose(payload)
        case .binary, nil: return .none
        }
    }

    private mutating func takeControl() -> ByteBuffer {
        defer { control = ByteBuffer() }
        return control
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
        let (gathered, reading) = (fragments, frame)
        let action = close(code, reason: reason, then: .awaitClose)
        if action != .none {
            state = .lingering
            (fragments, frame) = (gathered, reading)
        }
        return action
    }

    private mutating func close(_ code: CloseCode, reason: String, then next: AfterClose) -> Action {
        // What breaks the rules while we linger ends the lingering; the close frame is sent already.
        if state == .lingering { state = .closing }
        fragments = nil
        guard state == .open else { return .none }
        state = .closing
        if frame?.payload == .text { frame?.payload = .dropped }
        var payload = ByteBuffer(integer: code.rawValue)
        var bytes = Self.maxControlBytes - 2
        for character in reason {
            bytes -= character.utf8.count
            guard bytes >= 0 else { break }
            payload.writeString(String(character))
        }
        return .sendClose(payload, then: next)
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
        guard validator.accept(rest.readableBytesView), validator.isComplete else {
            return close(.invalidText, reason: CloseCode.invalidText.defaultReason)
        }
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
    fileprivate mutating func accept(_ view: ByteBufferView) -> Bool { view.withUnsafeBytes { accept($0) } }
}

extension WebSocketMask {
    /// Takes the next bytes off `input` and puts them to `text` without their mask.
    fileprivate mutating func move(_ count: Int, from input: inout ByteBuffer, to text: inout ByteBuffer) {
        input.readWithUnsafeReadableBytes { source in
            text.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { target in
                remove(from: UnsafeRawBufferPointer(rebasing: source[..<count]), into: target)
                return count
            }
            return count
        }
    }
}
