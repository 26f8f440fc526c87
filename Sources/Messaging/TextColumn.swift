import Glibc

/// One text for each row, one after the other in one array of bytes, to be searched for a part of them all at once.
///
/// - Complexity: Searching looks at some 2 bytes in a nanosecond; replacing a text moves those that follow.
struct TextColumn: Sendable {
    /// Each text, followed by ``terminator``; at the end ``padding`` bytes, so that eight bytes can be read anywhere.
    private var bytes = [UInt8](repeating: Self.terminator, count: Self.padding)
    /// Where the text after each row's begins.
    private var ends: [UInt32] = []

    /// In no UTF-8, so that nothing that is searched for reaches over the end of a text.
    static let terminator: UInt8 = 0xff
    private static let padding = 8

    var count: Int { ends.count }

    /// - Parameter text: UTF-8.
    mutating func append(_ text: some Collection<UInt8>) {
        bytes.replaceSubrange((bytes.count - Self.padding)..<(bytes.count - Self.padding), with: text)
        bytes.append(Self.terminator)
        ends.append(UInt32(bytes.count - Self.padding))
    }

    mutating func replace(row: Int, with text: some Collection<UInt8>) {
        let start = start(of: row)
        let growth = text.count - (Int(ends[row]) - 1 - start)
        bytes.replaceSubrange(start..<(Int(ends[row]) - 1), with: text)
        guard growth != 0 else { return }
        for index in row..<ends.count { ends[index] = UInt32(Int(ends[index]) + growth) }
    }

    private func start(of row: Int) -> Int { row == 0 ? 0 : Int(ends[row - 1]) }

    /// Those of `candidates` whose text contains `part`.
    ///
    /// - Parameter part: UTF-8, not empty.
    func rows(containing part: [UInt8], among candidates: RowSet) -> RowSet {
        let places = Places(of: part)
        var rows = RowSet(count: count)
        bytes.withUnsafeBytes { bytes in
            ends.withUnsafeBufferPointer { ends in
                if candidates.count < count / 16 {
                    candidates.forEach { row in
                        let start = row == 0 ? 0 : Int(ends[row - 1])
                        if places.first(in: bytes, from: start, to: Int(ends[row])) != nil { rows.insert(row) }
                    }
                    return
                }
                var row = 0
                var start = 0
                while let place = places.first(in: bytes, from: start, to: bytes.count - Self.padding) {
                    row = Self.row(at: place, in: ends, from: row)
                    rows.insert(row)
                    start = Int(ends[row])
                }
                rows.formIntersection(candidates)
            }
        }
        return rows
    }

    /// Where a text is found in bytes.
    ///
    /// Eight places are compared at a time, by the middle and the last byte of the text: in Chinese the first byte of a
    /// character says little.
    private struct Places {
        private let part: [UInt8]
        private let middles: UInt64
        private let lasts: UInt64

        init(of part: [UInt8]) {
            self.part = part
            middles = UInt64(part[part.count / 2]) &* 0x0101_0101_0101_0101
            lasts = UInt64(part[part.count - 1]) &* 0x0101_0101_0101_0101
        }

        /// - Parameter end: At least ``padding`` bytes before that of `bytes`.
        @inline(__always)
        func first(in bytes: UnsafeRawBufferPointer, from start: Int, to end: Int) -> Int? {
            let middle = part.count / 2
            let last = part.count - 1
            var place = start
            while place < end - last {
                let differences =
                    (bytes.loadUnaligned(fromByteOffset: place + middle, as: UInt64.self) ^ middles)
                    | (bytes.loadUnaligned(fromByteOffset: place + last, as: UInt64.self) ^ lasts)
                // The high bit of each byte that is 0, and of some above it that are not.
                var found = (differences &- 0x0101_0101_0101_0101) & ~differences & 0x8080_8080_8080_8080
                while found != 0 {
                    let candidate = place + found.trailingZeroBitCount / 8
                    if candidate < end - last, memcmp(bytes.baseAddress! + candidate, part, part.count) == 0 {
                        return candidate
                    }
                    found &= found &- 1
                }
                place += 8
            }
            return nil
        }
    }

    /// The row that `place` is in, which is not before row `first`: by steps that double, then by halves.
    private static func row(at place: Int, in ends: UnsafeBufferPointer<UInt32>, from first: Int) -> Int {
        var low = first
        var step = 1
        while low + step < ends.count, ends[low + step - 1] <= place {
            low += step
            step *= 2
        }
        var high = min(low + step, ends.count) - 1
        while low < high {
            let middle = (low + high) / 2
            if ends[middle] <= place { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
