import Messaging
package import NIOCore

/// What stands between the quotes of a JSON string literal that ``JSONScanner`` has passed.
///
/// The bytes must outlive the value.
package struct JSONStringLiteral {
    private let bytes: UnsafeRawBufferPointer

    /// A literal, quotes included, written as `JSONText` writes the same text: two that mean the same are equal then.
    package static func canonical(_ literal: ByteBuffer) -> ByteBuffer {
        guard literal.readableBytesView.contains(UInt8(ascii: "\\")) else { return literal }
        return literal.withUnsafeReadableBytes { bytes in
            let contents = UnsafeRawBufferPointer(rebasing: bytes.dropFirst().dropLast())
            let text = JSONStringLiteral(contents: contents).string
            // What is no text, such as half a surrogate, stays as it is: it must not become the same as another.
            return text.unicodeScalars.contains("\u{fffd}") ? literal : ByteBuffer(string: JSONText.literal(text))
        }
    }

    /// `contents`: without the quotes.
    package init(contents: UnsafeRawBufferPointer) { bytes = contents }

    /// The text; lone surrogates become U+FFFD.
    package var string: String {
        guard bytes.contains(UInt8(ascii: "\\")) else { return String(decoding: bytes, as: UTF8.self) }
        var text = String.UnicodeScalarView()
        var position = 0
        while let scalar = nextScalar(from: &position) { text.append(Unicode.Scalar(scalar) ?? "\u{fffd}") }
        return String(text)
    }

    /// The length in bytes of ``string`` as UTF-8.
    package var decodedByteCount: Int {
        guard bytes.contains(UInt8(ascii: "\\")) else { return bytes.count }
        var count = 0
        var position = 0
        while let scalar = nextScalar(from: &position) {
            count += scalar < 0x80 ? 1 : scalar < 0x800 ? 2 : scalar < 0x10000 ? 3 : 4
        }
        return count
    }

    /// Whether there is nothing in it but what JavaScript's `trim` removes, as the guide's page calls it before it sends.
    ///
    /// Source: [ECMA-262, WhiteSpace and LineTerminator](https://tc39.es/ecma262/#sec-white-space).
    package var isBlank: Bool {
        var position = 0
        while let scalar = nextScalar(from: &position) {
            switch scalar {
            case 0x09...0x0d, 0x20, 0xa0, 0x1680, 0x2000...0x200a, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000, 0xfeff:
                continue
            default: return false
            }
        }
        return true
    }

    /// The code point at `position`, which moves past it; a lone surrogate as itself. `nil` at the end.
    private func nextScalar(from position: inout Int) -> UInt32? {
        guard position < bytes.count else { return nil }
        let first = bytes[position]
        position += 1
        if first == UInt8(ascii: "\\") { return escaped(at: &position) }
        if first < 0x80 { return UInt32(first) }
        let following = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1
        var scalar = UInt32(first) & (0x3f >> UInt32(following))
        for _ in 0..<following where position < bytes.count {
            scalar = scalar << 6 | UInt32(bytes[position] & 0x3f)
            position += 1
        }
        return scalar
    }

    /// `position`: after the backslash.
    private func escaped(at position: inout Int) -> UInt32? {
        guard position < bytes.count else { return nil }
        let letter = bytes[position]
        position += 1
        switch letter {
        case UInt8(ascii: "b"): return 0x08
        case UInt8(ascii: "t"): return 0x09
        case UInt8(ascii: "n"): return 0x0a
        case UInt8(ascii: "f"): return 0x0c
        case UInt8(ascii: "r"): return 0x0d
        case UInt8(ascii: "u"):
            guard let unit = codeUnit(at: position) else { return nil }
            position += 4
            guard 0xd800...0xdbff ~= unit, position + 6 <= bytes.count, bytes[position] == UInt8(ascii: "\\"),
                bytes[position + 1] == UInt8(ascii: "u"), let second = codeUnit(at: position + 2),
                0xdc00...0xdfff ~= second
            else { return unit }
            position += 6
            return 0x10000 + (unit - 0xd800) << 10 + (second - 0xdc00)
        default: return UInt32(letter)
        }
    }

    /// The four hexadecimal digits at `position`.
    private func codeUnit(at position: Int) -> UInt32? {
        guard position + 4 <= bytes.count else { return nil }
        var unit: UInt32 = 0
        for byte in bytes[position..<(position + 4)] {
            // Letters of either case have 9 more than their low four bits say.
            unit = unit << 4 | UInt32(byte & 15) + (byte > UInt8(ascii: "9") ? 9 : 0)
        }
        return unit
    }
}
