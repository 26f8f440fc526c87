import CustomerAPI
import Foundation
import Messaging
import Testing

@Suite("What every answer tells browsers")
struct AnswerHeadersTests {
    private static let origin = "https://shop.example.com"
    private static let data = "default-src 'none'; frame-ancestors 'none'"

    /// - Parameter answer: of a head's lines or of ``Answer``: by lower-case names.
    private func expectHeaders(_ headers: [String: String], policy: String?, cache: String, _ what: String) {
        #expect(headers["x-content-type-options"] == "nosniff", "\(what)")
        #expect(headers["referrer-policy"] == "no-referrer", "\(what)")
        #expect(headers["content-security-policy"] == policy, "\(what)")
        #expect(headers["cache-control"] == cache, "\(what)")
    }

    @Test("Each route says that nothing is guessed, framed, run or kept; pages and files have rules of their own")
    func routes() async throws {
        let routes = try OpenAPITests.described()
        try await TestAPI.run { api in
            let token = try await api.agentToken("admin", role: .admin)
            for route in routes {
                let words = route.split(separator: " ").map(String.init)
                let (method, described) = (words[0], words[1])
                let path = described.replacing("{file}", with: "widget.js")
                    .replacing(/\{[a-z]+\}/, with: "00000000-0000-4000-8000-000000000000")
                let answer = try await api.call(method, path, token: token)
                let isFile = ["/", "/console", "/widget.js", "/web/{file}"].contains(described)
                let isDescription = described.hasSuffix(".yaml")
                let isPage = answer.headers["content-type"]?.hasPrefix("text/html") == true
                if isPage { #expect(answer.headers["content-security-policy"]?.contains("script-src 'self'") == true) }
                expectHeaders(
                    answer.headers,
                    policy: isPage ? answer.headers["content-security-policy"] : Self.data,
                    cache: isFile || isDescription ? "no-cache" : "no-store",
                    route
                )
                expectHeaders(
                    try await api.call("TRACE", path).headers,
                    policy: Self.data,
                    cache: "no-store",
                    "TRACE \(path)"
                )
            }
            for path in ["/nowhere", "/api/v1/nowhere", "/web/nowhere"] {
                let answer = try await api.call("GET", path)
                #expect(answer.status == 404)
                expectHeaders(answer.headers, policy: Self.data, cache: "no-store", path)
            }
        }
    }

    private typealias BrokenAnswer = (status: String, headers: [String: String])

    /// The answers to some bytes, each on a connection of its own; headers by lower-case names.
    private func answers(_ api: TestAPI, to requests: [String]) async throws -> [BrokenAnswer] {
        var connections: [RawConnection] = []
        for bytes in requests {
            let connection = try RawConnection(port: api.port)
            await connection.write(bytes)
            connections.append(connection)
        }
        var answers: [BrokenAnswer] = []
        for connection in connections {
            let lines = await connection.readAnswer().head.split(whereSeparator: \.isNewline)
            let fields = lines.dropFirst().compactMap { line -> (String, String)? in
                guard let colon = line.firstIndex(of: ":") else { return nil }
                let value = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
                return (line[..<colon].lowercased(), value)
            }
            let headers = Dictionary(fields, uniquingKeysWith: { $1 })
            answers.append((lines.first.map(String.init) ?? "", headers))
        }
        return answers
    }

    /// What is no HTTP at all; what is none any more after a head; what does not arrive. The last two have an origin.
    private static func broken(_ origin: String) -> [(bytes: String, status: String, isKnown: Bool)] {
        let head = "POST /api/v1/public/customer-token HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        return [
            ("GET / HTTP/9.9\r\nOrigin: \(origin)\r\n\r\n", "HTTP/1.1 400", false),
            ("\(head)Origin: \(origin)\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "HTTP/1.1 400", true),
            ("GET /health HTTP/1.1\r\nHost: x\r\nOrigin: \(origin)\r\nX: ", "HTTP/1.1 408", false),
            ("\(head)Origin: \(origin)\r\nContent-Length: 100\r\n\r\n{", "HTTP/1.1 408", true),
        ]
    }

    @Test("What is no request, or does not arrive, is refused with the same headers; to any origin where any may ask")
    func broken() async throws {
        try await TestAPI.run { api in
            let broken = Self.broken(Self.origin)
            for (request, answer) in zip(broken, try await answers(api, to: broken.map(\.bytes))) {
                #expect(answer.status.hasPrefix(request.status), "\(request.bytes)")
                expectHeaders(answer.headers, policy: Self.data, cache: "no-store", request.bytes)
                #expect(answer.headers["access-control-allow-origin"] == "*")
            }
        }
    }

    @Test("With ALLOWED_ORIGINS what is no request is refused to these origins only, as far as the request is known")
    func brokenOfOrigins() async throws {
        let origins = try AllowedOrigins(Self.origin)
        try await TestAPI.run {
            $0.allowedOrigins = origins
        } _: { api in
            let asking = [Self.origin, "https://evil.example.com"]
            let broken = asking.flatMap { origin in Self.broken(origin).map { (origin, $0) } }
            for ((origin, request), answer) in zip(broken, try await answers(api, to: broken.map(\.1.bytes))) {
                #expect(answer.status.hasPrefix(request.status), "\(request.bytes)")
                let allowed = request.isKnown && origin == Self.origin ? origin : nil
                #expect(answer.headers["access-control-allow-origin"] == allowed, "\(request.bytes)")
                #expect(answer.headers["vary"] == "Origin")
            }
        }
    }
}
