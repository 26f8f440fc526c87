import Foundation
import Gateway
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

    @Test("README.md has every setting as --help tells it", arguments: Gateway.Configuration.settings.map(\.name))
    func settings(name: String) throws {
        let setting = try #require(Gateway.Configuration.settings.first { $0.name == name })
        // A default that is no value but words stands without quotes.
        let value = setting.defaultValue.contains(" ") ? setting.defaultValue : "`\(setting.defaultValue)`"
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

    private func text(_ path: String) throws -> String {
        let root = URL(filePath: #filePath).appending(path: "../../..").standardized
        return try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }
}
