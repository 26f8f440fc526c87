/// One reply in RESP2, copied out of hiredis.
///
/// At top level a Redis error reply never appears here: it is the `failure` of the command, with
/// ``RedisError/Code-swift.enum/server(prefix:)``. Inside an array (`EXEC`, a script's table) it is ``error(_:)``.
package enum RedisReply: Sendable, Equatable {
    /// A null bulk string or a null array: no such key, no such field.
    case null
    case integer(Int)
    /// Bytes, exactly as stored.
    case bulk([UInt8])
    /// A short text such as `OK`.
    case status(String)
    case array([RedisReply])
    /// An error as an element of an array, with Redis's text.
    case error(String)
}

extension RedisReply {
    /// The text of a bulk or a status; `nil` for any other kind. Bytes that are not UTF-8 become U+FFFD.
    package var string: String? {
        switch self {
        case .bulk(let bytes): String(decoding: bytes, as: UTF8.self)
        case .status(let text): text
        default: nil
        }
    }

    /// An integer, or a bulk or status that holds a decimal integer; `nil` otherwise.
    package var int: Int? {
        switch self {
        case .integer(let value): value
        default: string.flatMap { Int($0) }
        }
    }

    /// The bytes of a bulk or a status; `nil` for any other kind.
    package var bytes: [UInt8]? {
        switch self {
        case .bulk(let bytes): bytes
        case .status(let text): Array(text.utf8)
        default: nil
        }
    }

    /// The elements of an array; `nil` for any other kind, also for null.
    package var array: [RedisReply]? {
        if case .array(let elements) = self { elements } else { nil }
    }

    package var isNull: Bool { self == .null }
}
