import Hiredis

/// The fields of a hash, as `HGETALL` and scripts answer them: field, value, field, value …
struct RecordFields {
    private var values: [String: String] = [:]

    /// - Returns: `nil` when `pairs` is empty: there is no such record.
    init?(_ pairs: some Collection<RedisReply>) {
        guard pairs.count >= 2 else { return nil }
        var iterator = pairs.makeIterator()
        while let field = iterator.next()?.string, let value = iterator.next()?.string { values[field] = value }
    }

    subscript(field: String) -> String? { values[field] }

    func timestamp(_ field: String) -> Timestamp? {
        values[field].flatMap { Int($0) }.map { Timestamp(milliseconds: $0) }
    }
}
