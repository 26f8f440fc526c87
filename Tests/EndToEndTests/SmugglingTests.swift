import Foundation
import Testing

/// Requests that are two, or another one, to whoever reads them next.
@Suite("Request smuggling", .serialized)
struct SmugglingTests {
    @Test("No request is hidden in another, to both programs, directly and by the edge; others get their own answers")
    func plain() async throws {
        try await DirectStack.run(gateways: 1) { direct in
            let smuggling = try await Smuggling(stack: direct.stack)
            let before = try direct.memoryKilobytes()
            let problems = try await smuggling.play(isThorough: true)
            #expect(problems.isEmpty, "\(problems.joined(separator: "\n"))")
            let after = try direct.memoryKilobytes()
            #expect(Set(after.keys) == ["customer-api", "edge", "gateway-1", "redis"])
            for (part, memory) in after { #expect(memory - before[part, default: 0] < 64 * 1024, "\(part)") }
        }
    }

    @Test("Whoever asks for another protocol, or for a tunnel, takes no connection of the edge from others")
    func upgrades() async throws {
        try await DirectStack.run(gateways: 1) { direct in
            let smuggling = try await Smuggling(stack: direct.stack)
            for start in [
                "GET /health HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c",
                "POST /api/v1/agents/login HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: x\r\nContent-Length: 2",
                "CONNECT localhost:80 HTTP/1.1",
            ] {
                for _ in 0..<10 {
                    let connection = try await RawConnection(to: direct.stack.edgePort)
                    try await connection.send(Array("\(start)\r\nHost: localhost:80\r\n\r\n{}".utf8))
                    _ = try await connection.status()
                    try? await connection.close()
                }
                for _ in 0..<3 {
                    let problems = try await smuggling.askOthers()
                    #expect(problems.isEmpty, "\(start): \(problems)")
                }
            }
        }
    }

    @Test("Nor is one by HTTP/2: what HTTP/1.1 has no form for ends its stream")
    func downgrades() async throws {
        let certificates = try await Certificates.make()
        defer { certificates.remove() }
        let edge = ["TLS_CERTS_DIR": certificates.folder.path, "PLAIN_HTTP": "loopback"]
        try await DirectStack.run(gateways: 1, edge: edge) { direct in
            let smuggling = try await Smuggling(stack: direct.stack)
            let (code, output) = try await Program.run(
                "python3",
                [
                    Repository.endToEndTests.appendingPathComponent("Harness/http2-smuggling.py").path,
                    "\(direct.tlsPort)", certificates.authority.path,
                ],
                input: smuggling.request(from: "\(Smuggling.byEdge).{}"),
                timeout: .seconds(300)
            )
            #expect(code == 0, "\(output)")
            let lines = output.split(separator: "\n")
            #expect(lines.count > 50)
            for line in lines {
                let words = line.split(separator: " ", maxSplits: 2)
                switch words[2] {
                case "nothing", "nothing, with trailers": #expect(words[1] == "400", "\(line)")
                // As no path is one, and no tunnel is made.
                case "CONNECT": #expect(["400", "404", "405", "reset"].contains(words[1]), "\(line)")
                default: #expect(["400", "reset", "closed"].contains(words[1]), "\(line)")
                }
            }
            let problems = try await smuggling.smuggled() + smuggling.askOthers()
            #expect(problems.isEmpty, "\(problems)")
        }
    }
}
