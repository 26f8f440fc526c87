import FoundationEssentials

/// Where a secret setting comes from: the variable `NAME`, or else the file whose path is in `NAME_FILE`.
///
/// A file can be kept for one user's eyes; an environment is handed on to every program that is started from there.
/// `NAME` counts, if it is set and not empty; then nobody looks at the file.
package enum SecretFile {
    /// Longer is no secret but some other file.
    package static let maxBytes = 65_536

    /// The value of the setting `name`; `nil` if neither variable is set. A line feed at a file's end does not count.
    ///
    /// - Parameter lookUp: the value of a variable; `nil` or empty if it is not set.
    /// - Throws: ``SecretFileError`` for a file that is not there, may not be read, is empty, too long or not UTF-8.
    package static func value(of name: String, lookUp: (String) -> String?) throws(SecretFileError) -> String? {
        if let value = lookUp(name), !value.isEmpty { return value }
        guard let path = lookUp(name + "_FILE"), !path.isEmpty else { return nil }
        guard let bytes = try? Data(contentsOf: URL(filePath: path)) else {
            throw SecretFileError(setting: name + "_FILE", path: path, problem: "can't be read")
        }
        guard bytes.count <= maxBytes else {
            throw SecretFileError(setting: name + "_FILE", path: path, problem: "has more than \(maxBytes) bytes")
        }
        guard var text = String(bytes: bytes, encoding: .utf8) else {
            throw SecretFileError(setting: name + "_FILE", path: path, problem: "is not UTF-8")
        }
        // A line feed and what may come before it are one character of Swift's.
        if text.last?.isNewline == true { text.removeLast() }
        guard !text.isEmpty else {
            throw SecretFileError(setting: name + "_FILE", path: path, problem: "is empty")
        }
        return text
    }
}

/// A secret's file that is of no use. Names the file, and nothing of what is in it.
package struct SecretFileError: Error, Equatable, CustomStringConvertible {
    /// The variable with its path.
    package let setting: String
    package let path: String
    package let problem: String

    package var description: String { "\(setting) names a file that \(problem): \(path)" }
}
