import Foundation
import Testing

/// What *Attacks* tries by plain HTTP, by the ways of browsers: TLS, and HTTP/2 within it.
@Suite("Attacks by TLS")
struct HostileTLSTests {
    @Test(
        "Foreign pages, bad and compressed frames and others' conversations fare by wss and over HTTP/2 as they do without"
    )
    func webSockets() async throws {
        let certificates = try await Certificates.make()
        defer { certificates.remove() }
        try await DirectStack.run(
            settings: ["ALLOWED_ORIGINS": Attacks.allowedOrigin],
            gateways: 1,
            edge: ["TLS_CERTS_DIR": certificates.folder.path, "PLAIN_HTTP": "loopback"]
        ) { direct in
            let stack = direct.stack
            let pair = try await stack.conversation()
            let (code, output) = try await Program.run(
                "node",
                [
                    Repository.endToEndTests.appendingPathComponent("Harness/hostile-websockets.js").path,
                    "\(direct.tlsPort)", certificates.authority.path, try await stack.newCustomer().token,
                    Attacks.allowedOrigin, pair.conversation,
                ],
                timeout: .seconds(120)
            )
            #expect(code == 0)
            let expected = [("wss", 101), ("http2", 200)].flatMap { way, status in
                [
                    "https://evil.example: 403, no extension", "null: 403, no extension",
                    "\(Attacks.allowedOrigin).evil.example: 403, no extension",
                    "\(Attacks.allowedOrigin): \(status), no extension", "compressed: 1002", "RSV2: 1002",
                    "unmasked: 1002", "binary: 1003", "no UTF-8: 1007", "10 MiB: 1009", "another's: not_found",
                ].map { "\(way) \($0)" }
            }
            #expect(output.split(separator: "\n").map(String.init) == expected)
            try await pair.talk("still")
        }
    }
}
