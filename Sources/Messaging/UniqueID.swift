/// A random (version 4) UUID whose low six bits name the ``Partition`` that holds what it identifies.
///
/// Customers, conversations, messages and the UUID inside a token all are such ids, so whoever holds one knows the Redis
/// slot without a look-up. 116 bits stay random.
///
/// Source: RFC 9562 §5.4.
package struct UniqueID: Hashable, Sendable, CustomStringConvertible {
    package let high: UInt64
    package let low: UInt64

    /// A new id in `partition`.
    package init(in partition: Partition) {
        var generator = SystemRandomNumberGenerator()
        high = (generator.next() & 0xffff_ffff_ffff_0fff) | 0x4000
        low = (generator.next() & 0x3fff_ffff_ffff_ffc0) | 0x8000_0000_0000_0000 | UInt64(partition.number)
    }

    /// The 36 characters of a UUID, hexadecimal digits in either case. Any version is read; `nil` for anything else.
    package init?(_ text: some StringProtocol) {
        var text = String(text)
        guard let id = text.withUTF8({ UniqueID(utf8: $0) }) else { return nil }
        self = id
    }

    package init?(utf8 bytes: some Collection<UInt8>) {
        guard bytes.count == 36 else { return nil }
        var halves: (UInt64, UInt64) = (0, 0)
        var digits = 0
        for (position, byte) in bytes.enumerated() {
            if position == 8 || position == 13 || position == 18 || position == 23 {
                guard byte == UInt8(ascii: "-") else { return nil }
                continue
            }
            let nibble: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): nibble = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): nibble = byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): nibble = byte - UInt8(ascii: "A") + 10
            default: return nil
            }
            if digits < 16 {
                halves.0 = halves.0 << 4 | UInt64(nibble)
            } else {
                halves.1 = halves.1 << 4 | UInt64(nibble)
            }
            digits += 1
        }
        (high, low) = halves
    }

    package var partition: Partition { Partition(Int(low & 63)) }

    /// 36 characters, lower case.
    package var description: String {
        String(unsafeUninitializedCapacity: 36) { write(into: UnsafeMutableRawBufferPointer($0)) }
    }

    /// Writes the 36 lower-case characters at the start of `buffer`.
    /// - Returns: 36.
    @discardableResult
    package func write(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        var offset = 0
        for digit in 0..<32 {
            if digit == 8 || digit == 12 || digit == 16 || digit == 20 {
                buffer[offset] = UInt8(ascii: "-")
                offset += 1
            }
            let half = digit < 16 ? high : low
            let nibble = UInt8(truncatingIfNeeded: half >> UInt64(60 - (digit & 15) * 4)) & 15
            buffer[offset] = nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10
            offset += 1
        }
        return offset
    }

    /// Reads ids of 16 bytes each, the highest byte first; what is left over is left out.
    static func list(_ bytes: [UInt8]) -> [UniqueID] {
        bytes.withUnsafeBytes { bytes in
            (0..<(bytes.count / 16)).map { index in
                UniqueID(
                    high: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: index * 16, as: UInt64.self)),
                    low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: index * 16 + 8, as: UInt64.self))
                )
            }
        }
    }

    private init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
}
