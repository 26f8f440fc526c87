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
        self.init(in: partition, using: &generator)
    }

    init(in partition: Partition, using generator: inout some RandomNumberGenerator) {
        high = (generator.next() & 0xffff_ffff_ffff_0fff) | 0x4000
        low = (generator.next() & 0x3fff_ffff_ffff_ffc0) | 0x8000_0000_0000_0000 | UInt64(partition.number)
    }

    /// The 36 characters of a UUID, hexadecimal digits in either case. Any version is read; `nil` for anything else.
    package init?(_ text: some StringProtocol) {
        var text = String(text)
        guard let id = text.withUTF8({ UniqueID(utf8: UnsafeRawBufferPointer($0)) }) else { return nil }
        self = id
    }

    /// The same, from bytes: 36 and no more.
    package init?(utf8 bytes: UnsafeRawBufferPointer) {
        guard bytes.count == 36, bytes[8] == Self.hyphen, bytes[13] == Self.hyphen, bytes[18] == Self.hyphen,
            bytes[23] == Self.hyphen
        else { return nil }
        func digits(at offset: Int) -> UInt64 {
            UInt64(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
        }
        guard let first = Self.number(ofDigits: digits(at: 0) | digits(at: 4) << 32),
            let second = Self.number(ofDigits: digits(at: 9) | digits(at: 14) << 32),
            let third = Self.number(ofDigits: digits(at: 19) | digits(at: 24) << 32),
            let fourth = Self.number(ofDigits: digits(at: 28) | digits(at: 32) << 32)
        else { return nil }
        high = UInt64(first) << 32 | UInt64(second)
        low = UInt64(third) << 32 | UInt64(fourth)
    }

    private static let hyphen = UInt8(ascii: "-")
    /// One in each of eight bytes.
    private static let ones: UInt64 = 0x0101_0101_0101_0101

    /// Eight hexadecimal digits, the first in the lowest byte, all at once: an id is read and written several times for each
    /// message.
    private static func number(ofDigits text: UInt64) -> UInt32? {
        // '0' is 0x30, 'A' 0x41, 'a' 0x61: the low four bits, and nine more for a letter.
        let nibbles = (text & (0x0f * ones)) &+ (text >> 6 & ones) &* 9
        // What is no digit does not become what it was.
        guard nibbles & (0xf0 * ones) == 0, Self.digits(of: nibbles) == text | (text & (0x40 * ones)) >> 1 else {
            return nil
        }
        var packed = (nibbles << 4 | nibbles >> 8) & 0x00ff_00ff_00ff_00ff
        packed = (packed | packed >> 8) & 0x0000_ffff_0000_ffff
        return UInt32(truncatingIfNeeded: packed | packed >> 16).byteSwapped
    }

    /// Digits in lower case for eight nibbles, one in each byte.
    private static func digits(of nibbles: UInt64) -> UInt64 {
        let letters = (nibbles &+ 6 * ones) >> 4 & ones
        return nibbles &+ 0x30 * ones &+ letters &* 39
    }

    private static func digits(of number: UInt32) -> UInt64 {
        var spread = UInt64(number.byteSwapped)
        spread = (spread | spread << 16) & 0x0000_ffff_0000_ffff
        spread = (spread | spread << 8) & 0x00ff_00ff_00ff_00ff
        return digits(of: (spread >> 4 | spread << 8) & (0x0f * ones))
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
        precondition(buffer.count >= 36)
        func store(_ digits: UInt64, at offset: Int, then next: Int) {
            buffer.storeBytes(
                of: UInt32(truncatingIfNeeded: digits).littleEndian,
                toByteOffset: offset,
                as: UInt32.self
            )
            buffer.storeBytes(of: UInt32(digits >> 32).littleEndian, toByteOffset: next, as: UInt32.self)
        }
        store(Self.digits(of: UInt32(high >> 32)), at: 0, then: 4)
        store(Self.digits(of: UInt32(truncatingIfNeeded: high)), at: 9, then: 14)
        store(Self.digits(of: UInt32(low >> 32)), at: 19, then: 24)
        store(Self.digits(of: UInt32(truncatingIfNeeded: low)), at: 28, then: 32)
        buffer[8] = Self.hyphen
        buffer[13] = Self.hyphen
        buffer[18] = Self.hyphen
        buffer[23] = Self.hyphen
        return 36
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
