import CustomerAPI
import Foundation
import Testing

@Suite("What describes customer-api")
struct DescriptionTests {
    @Test("The description of the WebSocket is served, also to pages of other origins")
    func asyncAPI() async throws {
        try await TestAPI.run { api in
            let answer = try await api.call("GET", "/api/v1/asyncapi.yaml")
            #expect(answer.status == 200)
            #expect(answer.headers["content-type"]?.hasPrefix("application/yaml") == true)
            #expect(answer.headers["access-control-allow-origin"] == "*")
            #expect(String(decoding: answer.body, as: UTF8.self).hasPrefix("asyncapi: 3.0"))
        }
    }

    @Test("README.md has every setting as --help tells it", arguments: Setting.all.map(\.name))
    func settings(name: String) throws {
        let setting = try #require(Setting.all.first { $0.name == name })
        let value = setting.defaultValue.isEmpty ? "–" : "`\(setting.defaultValue)`"
        let type = setting.type + (setting.isSecret ? "; secret" : "")
        #expect(try readme().contains("| `\(name)` | \(type) | \(value) | \(setting.meaning) |\n"))
    }

    private func readme() throws -> String {
        let root = URL(filePath: #filePath).appending(path: "../../..").standardized
        return try String(contentsOf: root.appending(path: "README.md"), encoding: .utf8)
    }
}
