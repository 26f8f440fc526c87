import FoundationEssentials
import HTTPTypes
import Hummingbird
import NIOCore

/// A JSON object that a client sends. It is read field by field, so that each refusal names the field.
protocol JSONBody: Decodable {
    init(fields: JSONFields) throws
}

extension JSONBody {
    init(from decoder: any Decoder) throws {
        try self.init(fields: JSONFields(container: decoder.container(keyedBy: JSONFields.Name.self)))
    }
}

/// The fields of a JSON object.
struct JSONFields {
    struct Name: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(_ text: String) { stringValue = text }
        init?(stringValue: String) { self.init(stringValue) }
        init?(intValue: Int) { nil }
    }

    /// What a request says about an optional field.
    enum Change<Value> {
        /// The field is not there.
        case keep
        /// It is `null`.
        case clear
        case set(Value)

        /// `null` counts as not there.
        var value: Value? { if case .set(let value) = self { value } else { nil } }
    }

    let container: KeyedDecodingContainer<Name>

    /// - Throws: 400 `unknown_field` naming the first (by its letters) that is not in `known`.
    func refuseUnknown(except known: Set<String>) throws {
        let unknown = container.allKeys.map(\.stringValue).filter { !known.contains($0) }.sorted()
        guard let first = unknown.first else { return }
        let names = unknown.prefix(10).map { "\"\($0.prefix(64))\"" }.joined(separator: ", ")
        throw APIError(
            .badRequest,
            "unknown_field",
            "There is no such field: \(names). Known are \(known.sorted().joined(separator: ", ")).",
            field: String(first.prefix(64))
        )
    }

    /// - Throws: 400 `missing_field` or `wrong_type`.
    func text(_ field: String) throws -> String {
        switch try optionalText(field) {
        case .set(let text): return text
        case .keep, .clear: throw APIError.missing(field)
        }
    }

    func optionalText(_ field: String) throws -> Change<String> {
        try value(field, as: String.self, "a string")
    }

    func optionalTexts(_ field: String) throws -> Change<[String]> {
        try value(field, as: [String].self, "an array of strings")
    }

    func optionalInteger(_ field: String) throws -> Change<Int> {
        try value(field, as: Int.self, "an integer")
    }

    func optionalFlag(_ field: String) throws -> Change<Bool> {
        try value(field, as: Bool.self, "true or false")
    }

    /// An object of any fields, as JSON text.
    func optionalObject(_ field: String) throws -> ByteBuffer? {
        let expected = "an object"
        guard case .set(let value) = try value(field, as: JSONValue.self, expected) else { return nil }
        guard case .object = value else { throw APIError.wrongType(field, expected: expected) }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return ByteBuffer(bytes: try encoder.encode(value))
    }

    private func value<Value: Decodable>(
        _ field: String,
        as type: Value.Type,
        _ expected: String
    ) throws -> Change<Value> {
        let key = Name(field)
        guard container.contains(key) else { return .keep }
        do {
            if try container.decodeNil(forKey: key) { return .clear }
            return .set(try container.decode(type, forKey: key))
        } catch let error as APIError {
            throw error
        } catch {
            throw APIError.wrongType(field, expected: expected)
        }
    }
}

/// Reads request bodies, up to a limit.
struct BodyReader: Sendable {
    let maxBytes: Int

    /// Reads a JSON object.
    ///
    /// - Throws: 415 unless the content type is JSON, 413 past `maxBytes`, 400 `malformed_json`, and what `Body` throws.
    func read<Body: JSONBody>(_ type: Body.Type = Body.self, from request: Request) async throws -> Body {
        let mediaType = request.headers[.contentType]?.split(separator: ";").first ?? ""
        guard mediaType.trimmed.lowercased() == "application/json" else {
            throw APIError(
                .unsupportedMediaType,
                "unsupported_media_type",
                "Send the body as JSON, with the header \"Content-Type: application/json\"."
            )
        }
        if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > maxBytes { throw tooLarge }
        let buffer: ByteBuffer
        do {
            buffer = try await request.body.collect(upTo: maxBytes)
        } catch is NIOTooManyBytesError {
            throw tooLarge
        }
        // The decoder takes such bytes for a field of another type.
        guard String(validating: buffer.readableBytesView, as: UTF8.self) != nil else {
            throw APIError(.badRequest, "malformed_json", "The body is not UTF-8.")
        }
        do {
            return try JSONDecoder().decode(type, from: Data(buffer.readableBytesView))
        } catch DecodingError.typeMismatch {
            throw APIError(.badRequest, "malformed_json", "The body must be one JSON object.")
        } catch is DecodingError {
            throw APIError(.badRequest, "malformed_json", "The body is not well-formed JSON.")
        }
    }

    private var tooLarge: APIError {
        APIError(.contentTooLarge, "body_too_large", "The body must not be longer than \(maxBytes) bytes.")
    }
}

extension Substring {
    fileprivate var trimmed: Substring {
        var text = self
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return text
    }
}
