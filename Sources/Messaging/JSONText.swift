/// Writes JSON where no decoder or encoder is needed for it.
package enum JSONText {
    /// `text` as a JSON string literal, quotes included (RFC 8259 §7).
    package static func literal(_ text: String) -> String {
        var json = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": json += "\\\""
            case "\\": json += "\\\\"
            case "\n": json += "\\n"
            case "\r": json += "\\r"
            case "\t": json += "\\t"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                json += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: json.unicodeScalars.append(scalar)
            }
        }
        return json + "\""
    }

    /// The first characters (Unicode scalars) of a JSON string literal, which may be cut off anywhere behind them. Lone
    /// surrogates become U+FFFD.
    package static func beginning(ofLiteral literal: [UInt8], maxCharacters: Int) -> String {
        var text = String.UnicodeScalarView()
        var bytes = literal.dropFirst()[...]
        while text.count < maxCharacters, let first = bytes.first, first != UInt8(ascii: "\"") {
            guard first == UInt8(ascii: "\\") else {
                let length = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2
                text.append(contentsOf: String(decoding: bytes.prefix(length), as: UTF8.self).unicodeScalars)
                bytes = bytes.dropFirst(length)
                continue
            }
            guard let letter = bytes.dropFirst().first else { break }
            bytes = bytes.dropFirst(2)
            switch letter {
            case UInt8(ascii: "b"): text.append("\u{8}")
            case UInt8(ascii: "f"): text.append("\u{c}")
            case UInt8(ascii: "n"): text.append("\n")
            case UInt8(ascii: "r"): text.append("\r")
            case UInt8(ascii: "t"): text.append("\t")
            case UInt8(ascii: "u"):
                var unit = codeUnit(&bytes)
                if 0xd800...0xdbff ~= unit, bytes.starts(with: Array("\\u".utf8)) {
                    var after = bytes.dropFirst(2)
                    let second = codeUnit(&after)
                    if 0xdc00...0xdfff ~= second {
                        unit = 0x10000 + (unit - 0xd800) << 10 + (second - 0xdc00)
                        bytes = after
                    }
                }
                text.append(Unicode.Scalar(unit) ?? "\u{fffd}")
            default: text.append(Unicode.Scalar(letter))
            }
        }
        return String(text)
    }

    /// Four hexadecimal digits.
    private static func codeUnit(_ bytes: inout ArraySlice<UInt8>) -> UInt32 {
        let digits = String(decoding: bytes.prefix(4), as: UTF8.self)
        bytes = bytes.dropFirst(4)
        return UInt32(digits, radix: 16) ?? 0xfffd
    }
}
