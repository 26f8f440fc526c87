import Foundation
import Testing

@Suite("HTTP itself")
struct ProtocolTests {
    @Test(
        "Anything but JSON is refused with 415",
        arguments: [
            "application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x", "application/jsonp",
        ]
    )
    func contentType(type: String) async throws {
        try await TestAPI.run { api in
            let answer = try await api.call(
                "POST",
                "/api/v1/public/customer-token",
                body: "{}",
                headers: ["Content-Type": type]
            )
            #expect(answer.status == 415)
            #expect(answer.code == "unsupported_media_type")
            #expect(answer.message.contains("Content-Type: application/json"))
        }
    }

    @Test("A body of 1 MiB is refused with 413, and the connection goes on")
    func largeBody() async throws {
        try await TestAPI.run { api in
            let connection = try RawConnection(port: api.port)
            for framing in ["Content-Length: 1048576", "Transfer-Encoding: chunked"] {
                await connection.write(
                    "POST /api/v1/public/customer-token HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                        + framing + "\r\n\r\n"
                )
                let body = [UInt8](repeating: UInt8(ascii: "a"), count: 1_048_576)
                if framing.hasPrefix("Transfer") {
                    await connection.write("100000\r\n")
                    await connection.write(body)
                    await connection.write("\r\n0\r\n\r\n")
                } else {
                    await connection.write(body)
                }
                let refusal = await connection.readAnswer()
                #expect(refusal.head.hasPrefix("HTTP/1.1 413"))
                #expect(refusal.body.contains(#""code":"body_too_large""#))
            }
            await connection.write("GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(await connection.readAnswer().body == #"{"success":true,"data":{"status":"alive"}}"#)
        }
    }

    @Test(
        "Bytes that are not HTTP get 400 in the envelope and a closed connection; others notice nothing",
        arguments: [
            "garbage\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "\u{1}\u{2}\u{3}\r\n\r\n",
            "GET /health HTTP/1.1\r\nHost: x\r\nX: \(String(repeating: "y", count: 100_000))\r\n\r\n",
        ]
    )
    func garbage(bytes: String) async throws {
        try await TestAPI.run { api in
            let bystander = try RawConnection(port: api.port)
            let connection = try RawConnection(port: api.port)
            await connection.write(bytes)
            let refusal = await connection.readAnswer()
            #expect(refusal.head.hasPrefix("HTTP/1.1 400"))
            #expect(refusal.body.contains(#""code":"malformed_request""#))
            #expect(await connection.isClosed())
            await bystander.write("GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(await bystander.readAnswer().head.hasPrefix("HTTP/1.1 200"))
        }
    }

    @Test("Unknown addresses are 404, unknown methods 405 with those allowed")
    func addresses() async throws {
        try await TestAPI.run { api in
            let nowhere = try await api.call("GET", "/api/v1/nothing")
            #expect(nowhere.status == 404)
            #expect(nowhere.code == "not_found")
            for (path, method, allowed) in [
                ("/api/v1/public/customer-token", "GET", "OPTIONS, POST"),
                ("/api/v1/customers", "DELETE", "GET, HEAD, OPTIONS, POST"),
                ("/health", "POST", "GET, HEAD, OPTIONS"),
            ] {
                let answer = try await api.call(method, path)
                #expect(answer.status == 405)
                #expect(answer.code == "method_not_allowed")
                #expect(answer.headers["allow"] == allowed)
            }
        }
    }

    @Test(
        "A page of another origin may ask: preflight and answers carry CORS headers",
        arguments: [
            "/api/v1/public/customer-token", "/api/v1/customers", "/api/v1/agents/login",
        ]
    )
    func crossOrigin(path: String) async throws {
        try await TestAPI.run { api in
            let preflight = try await api.call(
                "OPTIONS",
                path,
                headers: [
                    "Origin": "null", "Access-Control-Request-Method": "POST",
                    "Access-Control-Request-Headers": "content-type",
                ]
            )
            #expect(preflight.status == 204)
            #expect(preflight.body.isEmpty)
            #expect(preflight.headers["access-control-allow-origin"] == "*")
            #expect(preflight.headers["access-control-allow-headers"]?.hasPrefix("Authorization, Content-Type") == true)
            #expect(preflight.headers["access-control-allow-methods"]?.contains("POST") == true)
            #expect(preflight.headers["access-control-max-age"] == "86400")
            #expect(preflight.headers["access-control-allow-credentials"] == nil)
            #expect(try await api.call("GET", path).headers["access-control-allow-origin"] == "*")
        }
    }

    @Test("Alive and ready need no token")
    func health() async throws {
        try await TestAPI.run { api in
            let alive = try await api.call("GET", "/health")
            #expect(alive.status == 200)
            #expect(alive.data["status"] == "alive")
            let ready = try await api.call("GET", "/ready")
            #expect(ready.status == 200)
            #expect(ready.data["status"] == "ready")
        }
    }

    @Test("The description of the interface names every route")
    func openAPI() async throws {
        try await TestAPI.run { api in
            let answer = try await api.call("GET", "/api/v1/openapi.yaml")
            #expect(answer.status == 200)
            #expect(answer.headers["content-type"]?.hasPrefix("application/yaml") == true)
            let text = String(decoding: answer.body, as: UTF8.self)
            #expect(text.hasPrefix("openapi: 3.1"))
            for path in [
                "/api/v1/public/customer-token", "/api/v1/customers", "/api/v1/customers/{id}",
                "/api/v1/customers/{id}/token", "/api/v1/agents/login", "/api/v1/agents/logout", "/api/v1/agents/me",
                "/api/v1/agents", "/api/v1/agents/{id}", "/api/v1/conversations", "/api/v1/conversations/{id}",
                "/api/v1/conversations/{id}/messages", "/api/v1/conversations/{id}/claim",
                "/api/v1/conversations/{id}/release", "/api/v1/conversations/{id}/resolve",
                "/api/v1/conversations/{id}/transfer", "/api/v1/conversations/{id}/notes",
                "/api/v1/customers/{id}/tokens", "/api/v1/customers/{id}/tokens/{tokenId}", "/api/v1/attachments",
                "/api/v1/attachments/{id}", "/api/v1/colleagues", "/api/v1/canned-answers",
                "/api/v1/canned-answers/{id}", "/api/v1/status", "/", "/widget.js", "/console", "/web/{file}",
                "/api/v1/openapi.yaml",
                "/api/v1/asyncapi.yaml", "/api/v1/audit", "/api/v1/customers/{id}/export",
                "/api/v1/messages", "/health", "/ready",
            ] {
                #expect(text.contains("\n  \(path):\n"), "\(path)")
            }
        }
    }

    @Test("Every path of the description is served")
    func openAPIPaths() async throws {
        try await TestAPI.run { api in
            let text = String(decoding: try await api.call("GET", "/api/v1/openapi.yaml").body, as: UTF8.self)
            let paths = text.split(separator: "\n").filter { $0.hasPrefix("  /") && $0.hasSuffix(":") }
            #expect(paths.count == 37)
            for path in paths {
                let address = path.dropFirst(2).dropLast().replacingOccurrences(of: "{id}", with: "x")
                // 405 says that the address exists.
                #expect(try await api.call("PATCH", address).status == 405, "\(path)")
            }
        }
    }
}
