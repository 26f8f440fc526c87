package import NIOCore

/// Reads the words of a line of a record or a publication, which are separated by single spaces.
package struct WordReader {
    private var buffer: ByteBuffer

    /// What stands for an absent word.
    package static let dash = ByteBuffer(string: "-")

    package init(_ buffer: ByteBuffer) { self.buffer = buffer }

    /// The next word, without the space or line feed after it; `nil` at the end or at a line feed.
    package mutating func next() -> ByteBuffer? {
        let length = buffer.readableBytesView.firstIndex { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") }
            .map { $0 - buffer.readerIndex }
        guard let word = buffer.readSlice(length: length ?? buffer.readableBytes), word.readableBytes > 0 else {
            return nil
        }
        // A line feed stays where it is: it ends the line.
        if buffer.getInteger(at: buffer.readerIndex) == UInt8(ascii: " ") { buffer.moveReaderIndex(forwardBy: 1) }
        return word
    }

    /// A decimal number of at most 19 characters.
    package mutating func nextInt() -> Int? {
        nextWord { bytes in
            let isNegative = bytes.first == UInt8(ascii: "-")
            guard bytes.count <= 19, bytes.count > (isNegative ? 1 : 0) else { return nil }
            var value = 0
            for byte in bytes.dropFirst(isNegative ? 1 : 0) {
                guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
                value = value &* 10 &+ Int(byte - UInt8(ascii: "0"))
            }
            return isNegative ? -value : value
        }
    }

    package mutating func nextInts(_ count: Int) -> [Int]? {
        var values: [Int] = []
        for _ in 0..<count {
            guard let value = nextInt() else { return nil }
            values.append(value)
        }
        return values
    }

    package mutating func nextID() -> UniqueID? {
        nextWord { UniqueID(utf8: $0) }
    }

    /// The next word as text.
    package mutating func nextText() -> String? {
        nextWord { String(decoding: $0, as: UTF8.self) }
    }

    /// Reads a word where it lies: publications have many, and a slice of each would be counted as one more owner.
    package mutating func nextWord<Value>(_ read: (UnsafeRawBufferPointer) -> Value?) -> Value? {
        var passed = 0
        let value = buffer.withUnsafeReadableBytes { bytes -> Value? in
            var length = 0
            while length < bytes.count, bytes[length] != UInt8(ascii: " "), bytes[length] != UInt8(ascii: "\n") {
                length += 1
            }
            // A line feed stays where it is: it ends the line.
            passed = length + (length < bytes.count && bytes[length] == UInt8(ascii: " ") ? 1 : 0)
            return length > 0 ? read(UnsafeRawBufferPointer(rebasing: bytes[..<length])) : nil
        }
        if value != nil { buffer.moveReaderIndex(forwardBy: passed) }
        return value
    }

    /// What is left; with `afterLineFeed`, a line feed must come first and is passed over.
    package func rest(afterLineFeed: Bool = false) -> ByteBuffer? {
        var rest = buffer
        if afterLineFeed {
            guard rest.readInteger(as: UInt8.self) == UInt8(ascii: "\n") else { return nil }
        }
        return rest
    }
}
