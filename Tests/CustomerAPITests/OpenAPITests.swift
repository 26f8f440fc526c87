import Foundation
import Testing

/// `openapi.yaml` against the routes that there are. What it says about each of them, EndToEndTests has schemathesis check.
@Suite("openapi.yaml")
struct OpenAPITests {
    /// Such as `GET /api/v1/customers/{id}`.
    typealias Routes = Set<String>

    @Test("Has every route of the program, and no other")
    func routes() throws {
        let described = try Self.described()
        #expect(described.count > 40)
        #expect(try described.sorted() == Self.registered().sorted())
    }

    @Test("A path refuses each method that is not described, and names those that are")
    func methods() async throws {
        let described = try Dictionary(grouping: Self.described()) { $0.split(separator: " ")[1] }
        try await TestAPI.run { api in
            let token = try await api.agentToken("admin", role: .admin)
            for (path, routes) in described {
                let path = String(path).replacing(/\{[a-z]+\}/, with: "00000000-0000-4000-8000-000000000000")
                #expect(try await api.call("TRACE", path, token: token).status == 405, "\(path)")
                let answer = try await api.call("PATCH", path, token: token)
                #expect(answer.status == 405, "\(path)")
                let allowed = Set((answer.headers["allow"] ?? "").split(separator: ",").map { $0.trimmed })
                let methods = Set(routes.map { String($0.split(separator: " ")[0]) })
                // HEAD goes with GET, and pages of other origins ask by OPTIONS.
                #expect(allowed.subtracting(["HEAD", "OPTIONS"]) == methods, "\(path)")
            }
        }
    }

    static func described() throws -> Routes {
        var routes: Routes = []
        var path = ""
        for line in try text("openapi.yaml").split(separator: "\n") {
            if let match = line.wholeMatch(of: #/  (/[^ :]*):/#) { path = String(match.output.1) }
            if let match = line.wholeMatch(of: #/    (get|post|put|delete|patch):/#) {
                routes.insert("\(match.output.1.uppercased()) \(path)")
            }
        }
        return routes
    }

    /// As the sources register them: `group.get("customers/:id")` below `/api/v1`, `router.get("health")` as it is.
    private static func registered() throws -> Routes {
        var routes: Routes = []
        let folder = root.appending(path: "Sources/CustomerAPI")
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.path) where name.hasSuffix(".swift") {
            let source = try text(name)
            for match in source.matches(of: /(group|router|open)\.(get|post|put|delete|patch)\("([^"]*)"\)/) {
                let path = match.output.3.replacing(/:([a-zA-Z]+)/) { "{\($0.output.1)}" }
                let prefix = match.output.1 == "router" ? "/" : "/api/v1/"
                routes.insert("\(match.output.2.uppercased()) \(prefix)\(path)")
            }
            // The pages, in a table.
            for match in source.matches(of: /\("([a-z.]*)", "[a-z]+\.(?:html|js)"\)/) {
                routes.insert("GET /\(match.output.1)")
            }
        }
        return routes
    }

    private static let root = URL(filePath: #filePath).appending(path: "../../..").standardized

    private static func text(_ name: String) throws -> String {
        try String(contentsOf: root.appending(path: "Sources/CustomerAPI/\(name)"), encoding: .utf8)
    }
}

extension StringProtocol {
    fileprivate var trimmed: String { trimmingCharacters(in: .whitespaces) }
}
