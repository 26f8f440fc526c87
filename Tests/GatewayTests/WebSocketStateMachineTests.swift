import Gateway
import NIOCore
import Testing

@Suite("The WebSocket state machine")
struct WebSocketStateMachineTests {
    private typealias Action = WebSocketStateMachine.Action

    private static let limit = 65_536

    /// What a machine demands first of these bytes; `.none` for nothing.
    private func receive(_ machine: inout WebSocketStateMachine, _ bytes: [UInt8]) -> Action {
        var buffer = ByteBuffer(bytes: bytes)
        return machine.read(&buffer) ?? .none
    }

    private func receive(
        _ machine: inout WebSocketStateMachine,
        _ opcode: WebSocketOpcode,
        _ payload: some Sequence<UInt8>,
        fin: Bool = true
    ) -> Action {
        receive(&machine, frameBytes(opcode, payload, fin: fin))
    }

    private func machine() -> WebSocketStateMachine { WebSocketStateMachine(maxMessageBytes: Self.limit) }

    /// The code of a close frame that is to be sent.
    private func code(_ action: Action) -> CloseCode? {
        guard case .sendClose(let payload, _) = action else { return nil }
        return payload.getInteger(at: payload.readerIndex, as: UInt16.self).flatMap(CloseCode.init)
    }

    // MARK: Text

    @Test("A whole text frame is delivered as it is", arguments: ["", "a", "你好，我需要帮助", "🙂"])
    func wholeText(text: String) {
        var machine = machine()
        #expect(receive(&machine, .text, text.utf8) == .deliver(ByteBuffer(string: text)))
    }

    @Test("Fragments are joined, however the text is cut, and control frames come between them")
    func fragments() {
        let bytes = Array("a你🙂".utf8)
        for first in 0...bytes.count {
            for second in first...bytes.count {
                var machine = machine()
                #expect(receive(&machine, .text, bytes[..<first], fin: false) == .none)
                #expect(receive(&machine, .ping, "p".utf8) == .sendPong(ByteBuffer(string: "p")))
                #expect(receive(&machine, .continuation, bytes[first..<second], fin: false) == .none)
                #expect(receive(&machine, .continuation, bytes[second...]) == .deliver(ByteBuffer(bytes: bytes)))
                // And the next message begins anew.
                #expect(receive(&machine, .text, "b".utf8) == .deliver(ByteBuffer(string: "b")))
            }
        }
    }

    @Test("A message may have 65,536 bytes and not one more, whole or in fragments")
    func messageLimit() {
        let longest = [UInt8](repeating: 0x61, count: Self.limit)
        var machine = machine()
        #expect(receive(&machine, .text, longest) == .deliver(ByteBuffer(bytes: longest)))
        #expect(receive(&machine, .text, longest[..<60_000], fin: false) == .none)
        #expect(receive(&machine, .continuation, longest[60_000...]) == .deliver(ByteBuffer(bytes: longest)))

        #expect(receive(&machine, .text, longest, fin: false) == .none)
        #expect(code(receive(&machine, .continuation, "b".utf8, fin: false)) == .tooLarge)
        var other = self.machine()
        #expect(code(receive(&other, .text, longest + [0x62])) == .tooLarge)
    }

    @Test("A message may come in 1,024 pieces and not one more")
    func fragmentLimit() {
        var machine = machine()
        #expect(receive(&machine, .text, [], fin: false) == .none)
        for _ in 2...1024 { #expect(receive(&machine, .continuation, [], fin: false) == .none) }
        #expect(code(receive(&machine, .continuation, [], fin: false)) == .policyViolation)
    }

    @Test("Text that cannot become UTF-8 fails at the first frame that shows it")
    func invalidText() {
        // An overlong form, a surrogate, past the last code point, a continuation of nothing, a byte that is never used.
        for bytes in [[0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0x80], [0xff], [0xe4, 0x41]]
            as [[UInt8]]
        {
            var whole = machine()
            #expect(code(receive(&whole, .text, bytes)) == .invalidText)
            var fragment = machine()
            #expect(code(receive(&fragment, .text, "ab".utf8 + bytes, fin: false)) == .invalidText)
            var later = machine()
            #expect(receive(&later, .text, "ab".utf8, fin: false) == .none)
            #expect(code(receive(&later, .continuation, bytes, fin: false)) == .invalidText)
        }
    }

    @Test("Text that ends inside a character is invalid, but only at its end")
    func incompleteText() {
        var machine = machine()
        #expect(receive(&machine, .text, [0xe4, 0xbd], fin: false) == .none)
        #expect(code(receive(&machine, .continuation, [])) == .invalidText)
        var whole = self.machine()
        #expect(code(receive(&whole, .text, [0xe4, 0xbd])) == .invalidText)
    }

    // MARK: Violations

    @Test("A frame that RFC 6455 forbids is a protocol error")
    func protocolErrors() {
        let forbidden = [
            frameBytes(.text, [], masked: false), frameBytes(.text, [], rsv: 4), frameBytes(.text, [], rsv: 2),
            frameBytes(.ping, [], rsv: 1), frameBytes(.ping, [], fin: false),
            frameBytes(.connectionClose, [], fin: false), frameBytes(.continuation, []),
            frameBytes(.continuation, [], fin: false),
        ]
        for bytes in forbidden {
            var machine = machine()
            #expect(code(receive(&machine, bytes)) == .protocolError, "\(bytes)")
        }
        for opcode in 0...15 as ClosedRange<UInt8> where WebSocketOpcode(rawValue: opcode) == nil {
            var machine = machine()
            #expect(code(receive(&machine, frameBytes(opcode, []))) == .protocolError, "\(opcode)")
        }
        var machine = machine()
        #expect(code(receive(&machine, .ping, [UInt8](repeating: 0, count: 126))) == .protocolError)
        var other = self.machine()
        #expect(receive(&other, .ping, [UInt8](repeating: 0, count: 125)) != .none)
        #expect(other.isOpen)
    }

    @Test("A new message inside a fragmented one is a protocol error", arguments: [WebSocketOpcode.text, .binary])
    func interruption(opcode: WebSocketOpcode) {
        var machine = machine()
        #expect(receive(&machine, .text, "a".utf8, fin: false) == .none)
        #expect(code(receive(&machine, opcode, "b".utf8)) == .protocolError)
    }

    @Test("Binary frames are not accepted")
    func binary() {
        var machine = machine()
        #expect(code(receive(&machine, .binary, "a".utf8)) == .unsupportedData)
    }

    @Test("What can't be told apart any more ends the connection with a code, and reading with it")
    func unreadable() {
        for (bytes, expected) in [
            (frameBytes(.text, [], claiming: 65_537), CloseCode.tooLarge),
            (frameBytes(.text, [], claiming: UInt64(Int64.max)), .tooLarge),
            (frameBytes(.text, [], claiming: 1 << 63), .protocolError),
            ([0x81, 0xfe, 0x00, 0x7d, 1, 2, 3, 4], .protocolError),
            ([0x81, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 1, 2, 3, 4], .protocolError),
            (frameBytes(.ping, [UInt8](repeating: 0, count: 126)), .protocolError),
        ] as [([UInt8], CloseCode)] {
            var machine = machine()
            let action = receive(&machine, bytes)
            #expect(code(action) == expected)
            if case .sendClose(_, let next) = action { #expect(next == .awaitEnd) }
            #expect(receive(&machine, closeBytes(1000)) == .none)
            #expect(machine.receiveEnd() == .closeConnection)
        }
    }

    @Test("Text that can't become UTF-8 fails with the byte that shows it, before its frame is there")
    func invalidTextInPieces() {
        var machine = machine()
        let bytes = frameBytes(.text, "κόσμε".utf8 + [0xf4, 0x90, 0x80, 0x80] + "edited".utf8)
        let bad = bytes.count - "edited".utf8.count - 3
        for byte in bytes[..<bad] where receive(&machine, [byte]) != .none {
            Issue.record("It failed too early.")
            break
        }
        #expect(machine.isOpen)
        #expect(code(receive(&machine, [bytes[bad]])) == .invalidText)
        #expect(receive(&machine, Array(bytes[(bad + 1)...]) + closeBytes(1007)) == .closeConnection)
    }

    @Test("Random frames mean the same however their bytes are cut")
    func randomCuts() {
        var chance = SeededGenerator(seed: 7)
        for _ in 0..<300 {
            var bytes: [UInt8] = []
            for _ in 0..<Int.random(in: 1...6, using: &chance) {
                let opcodes = WebSocketOpcode.allCases
                var payload = Array("汉字 and ascii 🙂".utf8)
                payload = Array(repeating: payload, count: .random(in: 0...12, using: &chance)).flatMap { $0 }
                if Int.random(in: 0..<8, using: &chance) == 0 { payload.append(0xff) }
                let opcode = opcodes[.random(in: 0..<opcodes.count, using: &chance)]
                bytes += frameBytes(opcode, payload, fin: Bool.random(using: &chance))
            }
            var whole = machine()
            var buffer = ByteBuffer(bytes: bytes)
            var expected: [Action] = []
            while let action = whole.read(&buffer) { expected.append(action) }
            var cut = machine()
            var actions: [Action] = []
            var rest = bytes[...]
            while !rest.isEmpty {
                var piece = ByteBuffer(bytes: rest.prefix(.random(in: 1...40, using: &chance)))
                rest = rest.dropFirst(piece.readableBytes)
                while let action = cut.read(&piece) { actions.append(action) }
            }
            #expect(actions == expected)
        }
    }

    @Test("After a fatal error everything is dropped until the peer's close frame")
    func afterError() {
        var machine = machine()
        let action = receive(&machine, .binary, [])
        if case .sendClose(_, let next) = action { #expect(next == .awaitClose) } else { Issue.record("no close") }
        #expect(!machine.isOpen)
        #expect(receive(&machine, .text, "a".utf8) == .none)
        #expect(receive(&machine, .ping, "a".utf8) == .none)
        #expect(receive(&machine, .text, [0xff]) == .none)
        #expect(machine.close(.normal, reason: "") == .none)
        #expect(receive(&machine, .connectionClose, []) == .closeConnection)
        #expect(receive(&machine, .connectionClose, []) == .none)
        #expect(machine.receiveEnd() == .none)
    }

    // MARK: Close

    @Test(
        "The peer's close is echoed with its code",
        arguments: [1000, 1001, 1002, 1003, 1007, 1011, 1014, 3000, 4999] as [UInt16]
    )
    func echo(code: UInt16) {
        var machine = machine()
        let payload = [UInt8(code >> 8), UInt8(code & 255)] + "再见".utf8
        #expect(
            receive(&machine, .connectionClose, payload)
                == .sendClose(ByteBuffer(integer: code), then: .closeConnection)
        )
        #expect(!machine.isOpen)
        #expect(receive(&machine, .text, "a".utf8) == .none)
    }

    @Test("A close without a code is echoed without one")
    func emptyClose() {
        var machine = machine()
        #expect(receive(&machine, .connectionClose, []) == .sendClose(ByteBuffer(), then: .closeConnection))
    }

    @Test(
        "A close code that may not stand in a frame is a protocol error",
        arguments: [0, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65_535] as [UInt16]
    )
    func invalidCloseCode(number: UInt16) {
        var machine = machine()
        let action = receive(&machine, .connectionClose, [UInt8(number >> 8), UInt8(number & 255)])
        #expect(code(action) == .protocolError)
    }

    @Test("A close of one byte is a protocol error, one whose reason is not UTF-8 invalid data")
    func invalidClose() {
        var short = machine()
        #expect(code(receive(&short, .connectionClose, [3])) == .protocolError)
        var text = machine()
        #expect(code(receive(&text, .connectionClose, [3, 232, 0xff])) == .invalidText)
        var cut = machine()
        #expect(code(receive(&cut, .connectionClose, [3, 232, 0xe4, 0xbd])) == .invalidText)
    }

    @Test("Our close waits for the peer's, and only the first counts")
    func ownClose() {
        var machine = machine()
        var payload = ByteBuffer(integer: UInt16(4005))
        payload.writeString("expired")
        #expect(machine.close(.expired, reason: "expired") == .sendClose(payload, then: .awaitClose))
        #expect(machine.close(.revoked, reason: "") == .none)
        #expect(receive(&machine, .connectionClose, [15, 165]) == .closeConnection)
    }

    @Test("Lingering takes the messages that were on their way, fragments too, until the peer's close frame")
    func lingers() {
        var machine = machine()
        #expect(receive(&machine, .text, "be".utf8, fin: false) == .none)
        #expect(code(machine.closeAfterReading(.draining, reason: "bye")) == .draining)
        #expect(!machine.isOpen)
        #expect(receive(&machine, .continuation, "gun".utf8) == .deliver(ByteBuffer(string: "begun")))
        #expect(receive(&machine, .text, "more".utf8) == .deliver(ByteBuffer(string: "more")))
        #expect(receive(&machine, .ping, "?".utf8) == .none)
        #expect(machine.closeAfterReading(.draining, reason: "again") == .none)
        #expect(receive(&machine, .connectionClose, []) == .closeConnection)
        #expect(receive(&machine, .text, "late".utf8) == .none)
    }

    @Test("What breaks the rules ends the lingering, without a second close frame")
    func lingeringEnds() {
        var machine = machine()
        _ = machine.closeAfterReading(.draining, reason: "bye")
        #expect(receive(&machine, .text, [0xff]) == .none)
        #expect(receive(&machine, .text, "y".utf8) == .none)
        #expect(receive(&machine, .connectionClose, []) == .closeConnection)
    }

    @Test("A long reason is cut between characters, so that the frame stays within 125 bytes")
    func longReason() {
        var machine = machine()
        let action = machine.close(.forbidden, reason: String(repeating: "错", count: 60))
        guard case .sendClose(var payload, _) = action else {
            Issue.record("no close frame")
            return
        }
        #expect(payload.readableBytes == 2 + 41 * 3)
        #expect(payload.readInteger(as: UInt16.self) == 4003)
        #expect(String(buffer: payload) == String(repeating: "错", count: 41))
    }

    @Test("The peer's end without a close frame closes at once")
    func end() {
        var machine = machine()
        #expect(machine.receiveEnd() == .closeConnection)
        #expect(machine.receiveEnd() == .none)
        #expect(machine.close(.normal, reason: "") == .none)
    }
}

@Suite("Close codes")
struct CloseCodeTests {
    @Test("Only forbidden, revoked and replaced are final")
    func final() {
        #expect(CloseCode.allCases.filter { !$0.clientMayReturn }.map(\.rawValue) == [4003, 4004, 4012])
    }

    @Test("Every code may stand in a close frame, and its reason fits", arguments: CloseCode.allCases)
    func fits(code: CloseCode) {
        #expect(1...123 ~= code.defaultReason.utf8.count)
        #expect(1000...1003 ~= code.rawValue || 1007...1014 ~= code.rawValue || 4000...4999 ~= code.rawValue)
    }
}
