/// Checks a JSON text (RFC 8259) in one pass over its bytes and tells where its parts are, without decoding any.
///
/// It stops at the first byte that cannot be JSON. What follows the first value but white space is an error, a byte order
/// mark too. Nesting deeper than ``maxDepth`` is refused, so that no text can exhaust the stack. Escapes of lone
/// surrogates (`\ud800`) are JSON by its grammar and pass. That the bytes are UTF-8 is not checked here: the WebSocket
/// layer has done it.
///
/// The bytes must outlive the scanner.
package struct JSONScanner {
    package enum Kind: UInt8 { case object, array, string, number, `true`, `false`, null }

    package struct Malformed: Error {}

    /// One member of an object: where its key's text is (without quotes), and its value (with them).
    package struct Member {
        package let key: Range<Int>
        package let keyHasEscapes: Bool
        package let value: Range<Int>
        package let kind: Kind
    }

    /// How deep objects and arrays may lie in each other.
    package static let maxDepth = 32

    private let bytes: UnsafeRawBufferPointer
    private var position = 0

    package init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// Reads the whole text as one object and hands out its members in order, equal keys as often as they occur.
    package mutating func object(_ member: (Member) -> Void) throws(Malformed) {
        skipWhiteSpace()
        guard next == UInt8(ascii: "{") else { throw Malformed() }
        try members(depth: 1, member)
        try end()
    }

    /// Reads the whole text as one value of any kind.
    package mutating func value() throws(Malformed) -> Kind {
        let kind = try value(depth: 0)
        try end()
        return kind
    }

    private mutating func end() throws(Malformed) {
        skipWhiteSpace()
        guard position == bytes.count else { throw Malformed() }
    }

    // MARK: Values

    /// `depth`: in how many objects and arrays the value lies.
    private mutating func value(depth: Int) throws(Malformed) -> Kind {
        skipWhiteSpace()
        switch next {
        case UInt8(ascii: "\""):
            _ = try string()
            return .string
        case UInt8(ascii: "{"):
            try members(depth: depth + 1) { _ in }
            return .object
        case UInt8(ascii: "["):
            try elements(depth: depth + 1)
            return .array
        case UInt8(ascii: "t"):
            try word("true")
            return .true
        case UInt8(ascii: "f"):
            try word("false")
            return .false
        case UInt8(ascii: "n"):
            try word("null")
            return .null
        default:
            try number()
            return .number
        }
    }

    private mutating func members(depth: Int, _ member: (Member) -> Void) throws(Malformed) {
        guard depth <= Self.maxDepth else { throw Malformed() }
        position += 1
        skipWhiteSpace()
        if next == UInt8(ascii: "}") {
            position += 1
            return
        }
        while true {
            skipWhiteSpace()
            guard next == UInt8(ascii: "\"") else { throw Malformed() }
            let keyStart = position + 1
            let keyHasEscapes = try string()
            let key = keyStart..<(position - 1)
            skipWhiteSpace()
            guard next == UInt8(ascii: ":") else { throw Malformed() }
            position += 1
            skipWhiteSpace()
            let valueStart = position
            let kind = try value(depth: depth)
            member(Member(key: key, keyHasEscapes: keyHasEscapes, value: valueStart..<position, kind: kind))
            if try isLast(closing: UInt8(ascii: "}")) { return }
        }
    }

    private mutating func elements(depth: Int) throws(Malformed) {
        guard depth <= Self.maxDepth else { throw Malformed() }
        position += 1
        skipWhiteSpace()
        if next == UInt8(ascii: "]") {
            position += 1
            return
        }
        while true {
            _ = try value(depth: depth)
            if try isLast(closing: UInt8(ascii: "]")) { return }
        }
    }

    /// Reads a comma, or the end of the object or array.
    private mutating func isLast(closing: UInt8) throws(Malformed) -> Bool {
        skipWhiteSpace()
        let byte = next
        guard byte == closing || byte == UInt8(ascii: ",") else { throw Malformed() }
        position += 1
        return byte == closing
    }

    /// Reads from quote to quote.
    /// - Returns: Whether there are escapes in it.
    private mutating func string() throws(Malformed) -> Bool {
        position += 1
        var hasEscapes = false
        while true {
            skipPlainText()
            guard position < bytes.count else { throw Malformed() }
            switch bytes[position] {
            case UInt8(ascii: "\""):
                position += 1
                return hasEscapes
            case UInt8(ascii: "\\"):
                hasEscapes = true
                try escape()
            case 0..<0x20:
                throw Malformed()
            default:
                position += 1
            }
        }
    }

    /// Moves over eight bytes at a time while none of them is a quote, a backslash or a control character.
    ///
    /// Each term has the high bit of a byte set if that byte is the one looked for; it may also set bits above a byte that
    /// is, never without one.
    private mutating func skipPlainText() {
        let ones: UInt64 = 0x0101_0101_0101_0101
        while position + 8 <= bytes.count {
            let word = bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self)
            let quote = word ^ (ones &* UInt64(UInt8(ascii: "\"")))
            let backslash = word ^ (ones &* UInt64(UInt8(ascii: "\\")))
            let found = (word &- ones &* 0x20) & ~word | (quote &- ones) & ~quote | (backslash &- ones) & ~backslash
            guard found & (ones &* 0x80) == 0 else { return }
            position += 8
        }
    }

    private mutating func escape() throws(Malformed) {
        position += 1
        switch next {
        case UInt8(ascii: "u"):
            guard position + 5 <= bytes.count else { throw Malformed() }
            for offset in 1...4 {
                switch bytes[position + offset] {
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
                    UInt8(ascii: "A")...UInt8(ascii: "F"):
                    continue
                default: throw Malformed()
                }
            }
            position += 5
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            position += 1
        default:
            throw Malformed()
        }
    }

    private mutating func number() throws(Malformed) {
        if next == UInt8(ascii: "-") { position += 1 }
        if next == UInt8(ascii: "0") {
            position += 1
        } else {
            try digits()
        }
        if next == UInt8(ascii: ".") {
            position += 1
            try digits()
        }
        if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
            position += 1
            if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { position += 1 }
            try digits()
        }
    }

    /// One digit or more.
    private mutating func digits() throws(Malformed) {
        let start = position
        while UInt8(ascii: "0")...UInt8(ascii: "9") ~= next { position += 1 }
        guard position > start else { throw Malformed() }
    }

    private mutating func word(_ word: StaticString) throws(Malformed) {
        let expected = UnsafeRawBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)
        guard bytes[position...].starts(with: expected) else { throw Malformed() }
        position += expected.count
    }

    private mutating func skipWhiteSpace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x0a, 0x0d, 0x09: position += 1
            default: return
            }
        }
    }

    /// The byte at hand; zero, which is nowhere allowed, at the end.
    private var next: UInt8 { position < bytes.count ? bytes[position] : 0 }
}
