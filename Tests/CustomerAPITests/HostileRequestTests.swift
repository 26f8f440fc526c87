import Foundation
import Testing

/// What is not a request, or never becomes one.
@Suite("Hostile requests")
struct HostileRequestTests {
    private static let smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"

    @Test(
        "A request whose end two readers may see in two places is refused, and what follows it is not looked at",
        arguments: [
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
            "Content-Length: 0\r\nContent-Length: 5\r\n\r\n", "Content-Length: +0\r\n\r\n",
            "Content-Length: 0x0\r\n\r\n",
            "Content-Length: 0, 5\r\n\r\n", "Content-Length: -1\r\n\r\n", "Content-Length : 0\r\n\r\n",
            "Content-Length: 99999999999999999999999\r\n\r\n", "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\n5\nabcde\r\n0\r\n\r\n", "X: a\r\n b\r\n\r\n", "X: a\0b\r\n\r\n",
            "X\r\n\r\n",
            ": x\r\n\r\n", "Content-Length: 0\r\nX: a\rb\r\n\r\n",
        ]
    )
    func smuggling(rest: String) async throws {
        try await TestAPI.run { api in
            let connection = try RawConnection(port: api.port)
            await connection.write("POST /api/v1/public/customer-token HTTP/1.1\r\nHost: x\r\n\(rest)\(Self.smuggled)")
            var answers: [String] = []
            while true {
                let answer = await connection.readAnswer()
                if answer.head.isEmpty { break }
                answers.append(answer.head)
            }
            #expect(!answers.contains { $0.hasPrefix("HTTP/1.1 404") }, "\(answers)")
            #expect(answers.last?.hasPrefix("HTTP/1.1 4") == true || answers.isEmpty, "\(answers)")
        }
    }

    @Test(
        "A head that never ends, and a body that never ends, are 408 and the end of the connection; others notice nothing"
    )
    func slow() async throws {
        try await TestAPI.run { api in
            let idle = try RawConnection(port: api.port)
            let head = try RawConnection(port: api.port)
            let body = try RawConnection(port: api.port)
            let begin = ContinuousClock.now
            await head.write("GET /health HTTP/1.1\r\nHost: x\r\nX: ")
            await body.write(
                "POST /api/v1/public/customer-token HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                    + "Content-Length: 100\r\n\r\n{"
            )
            // Bytes that trickle in don't help.
            let trickle = Task {
                while !Task.isCancelled {
                    await head.write("a")
                    await body.write(" ")
                    try? await Task.sleep(for: .milliseconds(500))
                }
            }
            let refusal = await head.readAnswer()
            #expect(refusal.head.hasPrefix("HTTP/1.1 408"))
            #expect(refusal.body.contains(#""code":"request_timeout""#))
            #expect(await head.isClosed())
            // 5 s; on a machine that is busy some more.
            let wait = ContinuousClock.now - begin
            #expect(wait > .seconds(4) && wait < .seconds(20))
            await idle.write("GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(await idle.readAnswer().head.hasPrefix("HTTP/1.1 200"))
            #expect(await body.readAnswer().head.hasPrefix("HTTP/1.1 408"))
            #expect(await body.isClosed())
            trickle.cancel()
        }
    }

    @Test("Who asks for much and reads nothing is cut off; who reads slowly gets all of it", .timeLimit(.minutes(10)))
    func unread() async throws {
        try await TestAPI.run { api in
            let page = try await api.call("GET", "/api/v1/openapi.yaml").body.count
            // More than the sockets take.
            let count = 32 * 1024 * 1024 / page
            let request = "GET /api/v1/openapi.yaml HTTP/1.1\r\nHost: x\r\n\r\n"
            let unread = try RawConnection(port: api.port)
            let slow = try RawConnection(port: api.port)
            for connection in [unread, slow] { await connection.write(String(repeating: request, count: count)) }
            let line = "Closed a connection whose client takes nothing of its answer"
            var got = 0
            while !api.logs.all.contains(where: { $0.contains(line) }) {
                got += await slow.readBytes(atMost: 16 * 1024)
                try await Task.sleep(for: .milliseconds(500))
            }
            while got < count * page {
                let bytes = await slow.readBytes(atMost: 1024 * 1024)
                try #require(bytes > 0, "\(got) of \(count * page)")
                got += bytes
            }
            var rest = 0
            while case let bytes = await unread.readBytes(atMost: 1024 * 1024), bytes > 0 { rest += bytes }
            #expect(rest < count * page)
            #expect(api.logs.all.count { $0.contains(line) } == 1)
        }
    }

    @Test("Answers name neither the server nor its version")
    func banner() async throws {
        try await TestAPI.run { api in
            for path in ["/", "/health", "/nothing", "/api/v1/customers", "/console"] {
                let answer = try await api.call("GET", path)
                for name in ["server", "x-powered-by", "via"] { #expect(answer.headers[name] == nil) }
            }
        }
    }
}
