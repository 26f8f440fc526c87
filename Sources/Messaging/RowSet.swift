/// Some of a partition's rows, one bit for each.
struct RowSet: Sendable {
    /// Row 0 is the lowest bit of the first. Bits past the last row are 0.
    private var words: [UInt64]

    /// None of `count` rows.
    init(count: Int) { words = [UInt64](repeating: 0, count: (count + 63) / 64) }

    /// All of `count` rows.
    init(all count: Int) {
        words = [UInt64](repeating: .max, count: (count + 63) / 64)
        if count % 64 != 0 { words[words.count - 1] = 1 << UInt64(count % 64) - 1 }
    }

    var count: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }

    mutating func insert(_ row: Int) { words[row / 64] |= 1 << UInt64(row % 64) }

    mutating func formIntersection(_ other: RowSet) {
        for index in words.indices { words[index] &= other.words[index] }
    }

    /// Leaves the rows whose value has `expected` where `mask` has ones.
    ///
    /// - Parameter values: One for each row.
    mutating func keep(where values: [UInt8], under mask: UInt8, equal expected: UInt8) {
        for index in words.indices where words[index] != 0 {
            var kept: UInt64 = 0
            let first = index * 64
            for bit in 0..<min(64, values.count - first) where values[first + bit] & mask == expected {
                kept |= 1 << UInt64(bit)
            }
            words[index] &= kept
        }
    }

    /// Calls `body` with each row, in order.
    @inline(__always)
    func forEach(_ body: (Int) -> Void) {
        for index in words.indices {
            var word = words[index]
            while word != 0 {
                body(index * 64 + word.trailingZeroBitCount)
                word &= word &- 1
            }
        }
    }
}
