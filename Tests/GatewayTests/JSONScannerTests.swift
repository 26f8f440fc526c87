import Foundation
import Gateway
import Testing

@Suite("The JSON scanner")
struct JSONScannerTests {
    /// The kind of the value; `nil` if the text is refused.
    private func scan(_ text: String) -> JSONScanner.Kind? {
        var text = text
        return text.withUTF8 { bytes in
            var scanner = JSONScanner(UnsafeRawBufferPointer(bytes))
            return try? scanner.value()
        }
    }

    private func foundation(_ text: String) -> Any? {
        try? JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)
    }

    private func kind(of object: Any) -> JSONScanner.Kind {
        switch object {
        case is [String: Any]: .object
        case is [Any]: .array
        case is String: .string
        case let number as NSNumber:
            String(cString: number.objCType) == "c" ? (number.boolValue ? .true : .false) : .number
        default: .null
        }
    }

    @Test(
        "It accepts what Foundation accepts and sees the same kinds: 30,000 random texts",
        arguments: [1, 2, 3] as [UInt64]
    )
    func valid(seed: UInt64) {
        var random = RandomJSON(seed: seed)
        for _ in 0..<10_000 {
            let text = random.text()
            guard let expected = foundation(text) else {
                Issue.record("Foundation refuses \(text)")
                continue
            }
            let kind = scan(text)
            if kind != self.kind(of: expected) { Issue.record("\(String(describing: kind)) for \(text)") }
        }
    }

    @Test("It accepts and refuses as Foundation does: 60,000 broken texts", arguments: [11, 12, 13] as [UInt64])
    func mutated(seed: UInt64) {
        var random = RandomJSON(seed: seed)
        var accepted = 0
        for _ in 0..<20_000 {
            let original = random.text(maxDepth: 2)
            let text = random.mutated(original)
            let isAccepted = scan(text) != nil
            accepted += isAccepted ? 1 : 0
            guard isAccepted != (foundation(text) != nil), !Self.isKnownDifference(text, isAccepted: isAccepted) else {
                continue
            }
            Issue.record("\(isAccepted ? "accepted" : "refused"): \(text.debugDescription)")
        }
        // Both answers must have been tried.
        #expect(1000...19_000 ~= accepted)
    }

    /// Where Foundation and RFC 8259 part ways. It refuses a lone surrogate and a number past Double's range, which the
    /// grammar allows; it accepts a comma before the end of a list, and takes a NUL for a sign of UTF-16.
    private static func isKnownDifference(_ text: String, isAccepted: Bool) -> Bool {
        let pattern = isAccepted ? #"\\u[dD][89a-fA-F]|[eE]\+?\d{3,}"# : #",\s*[\]}]|\x00"#
        return text.range(of: pattern, options: .regularExpression) != nil
    }

    @Test(
        "Edges of the grammar",
        arguments: [
            ("0", true), ("-0", true), ("01", false), ("-", false), ("1.", false), (".1", false), ("1e", false),
            ("1e+", false),
            ("1E+09", true), ("+1", false), ("0x1", false), ("1 ", true), ("1 1", false), ("NaN", false),
            ("Infinity", false),
            ("true", true), ("tru", false), ("truex", false), ("null", true), ("", false), (" ", false),
            ("\u{feff}1", false),
            ("\"\"", true), ("\"", false), ("\"a", false), ("\"\u{1f}\"", false), ("\"\n\"", false), ("\"\t\"", false),
            ("\"\u{7f}\"", true), (#""\x""#, false), (#""\u12""#, false), (#""\u12G4""#, false), (#""\u"#, false),
            (#""\ud800""#, true), (#""\udc00\ud800""#, true), (#""\""#, false), (#""\\""#, true), ("'a'", false),
            ("[]", true), ("[,]", false), ("[1,]", false), ("[1 2]", false), ("[1", false), ("]", false), ("{}", true),
            ("{,}", false), (#"{"a"}"#, false), (#"{"a":}"#, false), (#"{"a":1,}"#, false), (#"{a:1}"#, false),
            (#"{"a":1 "b":2}"#, false), (#"{"a":1,"a":2}"#, true), ("{\"a\":1}\u{0}", false), ("/**/1", false),
            ("\u{a0}1", false), ("[1]x", false),
        ]
    )
    func grammar(text: String, isValid: Bool) {
        #expect((scan(text) != nil) == isValid, "\(text)")
    }

    @Test("Strings of every length and quote position are measured right, on both sides of the eight-byte step")
    func stringLengths() {
        for length in 0...40 {
            for special in 0...length {
                var text = String(repeating: "a", count: length)
                #expect(scan("\"\(text)\"") == .string)
                guard special < length else { continue }
                let index = text.index(text.startIndex, offsetBy: special)
                text.replaceSubrange(index...index, with: "\"")
                #expect(scan("\"\(text)\"") == nil)
                text.replaceSubrange(index...index, with: "\u{1f}")
                #expect(scan("\"\(text)\"") == nil)
                text.replaceSubrange(index...index, with: "\\n")
                #expect(scan("\"\(text)\"") == .string)
            }
        }
    }

    @Test("Nesting is accepted to 32 and refused at 33, whatever it is made of")
    func nesting() {
        func nested(_ depth: Int, _ open: String, _ close: String) -> String {
            String(repeating: open, count: depth) + "1" + String(repeating: close, count: depth)
        }
        #expect(scan(nested(32, "[", "]")) == .array)
        #expect(scan(nested(33, "[", "]")) == nil)
        #expect(scan(nested(32, #"{"a":"#, "}")) == .object)
        #expect(scan(nested(33, #"{"a":"#, "}")) == nil)
        #expect(scan(String(repeating: "[", count: 100_000)) == nil)
    }

    @Test("String literals decode as Foundation decodes them: 20,000 of them")
    func literals() throws {
        var random = RandomJSON(seed: 21)
        for _ in 0..<20_000 {
            let literal = random.string()
            var contents = String(literal.dropFirst().dropLast())
            let (string, count, isBlank) = contents.withUTF8 { bytes in
                let literal = JSONStringLiteral(contents: UnsafeRawBufferPointer(bytes))
                return (literal.string, literal.decodedByteCount, literal.isBlank)
            }
            let expected = try #require(foundation(literal) as? String)
            #expect(string == expected)
            #expect(count == expected.utf8.count)
            #expect(
                isBlank == expected.unicodeScalars.allSatisfy { " \n\r\t\u{0c}\u{2028}".unicodeScalars.contains($0) }
            )
        }
    }

    @Test("Lone surrogates decode to the replacement character")
    func loneSurrogates() {
        for (contents, expected) in [
            (#"a\ud800b"#, "a\u{fffd}b"), (#"\udc00"#, "\u{fffd}"), (#"\ud83d\ud83d\ude42"#, "\u{fffd}🙂"),
            (#"\ud800\u0041"#, "\u{fffd}A"),
        ] {
            var contents = contents
            contents.withUTF8 { bytes in
                let literal = JSONStringLiteral(contents: UnsafeRawBufferPointer(bytes))
                #expect(literal.string == expected)
                #expect(literal.decodedByteCount == expected.utf8.count)
            }
        }
    }
}

@Suite("The UTF-8 validator")
struct UTF8ValidatorTests {
    private func isValid(_ pieces: [[UInt8]]) -> Bool {
        var validator = UTF8Validator()
        return pieces.allSatisfy { piece in piece.withUnsafeBytes { validator.accept($0) } } && validator.isComplete
    }

    @Test("It agrees with the standard library on 50,000 random byte strings, whole and in two pieces")
    func random() {
        var generator = SeededGenerator(seed: 31)
        let leads: [UInt8] = [
            0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee,
            0xef, 0xf0,
            0xf1, 0xf3, 0xf4, 0xf5, 0xff,
        ]
        var valid = 0
        for _ in 0..<50_000 {
            let count = Int.random(in: 1...6, using: &generator)
            var bytes = [UInt8](repeating: 0x61, count: Int.random(in: 0...9, using: &generator))
            for _ in 0..<count { bytes.append(leads.randomElement(using: &generator)!) }
            let expected = String(validating: bytes, as: UTF8.self) != nil
            valid += expected ? 1 : 0
            if isValid([bytes]) != expected { Issue.record("\(bytes)") }
            let cut = Int.random(in: 0...bytes.count, using: &generator)
            if isValid([Array(bytes[..<cut]), Array(bytes[cut...])]) != expected { Issue.record("\(bytes) at \(cut)") }
        }
        #expect(1000...49_000 ~= valid)
    }

    @Test("Every code point is accepted in one piece and byte by byte")
    func everyCodePoint() {
        for value in stride(from: UInt32(0), through: 0x10ffff, by: 1) {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let bytes = Array(String(scalar).utf8)
            if !isValid([bytes]) || !isValid(bytes.map { [$0] }) { Issue.record("U+\(String(value, radix: 16))") }
        }
    }
}
