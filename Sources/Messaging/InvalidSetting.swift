/// A part of a setting that cannot be meant as it is written.
package struct InvalidSetting: Error, Equatable, Sendable {
    /// The part at fault, as it was written.
    package let value: String
    /// What it must be instead, to be read after "must be".
    package let expected: String

    package init(value: String, expected: String) {
        self.value = value
        self.expected = expected
    }
}
