/// A text that agents send often, under a short word. All agents share them.
package struct CannedAnswer: Sendable, Equatable, Identifiable {
    package let id: UniqueID
    /// 1 to ``maxShortcutCharacters`` letters of any script, digits, `-` and `_`; no two differ in case only.
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
        1...maxShortcutCharacters ~= text.unicodeScalars.count
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

    /// Reads a record: `MS SHORTCUT`, a line feed, the content.
    init?(id: UniqueID, record: String) {
        let lines = record.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
        let words = lines[0].split(separator: " ")
        guard lines.count == 2, words.count == 2, let updatedAt = Int(words[0]) else { return nil }
        self.id = id
        shortcut = String(words[1])
        content = String(lines[1])
        self.updatedAt = Timestamp(milliseconds: updatedAt)
    }
}
