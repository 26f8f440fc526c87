package import Messaging
package import NIOCore

/// JSON written straight into a buffer: the pieces that server messages are made of.
///
/// The caller keeps the braces and commas in order; strings that are not known to be plain go through ``string(_:)``.
package struct JSONWriter {
    package private(set) var buffer: ByteBuffer

    /// - Parameter capacity: how long the text will be at most, if that is known.
    package init(capacity: Int) {
        buffer = .withHeadroom(capacity: capacity)
    }

    /// Text of ours, as it is: syntax, names and words without anything to escape.
    package mutating func raw(_ text: String) { buffer.writeString(text) }

    /// JSON that was validated when it came in, as it is.
    package mutating func raw(_ json: ByteBuffer) { buffer.writeImmutableBuffer(json) }

    /// An id with its quotes.
    package mutating func id(_ id: UniqueID) {
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: 38) { bytes in
            bytes[0] = UInt8(ascii: "\"")
            let count = id.write(into: UnsafeMutableRawBufferPointer(rebasing: bytes[1...]))
            bytes[count + 1] = UInt8(ascii: "\"")
            return count + 2
        }
    }

    /// A moment with its quotes.
    package mutating func time(_ time: Timestamp) {
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: 23) { bytes in
            bytes[0] = UInt8(ascii: "\"")
            let count = time.write(into: UnsafeMutableRawBufferPointer(rebasing: bytes[1...]))
            bytes[count + 1] = UInt8(ascii: "\"")
            return count + 2
        }
    }

    package mutating func number(_ number: Int) {
        guard number >= 0 else {
            buffer.writeString(String(number))
            return
        }
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: 20) { bytes in
            var rest = number
            var count = 0
            repeat {
                bytes[19 - count] = UInt8(ascii: "0") + UInt8(rest % 10)
                rest /= 10
                count += 1
            } while rest > 0
            for position in 0..<count { bytes[position] = bytes[20 - count + position] }
            return count
        }
    }

    package mutating func bool(_ value: Bool) { raw(value ? "true" : "false") }

    /// Any text, with its quotes, escaped as RFC 8259 §7 demands and no further.
    package mutating func string(_ text: String) {
        let hexadecimal: StaticString = "0123456789abcdef"
        buffer.writeInteger(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""): raw(#"\""#)
            case UInt8(ascii: "\\"): raw(#"\\"#)
            case UInt8(ascii: "\n"): raw(#"\n"#)
            case UInt8(ascii: "\r"): raw(#"\r"#)
            case UInt8(ascii: "\t"): raw(#"\t"#)
            case 0..<0x20:
                raw(#"\u00"#)
                buffer.writeInteger(hexadecimal.utf8Start[Int(byte >> 4)])
                buffer.writeInteger(hexadecimal.utf8Start[Int(byte & 15)])
            default: buffer.writeInteger(byte)
            }
        }
        buffer.writeInteger(UInt8(ascii: "\""))
    }
}
