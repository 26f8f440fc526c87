import Foundation

/// `WebEmbedder OUTPUT FILE…`: writes a Swift source with the contents of all files, by their names. For the plugin
/// `EmbedWeb`.
///
/// Exit code 1, with the file's name on stderr, for one that can't be read or is not UTF-8.
@main
struct WebEmbedder {
    static func main() throws {
        let paths = CommandLine.arguments.dropFirst()
        guard let output = paths.first else { exit(2) }
        var source = "/// The files of the folder Web, by name.\nenum EmbeddedWebFiles {\n"
        source += "    static let contents: [(name: String, text: StaticString)] = [\n"
        for path in paths.dropFirst() {
            let url = URL(fileURLWithPath: path)
            guard let text = String(data: try Data(contentsOf: url), encoding: .utf8) else {
                FileHandle.standardError.write(Data("\(path) is not UTF-8 text\n".utf8))
                exit(1)
            }
            source += "        (\"\(url.lastPathComponent)\", \"\(escaped(text))\"),\n"
        }
        source += "    ]\n}\n"
        try Data(source.utf8).write(to: URL(fileURLWithPath: output), options: .atomic)
    }

    /// The text as it stands between the quotes of a string literal.
    private static func escaped(_ text: String) -> String {
        var literal = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": literal += "\\\\"
            case "\"": literal += "\\\""
            case "\n": literal += "\\n"
            case _ where scalar.value < 0x20 || scalar.value == 0x7f:
                literal += "\\u{\(String(scalar.value, radix: 16))}"
            default: literal.unicodeScalars.append(scalar)
            }
        }
        return literal
    }
}
