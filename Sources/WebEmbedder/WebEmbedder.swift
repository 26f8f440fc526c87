import FoundationEssentials
import Glibc

/// `WebEmbedder OUTPUT FILE…`: writes a Swift source with the contents of all files, by their names. For the plugin
/// `EmbedWeb`.
///
/// Exit code 1, with the reason on stderr, where a file can't be read or is not UTF-8.
@main
struct WebEmbedder {
    static func main() {
        do {
            let paths = Array(CommandLine.arguments.dropFirst())
            try Data(source(of: paths.dropFirst()).utf8).write(to: URL(filePath: paths[0]), options: .atomic)
        } catch {
            let line = Array("WebEmbedder: \(error)\n".utf8)
            _ = write(STDERR_FILENO, line, line.count)
            exit(1)
        }
    }

    private struct NotText: Error { let path: String }

    private static func source(of paths: some Sequence<String>) throws -> String {
        var source = "/// The files of the folder Web, by name.\nenum EmbeddedWebFiles {\n"
        source += "    static let contents: [(name: String, text: StaticString)] = [\n"
        for path in paths {
            let url = URL(filePath: path)
            guard let text = String(validating: try Data(contentsOf: url), as: UTF8.self) else {
                throw NotText(path: path)
            }
            source += "        (\"\(url.lastPathComponent)\", \"\(escaped(text))\"),\n"
        }
        return source + "    ]\n}\n"
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
