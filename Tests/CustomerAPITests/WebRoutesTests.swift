import Foundation
import Testing

@Suite("The pages that come with the program")
struct WebRoutesTests {
    private static let folder = URL(filePath: #filePath).appending(path: "../../../Sources/CustomerAPI/Web")
        .standardized

    @Test("Every file of the folder is served as it is, with its type and for pages of any origin")
    func files() async throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path).filter { !$0.hasPrefix(".") }
        #expect(names.count > 2)
        try await TestAPI.run { api in
            let types = [
                "html": "text/html; charset=utf-8", "js": "text/javascript; charset=utf-8",
                "css": "text/css; charset=utf-8",
            ]
            for name in names {
                let answer = try await api.call("GET", "/web/\(name)")
                #expect(answer.status == 200, "\(name)")
                #expect(answer.body == (try Data(contentsOf: Self.folder.appending(path: name))), "\(name)")
                let ending = name.split(separator: ".").last.map(String.init) ?? ""
                if let type = types[ending] { #expect(answer.headers["content-type"] == type) }
                #expect(answer.headers["x-content-type-options"] == "nosniff")
                #expect(answer.headers["access-control-allow-origin"] == "*")
            }
        }
    }

    @Test("The pages have their short addresses, and let no script run but their own files")
    func pages() async throws {
        try await TestAPI.run { api in
            for (path, name) in [("/", "index.html"), ("/console", "console.html"), ("/widget.js", "widget.js")] {
                let answer = try await api.call("GET", path)
                #expect(answer.status == 200, "\(path)")
                #expect(answer.body == (try Data(contentsOf: Self.folder.appending(path: name))), "\(path)")
                let policy = answer.headers["content-security-policy"]
                if name.hasSuffix(".html") {
                    #expect(policy?.contains("default-src 'none'; script-src 'self'; style-src 'self'") == true)
                    #expect(policy?.contains("frame-ancestors 'none'") == true)
                    #expect(policy?.contains("unsafe") == false)
                    #expect(policy?.contains("connect-src 'self';") == true)
                    #expect(answer.headers["referrer-policy"] == "no-referrer")
                }
                #expect(try await api.call("HEAD", path).status == 200)
                #expect(try await api.call("POST", path).status == 405)
            }
        }
    }

    @Test("A browser that has a file is told so, one that has an older one gets it")
    func revalidation() async throws {
        try await TestAPI.run { api in
            let first = try await api.call("GET", "/console")
            let tag = try #require(first.headers["etag"])
            #expect(first.headers["cache-control"] == "no-cache")
            let again = try await api.call("GET", "/console", headers: ["If-None-Match": tag])
            #expect(again.status == 304)
            #expect(again.body.isEmpty)
            #expect(try await api.call("GET", "/console", headers: ["If-None-Match": "\"older\""]).status == 200)
            #expect(try await api.call("GET", "/widget.js").headers["etag"] != tag)
        }
    }

    @Test("What is not in the folder is not there, however it is spelled")
    func missing() async throws {
        try await TestAPI.run { api in
            for path in ["/web/none.js", "/web/..%2FApp.swift", "/web/%2e%2e/App.swift", "/web/", "/web/openapi.yaml"] {
                let answer = try await api.call("GET", path)
                #expect(answer.status == 404, "\(path)")
                #expect(answer.code == "not_found")
            }
        }
    }
}
