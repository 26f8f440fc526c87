/// Where an entry stands in the audit log: `MS-SEQ-STREAM`, by Redis's clock.
package struct AuditPosition: Comparable, Sendable, CustomStringConvertible {
    let milliseconds: Int
    let seq: UInt64
    /// A partition's number, or ``Partition/count`` for the refusals.
    let stream: Int

    private init(milliseconds: Int, seq: UInt64, stream: Int) {
        self.milliseconds = milliseconds
        self.seq = seq
        self.stream = stream
    }

    package init?(_ text: String) {
        let words = text.split(separator: "-", omittingEmptySubsequences: false)
        guard words.count == 3, let milliseconds = Int(words[0]), milliseconds >= 0, let seq = UInt64(words[1]),
            let stream = Int(words[2]), 0...Partition.count ~= stream
        else { return nil }
        self.init(milliseconds: milliseconds, seq: seq, stream: stream)
    }

    init?(id: String, stream: Int) { self.init("\(id)-\(stream)") }

    var id: String { "\(milliseconds)-\(seq)" }
    package var description: String { "\(id)-\(stream)" }

    package static func < (a: AuditPosition, b: AuditPosition) -> Bool {
        (a.milliseconds, a.seq, a.stream) < (b.milliseconds, b.seq, b.stream)
    }

    /// The last place before this one in the same stream. (Ranges without their end came with Redis 6.2.)
    var previous: AuditPosition? {
        if seq > 0 { return AuditPosition(milliseconds: milliseconds, seq: seq - 1, stream: stream) }
        return milliseconds > 0 ? AuditPosition(milliseconds: milliseconds - 1, seq: .max, stream: stream) : nil
    }

    /// The last place of a stream that comes after an entry in the order of the log, which is the newest first.
    static func end(of stream: Int, after position: AuditPosition?, before: Timestamp?) -> AuditPosition? {
        var end: AuditPosition? = AuditPosition(milliseconds: .max, seq: .max, stream: stream)
        if let before { end = AuditPosition(milliseconds: before.milliseconds, seq: 0, stream: stream).previous }
        guard let position, let latest = end else { return end }
        let same = AuditPosition(milliseconds: position.milliseconds, seq: position.seq, stream: stream)
        guard let end = stream < position.stream ? same : same.previous else { return nil }
        return min(latest, end)
    }
}
