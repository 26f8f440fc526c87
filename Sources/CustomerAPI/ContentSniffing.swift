/// What an attachment's content type is.
///
/// Pages show images and offer the rest for download, so only what its bytes prove to be one counts as an image, and nothing
/// that a browser runs (HTML, SVG, XML, scripts) keeps its type.
///
/// Source: [MIME Sniffing, image type pattern matching](https://mimesniff.spec.whatwg.org/#matching-an-image-type-pattern).
enum ContentSniffing {
    /// How many bytes of the beginning ``contentType(declared:beginning:)`` looks at.
    static let beginningBytes = 16

    static let anything = "application/octet-stream"

    static let images: Set<String> = ["image/png", "image/jpeg", "image/gif", "image/webp"]

    /// - Parameters:
    ///   - declared: the header `Content-Type`.
    ///   - beginning: the first bytes.
    /// - Returns: `type/subtype` in lower case, without parameters.
    static func contentType(declared: String?, beginning: [UInt8]) -> String {
        if let image = image(beginning) { return image }
        let type =
            (declared ?? "").split(separator: ";").first.map { $0.filter { !$0.isWhitespace }.lowercased() } ?? ""
        return isHarmless(type) ? type : anything
    }

    private static func image(_ bytes: [UInt8]) -> String? {
        func begins(_ text: [UInt8], at offset: Int = 0) -> Bool { bytes.dropFirst(offset).starts(with: text) }
        if begins([0x89] + Array("PNG\r\n".utf8) + [0x1a, 0x0a]) { return "image/png" }
        if begins([0xff, 0xd8, 0xff]) { return "image/jpeg" }
        if begins(Array("GIF87a".utf8)) || begins(Array("GIF89a".utf8)) { return "image/gif" }
        if begins(Array("RIFF".utf8)), begins(Array("WEBPVP".utf8), at: 8) { return "image/webp" }
        return nil
    }

    /// Whether a declared type may stay: well-formed, no image (its bytes would have said so), nothing that is run.
    private static func isHarmless(_ type: String) -> Bool {
        let parts = type.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, type.utf8.count <= 100,
            parts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy(isNameByte) })
        else { return false }
        if parts[0] == "image" || parts[0] == "multipart" || parts[0] == "message" { return false }
        return !["html", "xml", "script", "xsl"].contains { parts[1].contains($0) }
    }

    /// Source: RFC 6838 §4.2.
    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: "!#$&-^_.+".utf8.contains(byte)
        }
    }
}
