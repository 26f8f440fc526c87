/// A text that agents send often, under a short word. All agents share them.
package struct CannedAnswer: Sendable, Equatable, Identifiable {
    package let id: UniqueID
    /// 1 to ``maxShortcutCharacters`` letters of any script, digits, `-` and `_`; no two differ in case only.
    /// Compared by code points: a letter with its accent as one and as two are two.
    package let shortcut: String
    /// 1 to ``maxContentCharacters``.
    package let content: String
    package let updatedAt: Timestamp

    /// Unicode scalars.
    package static let maxShortcutCharacters = 32
    /// Unicode scalars.
    package static let maxContentCharacters = 4000
    /// How many there may be; one more is refused.
    package static let maxAnswers = 500

    /// Whether a text can be a shortcut.
    package static func isShortcut(_ text: String) -> Bool {
        1...maxShortcutCharacters ~= text.unicodeScalars.count && text.unicodeScalars.first.map(isMark) == false
            && text.unicodeScalars.allSatisfy { scalar in
                switch scalar.properties.generalCategory {
                case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter,
                    .decimalNumber,
                    // Vowel signs and accents are part of their letter.
                    .nonspacingMark, .spacingMark:
                    true
                default: scalar == "-" || scalar == "_"
                }
            }
    }

    /// A vowel sign or an accent, which has its letter before it.
    private static func isMark(_ scalar: Unicode.Scalar) -> Bool {
        [.nonspacingMark, .spacingMark].contains(scalar.properties.generalCategory)
    }

    /// Reads a record: `MS SHORTCUT`, a line feed, the content.
    init?(id: UniqueID, record: String) {
        // By bytes: a space or line feed with an accent after it is no Character of its own.
        let bytes = record.utf8
        guard let lineFeed = bytes.firstIndex(of: UInt8(ascii: "\n")),
            let space = bytes[..<lineFeed].firstIndex(of: UInt8(ascii: " ")),
            let updatedAt = Int(Substring(bytes[..<space]))
        else { return nil }
        self.id = id
        shortcut = String(Substring(bytes[bytes.index(after: space)..<lineFeed]))
        content = String(Substring(bytes[bytes.index(after: lineFeed)...]))
        self.updatedAt = Timestamp(milliseconds: updatedAt)
    }
}
