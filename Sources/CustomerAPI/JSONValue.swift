import FoundationEssentials

/// JSON of any shape, to be passed on. Numbers that a `Double` cannot hold lose digits, unless they are whole and have 64 bits.
enum JSONValue: Codable {
    case null
    case flag(Bool)
    case whole(Int64)
    case large(UInt64)
    case number(Double)
    case text(String)
    case list([JSONValue])
    case object([String: JSONValue])

    /// How deep a client's JSON may be nested, as in the gateways.
    private static let maxDepth = 32

    init(from decoder: any Decoder) throws {
        guard decoder.codingPath.count < Self.maxDepth else {
            throw APIError(.badRequest, "malformed_json", "The JSON is nested more than \(Self.maxDepth) deep.")
        }
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let flag = try? container.decode(Bool.self) {
            self = .flag(flag)
        } else if let whole = try? container.decode(Int64.self) {
            self = .whole(whole)
        } else if let large = try? container.decode(UInt64.self) {
            self = .large(large)
        } else if let number = try? container.decode(Double.self) {
            self = .number(number)
        } else if let text = try? container.decode(String.self) {
            self = .text(text)
        } else if let list = try Self.unlessMismatch({ try container.decode([JSONValue].self) }) {
            self = .list(list)
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }

    /// - Returns: `nil` for a value of another kind; other errors are those of what lies inside.
    private static func unlessMismatch<Value>(_ decode: () throws -> Value) throws -> Value? {
        do { return try decode() } catch DecodingError.typeMismatch { return nil }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .flag(let flag): try container.encode(flag)
        case .whole(let whole): try container.encode(whole)
        case .large(let large): try container.encode(large)
        case .number(let number): try container.encode(number)
        case .text(let text): try container.encode(text)
        case .list(let list): try container.encode(list)
        case .object(let object): try container.encode(object)
        }
    }
}
