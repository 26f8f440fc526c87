import Hummingbird
import Messaging

/// What follows `?` in an address, as browsers write it: `name=value&…`, `%XX` for a byte, `+` for a space, UTF-8.
///
/// Where a name is there twice the first counts; an empty value counts as none.
///
/// Source: [URL standard, application/x-www-form-urlencoded](https://url.spec.whatwg.org/#urlencoded-parsing).
struct QueryParameters {
    private var values: [String: String] = [:]

    /// - Parameter known: the names that this address knows, in the order to list them.
    /// - Throws: 400 `malformed_query` for a broken `%XX` or bytes that are not UTF-8; 400 `unknown_parameter` for another
    ///   name than the known ones: a filter that is misspelled must not look like one that everything passes.
    init(of request: Request, known: [String]) throws {
        for pair in (request.uri.query ?? "").utf8.split(separator: UInt8(ascii: "&")) {
            let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            let name = try Self.decode(parts[0], in: nil)
            let value = parts.count == 2 ? try Self.decode(parts[1], in: name) : ""
            guard known.contains(name) else {
                let shown = String(name.prefix(64))
                throw APIError(
                    .badRequest,
                    "unknown_parameter",
                    "There is no such query parameter: \"\(shown)\". Known are \(known.joined(separator: ", ")).",
                    field: shown
                )
            }
            if !value.isEmpty, values[name] == nil { values[name] = value }
        }
    }

    private static func decode(_ encoded: some Collection<UInt8>, in name: String?) throws -> String {
        func digit(_ byte: UInt8?) -> UInt8? {
            byte.flatMap { Character(Unicode.Scalar($0)).hexDigitValue }.map { UInt8($0) }
        }
        var bytes: [UInt8] = []
        var iterator = encoded.makeIterator()
        while let byte = iterator.next() {
            switch byte {
            case UInt8(ascii: "+"): bytes.append(UInt8(ascii: " "))
            case UInt8(ascii: "%"):
                guard let high = digit(iterator.next()), let low = digit(iterator.next()) else {
                    throw malformed("has a % that two hexadecimal digits do not follow", name)
                }
                bytes.append(high << 4 | low)
            default: bytes.append(byte)
            }
        }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw malformed("is not UTF-8", name) }
        return text
    }

    private static func malformed(_ what: String, _ name: String?) -> APIError {
        let shown = name.map { String($0.prefix(64)) }
        return APIError(
            .badRequest,
            "malformed_query",
            "The query parameter \(shown.map { "\"\($0)\" " } ?? "")\(what).",
            field: shown
        )
    }

    /// - Throws: 422 when it is longer than `maxBytes`.
    func text(_ name: String, maxBytes: Int = 512) throws -> String? {
        guard let text = values[name] else { return nil }
        guard text.utf8.count <= maxBytes else {
            throw APIError.invalid(name, "\"\(name)\" must not be longer than \(maxBytes) bytes.")
        }
        return text
    }

    /// - Throws: 422 unless it is an integer in `range`.
    func integer(_ name: String, in range: ClosedRange<Int>) throws -> Int? {
        guard let text = values[name] else { return nil }
        guard let value = Int(text), range.contains(value) else {
            throw APIError.invalid(
                name,
                "\"\(name)\" must be an integer from \(range.lowerBound) to \(range.upperBound)."
            )
        }
        return value
    }

    /// - Throws: 422 unless it is `true` or `false`.
    func flag(_ name: String) throws -> Bool? {
        guard let text = values[name] else { return nil }
        guard let flag = Bool(text) else { throw APIError.invalid(name, "\"\(name)\" must be true or false.") }
        return flag
    }

    /// - Throws: 422 unless it is a UUID.
    func id(_ name: String) throws -> UniqueID? {
        guard let text = try text(name) else { return nil }
        guard let id = UniqueID(text) else { throw APIError.invalid(name, "\"\(name)\" must be a UUID.") }
        return id
    }

    /// What ``paging()`` reads.
    static let pagingNames = ["page", "size"]

    /// `page` from 0 (default 0) and `size` from 1 to 100 (default 20).
    func paging() throws -> (page: Int, size: Int) {
        (try integer("page", in: 0...1_000_000_000) ?? 0, try integer("size", in: 1...100) ?? 20)
    }
}
