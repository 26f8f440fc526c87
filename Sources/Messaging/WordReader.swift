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

    package mutating func nextInt() -> Int? {
        guard let word = next(), word.readableBytes <= 19 else { return nil }
        var value = 0
        var bytes = word.readableBytesView[...]
        let isNegative = bytes.first == UInt8(ascii: "-")
        if isNegative { bytes = bytes.dropFirst() }
        guard !bytes.isEmpty else { return nil }
        for byte in bytes {
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
            value = value &* 10 &+ Int(byte - UInt8(ascii: "0"))
        }
        return isNegative ? -value : value
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
        next().flatMap { UniqueID(utf8: $0.readableBytesView) }
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
