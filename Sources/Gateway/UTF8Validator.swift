/// Checks text that comes in pieces for being UTF-8, and says so at the first byte that cannot be.
///
/// Source: the Unicode Standard, table 3-7, "Well-Formed UTF-8 Byte Sequences".
package struct UTF8Validator {
    /// How many bytes the sequence at hand still wants.
    private var missing = 0
    /// What the next of them may be.
    private var lowest: UInt8 = 0x80
    private var highest: UInt8 = 0xbf

    package init() {}

    /// Whether the text may end here.
    package var isComplete: Bool { missing == 0 }

    /// - Returns: `false` if no text goes on like this.
    package mutating func accept(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var position = 0
        while position < bytes.count {
            if missing == 0 {
                while position + 8 <= bytes.count,
                    bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self) & 0x8080_8080_8080_8080 == 0
                {
                    position += 8
                }
                guard position < bytes.count else { return true }
                guard begin(with: bytes[position]) else { return false }
            } else {
                let byte = bytes[position]
                guard byte >= lowest, byte <= highest else { return false }
                missing -= 1
                (lowest, highest) = (0x80, 0xbf)
            }
            position += 1
        }
        return true
    }

    private mutating func begin(with byte: UInt8) -> Bool {
        switch byte {
        case 0x00...0x7f: return true
        case 0xc2...0xdf: missing = 1
        case 0xe0: (missing, lowest) = (2, 0xa0)
        case 0xed: (missing, highest) = (2, 0x9f)
        case 0xe1...0xef: missing = 2
        case 0xf0: (missing, lowest) = (3, 0x90)
        case 0xf1...0xf3: missing = 3
        case 0xf4: (missing, highest) = (3, 0x8f)
        default: return false
        }
        return true
    }
}
