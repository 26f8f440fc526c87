/// The part of a Redis Cluster that a key belongs to: 0 to 16383.
///
/// Source: [Redis Cluster key distribution](https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#key-distribution-model).
package enum RedisSlot {
    package static let count = 16384

    /// CRC16 of the key's hash tag, the text between its first `{` and the next `}`, if that is not empty; otherwise of
    /// the whole key.
    package static func of(_ key: UnsafeRawBufferPointer) -> Int {
        var tag = key[...]
        if let open = key.firstIndex(of: UInt8(ascii: "{")),
            let close = key[(open + 1)...].firstIndex(of: UInt8(ascii: "}")), close > open + 1
        {
            tag = key[(open + 1)..<close]
        }
        var crc: UInt16 = 0
        for byte in tag { crc = crc << 8 ^ table[Int(UInt8(truncatingIfNeeded: crc >> 8) ^ byte)] }
        return Int(crc) & (count - 1)
    }

    package static func of(_ key: String) -> Int {
        var key = key
        return key.withUTF8 { of(UnsafeRawBufferPointer($0)) }
    }

    /// CRC16 in its XMODEM form: polynomial 0x1021, most significant bit first.
    private static let table: [UInt16] = (0..<256).map { byte in
        (0..<8).reduce(UInt16(byte) << 8) { crc, _ in crc & 0x8000 == 0 ? crc << 1 : crc << 1 ^ 0x1021 }
    }
}

extension RedisCommand {
    /// The slot of the command's first key, which is its first argument, or the third of a script's command. `nil` for a
    /// command of one word, which any server may answer.
    ///
    /// All keys of a command must be in one slot; Redis refuses it otherwise.
    package var slot: Int? {
        if let assignedSlot { return assignedSlot }
        let index = script == nil && !isNamed("EVAL") && !isNamed("EVALSHA") ? 1 : 3
        return withArgument(index) { RedisSlot.of($0) }
    }

    private func isNamed(_ name: StaticString) -> Bool {
        withArgument(0) {
            $0.elementsEqual(UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
        }
            ?? false
    }

    /// The bytes of one argument; `nil` past the end.
    private func withArgument<R>(_ index: Int, _ body: (UnsafeRawBufferPointer) -> R) -> R? {
        guard index < argumentCount else { return nil }
        return storage.withUnsafeBytes { storage in
            var offset = 0
            var length = Int(storage.loadUnaligned(fromByteOffset: 0, as: UInt32.self))
            for _ in 0..<index {
                offset += RedisCommand.lengthBytes + length
                length = Int(storage.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
            }
            offset += RedisCommand.lengthBytes
            return body(UnsafeRawBufferPointer(rebasing: storage[offset..<offset + length]))
        }
    }
}
