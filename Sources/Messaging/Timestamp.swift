import Glibc

/// A moment, in milliseconds since 1970 UTC.
package struct Timestamp: Hashable, Comparable, Sendable {
    package var milliseconds: Int

    package init(milliseconds: Int) { self.milliseconds = milliseconds }

    package static var now: Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(milliseconds: Int(time.tv_sec) * 1000 + Int(time.tv_nsec) / 1_000_000)
    }

    package static func < (a: Timestamp, b: Timestamp) -> Bool { a.milliseconds < b.milliseconds }

    /// `2024-01-15T10:30:00Z`: 20 characters for the years 0 to 9999, seconds rounded down, as the access guide writes
    /// times (a fraction of a second would stop strict readers of ISO 8601). Moments before and after those years are
    /// written as their first or last.
    package var iso8601: String {
        String(unsafeUninitializedCapacity: 20) { write(into: UnsafeMutableRawBufferPointer($0)) }
    }

    /// The beginning of the year 0, and the last second of 9999.
    private static let firstWritten = -62_167_219_200_000
    private static let lastWritten = 253_402_300_799_000

    /// Writes ``iso8601`` at the start of `buffer`.
    /// - Returns: 20.
    @discardableResult
    package func write(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        let milliseconds = min(max(milliseconds, Self.firstWritten), Self.lastWritten)
        let seconds = milliseconds >= 0 ? milliseconds / 1000 : (milliseconds - 999) / 1000
        let days = seconds >= 0 ? seconds / 86400 : (seconds - 86399) / 86400
        let time = seconds - days * 86400
        // Days to a civil date: eras of 400 years of 146,097 days that begin on 1 March.
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthIndex = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthIndex + 2) / 5 + 1
        let month = monthIndex < 10 ? monthIndex + 3 : monthIndex - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)

        var offset = 0
        func digits(_ value: Int, _ count: Int, then separator: UInt8) {
            var rest = value
            for position in stride(from: offset + count - 1, through: offset, by: -1) {
                buffer[position] = UInt8(ascii: "0") + UInt8(rest % 10)
                rest /= 10
            }
            buffer[offset + count] = separator
            offset += count + 1
        }
        digits(year, 4, then: UInt8(ascii: "-"))
        digits(month, 2, then: UInt8(ascii: "-"))
        digits(day, 2, then: UInt8(ascii: "T"))
        digits(time / 3600, 2, then: UInt8(ascii: ":"))
        digits(time / 60 % 60, 2, then: UInt8(ascii: ":"))
        digits(time % 60, 2, then: UInt8(ascii: "Z"))
        return offset
    }
}
