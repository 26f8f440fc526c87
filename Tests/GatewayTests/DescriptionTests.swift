import Foundation
import Gateway
import NIOCore
import Testing

@Suite("What describes the gateway")
struct DescriptionTests {
    @Test(
        "asyncapi.yaml lists every close code, and says rightly whether the client may return",
        arguments: CloseCode.allCases
    )
    func closeCodes(code: CloseCode) throws {
        let rows = try text("Sources/CustomerAPI/asyncapi.yaml").split(separator: "\n")
            .map { $0.drop { $0 == " " } }.filter { $0.hasPrefix("| \(code.rawValue) | ") }
        #expect(rows.count == 1)
        #expect(rows.first?.hasSuffix("| **no** |") == !code.clientMayReturn)
    }

    @Test("asyncapi.yaml has every frame that clients of the full dialect send, and the gateway reads each of them")
    func clientFrames() throws {
        let described = try frames("client")
        // What the decoder knows, it names in what it says about a frame.
        let source = try text("Sources/Gateway/ClientMessage.swift")
        let known = Set(source.matches(of: /type: "([a-z_]+)"/).map { String($0.output.1) })
        #expect(described == known)
        #expect(described.count >= 6)
        for type in described.union(["nonsense"]) {
            let frame = ByteBuffer(string: #"{"type":"\#(type)"}"#)
            let error = #expect(throws: ClientMessageError.self) { try ClientMessage.decode(frame, dialect: .full) }
            #expect((error?.code == .unknownType) == (type == "nonsense"), "\(type)")
        }
    }

    @Test("asyncapi.yaml has every frame that the gateway sends, and no other")
    func serverFrames() throws {
        let folder = root.appending(path: "Sources/Gateway")
        let sent = try FileManager.default.contentsOfDirectory(atPath: folder.path)
            .filter { $0.hasPrefix("ServerMessage") }
            .flatMap { name in
                try text("Sources/Gateway/\(name)").matches(of: /(?:\(#"{"type":|\(type: )"([a-z_]+)"/).map {
                    String($0.output.1)
                }
            }
        // The principal of `welcome` has a type as well.
        #expect(try frames("server") == Set(sent).subtracting(["customer", "agent"]))
    }

    @Test("asyncapi.yaml has every code of a frame that is refused, and people are told each in their language")
    func errorCodes() throws {
        let yaml = try text("Sources/CustomerAPI/asyncapi.yaml")
        let codes = try #require(yaml.firstMatch(of: /errorCode:\n.*\n +enum:\n((?: +- [a-z_]+\n)+)/)).output.1
        let described = Set(codes.matches(of: /- ([a-z_]+)/).map { String($0.output.1) })
        let source = try text("Sources/Gateway/ClientMessage.swift")
        for match in source.matches(of: /case [a-zA-Z]+ = "([a-z_]+)"/) {
            #expect(described.contains(String(match.output.1)))
        }
        let chinese = try text("Sources/Gateway/ServerMessage+Errors.swift")
        for code in described {
            #expect(chinese.contains("case \"\(code)\""), "\(code)")
            #expect(yaml.contains("`\(code)`"), "\(code)")
        }
    }

    /// The `type` of each frame of the full dialect that asyncapi.yaml describes.
    ///
    /// - Parameter side: who sends it; the names of clients' frames begin with `client` there.
    private func frames(_ side: String) throws -> Set<String> {
        let yaml = try text("Sources/CustomerAPI/asyncapi.yaml")
        let components = try #require(yaml.firstRange(of: "\ncomponents:\n"))
        let messages = yaml[components.upperBound...]
        let pattern = /\n    ([a-z][A-Za-z]*):\n      title: ([a-z_]+)\n/
        return Set(
            messages.matches(of: pattern).filter {
                !$0.output.1.hasPrefix("guide") && $0.output.1.hasPrefix("client") == (side == "client")
            }.map { String($0.output.2) }
        )
    }

    @Test("README.md has every setting as --help tells it", arguments: Gateway.Configuration.settings.map(\.name))
    func settings(name: String) throws {
        let setting = try #require(Gateway.Configuration.settings.first { $0.name == name })
        // A default that is no value but words stands without quotes.
        let words = setting.defaultValue.isEmpty ? "–" : setting.defaultValue
        let value = words == "–" || words.contains(" ") ? words : "`\(words)`"
        #expect(
            try text("README.md").contains(
                "| `\(name)` | \(setting.type)\(setting.isSecret ? "; secret" : "") | \(value) | \(setting.meaning) |\n"
            )
        )
    }

    @Test("README.md has the key table of Keyspace.swift")
    func keys() throws {
        let readme = try text("README.md").split(separator: "\n")
        let rows = try text("Sources/Messaging/Keyspace.swift").split(separator: "\n").filter {
            $0.hasPrefix("/// | `")
        }
        #expect(rows.count > 20)
        for row in rows {
            // Key and type: what a key holds may be said in other words there.
            let start = row.dropFirst(4).split(separator: "|").prefix(2).joined(separator: "|")
            #expect(readme.contains { $0.hasPrefix("|\(start)|") }, "\(start)")
        }
    }

    private let root = URL(filePath: #filePath).appending(path: "../../..").standardized

    private func text(_ path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }
}
