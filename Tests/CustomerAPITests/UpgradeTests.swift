import Foundation
import Testing

/// Requests after which the HTTP parser takes what comes for something else.
@Suite("Requests for another protocol")
struct UpgradeTests {
    @Test(
        "Who asks for another protocol, or for a tunnel, is answered, and told that the connection ends; then it does",
        arguments: [
            ("GET /health HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", "200"),
            ("GET /health HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", "200"),
            (
                "POST /api/v1/agents/login HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: x\r\n"
                    + "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}", "400"
            ),
            ("CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n", "404"),
        ]
    )
    func ends(request: String, status: String) async throws {
        try await TestAPI.run { api in
            let connection = try RawConnection(port: api.port)
            let plain = "GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
            await connection.write("\(plain)\(request)\(plain)")
            let first = await connection.readAnswer()
            #expect(first.head.hasPrefix("HTTP/1.1 200"))
            #expect(!first.head.lowercased().contains("connection: close"))
            let answer = await connection.readAnswer()
            #expect(answer.head.hasPrefix("HTTP/1.1 \(status)"))
            #expect(answer.head.lowercased().contains("\r\nconnection: close\r\n"))
            #expect(await connection.readAnswer().head == "")
        }
    }
}
