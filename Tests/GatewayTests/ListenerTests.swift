import Foundation
import Gateway
import Messaging
import NIOCore
import Synchronization
import Testing

@Suite("The listener", .timeLimit(.minutes(10)))
struct ListenerTests {
    private typealias Fixture = ListenerFixture

    /// The `error` object of a refusal's body.
    private static func errorCode(_ response: RawClient.Response) throws -> String? {
        let body = try #require(try JSONSerialization.jsonObject(with: Data(response.body.utf8)) as? [String: Any])
        #expect(body["success"] as? Bool == false)
        let error = try #require(body["error"] as? [String: Any])
        #expect((error["message"] as? String)?.isEmpty == false)
        #expect(!response.body.contains("cust_"))
        return error["code"] as? String
    }

    // MARK: Handshake

    @Test("A good handshake is answered as RFC 6455 §1.3 shows, and the socket works")
    func goodHandshake() async throws {
        try await Fixture.withListener { running in
            let client = try await running.connect()
            try await client.send(Fixture.handshake())
            let response = try await client.readResponse()
            #expect(response.status == 101)
            #expect(response.header("sec-websocket-accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
            #expect(response.header("upgrade") == "websocket")
            #expect(response.header("connection")?.lowercased() == "upgrade")
            #expect(response.header("sec-websocket-protocol") == nil)
            try await client.send(textBytes("who") + textBytes("你好") + frameBytes(.ping, "p".utf8) + closeBytes(1000))
            #expect(try await client.readFrame() == .text("customer 550e8400-e29b-41d4-a716-446655440000 guide"))
            #expect(try await client.readFrame() == .text("你好"))
            #expect(try await client.readFrame() == .pong("p"))
            #expect(try await client.readFrame() == .close(1000))
            #expect(await client.readToEnd().isEmpty)
        }
    }

    @Test("The token is taken from each of its places, and the subprotocol answered")
    func tokenPlaces() async throws {
        try await Fixture.withListener { running in
            for (uri, headers, who, answer) in [
                ("/ws/chat?token=\(Fixture.token)", "", "customer 550e8400-e29b-41d4-a716-446655440000 guide", nil),
                (
                    "/ws/chat", "Authorization: Bearer \(Fixture.agentToken)\r\n",
                    "agent 550e8400-e29b-41d4-a716-446655440000 guide", nil
                ),
                (
                    "/ws/chat", "Sec-WebSocket-Protocol: chat.v2, token.\(Fixture.token)\r\n",
                    "customer 550e8400-e29b-41d4-a716-446655440000 full", "chat.v2"
                ),
                (
                    "/ws/chat", "Sec-WebSocket-Protocol: token.\(Fixture.agentToken)\r\n",
                    "agent 550e8400-e29b-41d4-a716-446655440000 guide", "token.\(Fixture.agentToken)"
                ),
            ] as [(String, String, String, String?)] {
                let client = try await running.connect()
                try await client.send(Fixture.handshake(uri, headers))
                let response = try await client.readResponse()
                #expect(response.status == 101)
                #expect(response.header("sec-websocket-protocol") == answer)
                try await client.send(textBytes("who"))
                #expect(try await client.readFrame() == .text(who))
                try await client.close()
            }
        }
    }

    @Test("Frames right behind the handshake, and a handshake byte by byte, work")
    func unevenBytes() async throws {
        try await Fixture.withListener { running in
            let client = try await running.connect()
            try await client.send(Array(Fixture.handshake().utf8) + textBytes("early"))
            #expect(try await client.readResponse().status == 101)
            #expect(try await client.readFrame() == .text("early"))

            let slow = try await running.connect()
            for byte in Array(Fixture.handshake().utf8) + textBytes("slow") { try await slow.send([byte]) }
            #expect(try await slow.readResponse().status == 101)
            #expect(try await slow.readFrame() == .text("slow"))
        }
    }

    @Test("Refusals have their status, code and headers in the guide's JSON, and close the connection")
    func refusals() async throws {
        try await Fixture.withListener { running in
            let unknown = "cust_00000000-0000-4000-8000-000000000000"
            for (request, status, code, header) in [
                (Fixture.handshake("/ws/chat"), 401, "unauthenticated", "www-authenticate"),
                (Fixture.handshake("/ws/chat?token=nonsense"), 401, "unauthenticated", "www-authenticate"),
                (Fixture.handshake("/ws/chat?token=\(unknown)"), 401, "unauthenticated", "www-authenticate"),
                (
                    Fixture.handshake("/ws/chat?token=\(Fixture.token)", "Authorization: Bearer \(unknown)\r\n"), 401,
                    "unauthenticated", nil
                ),
                (Fixture.handshake("/ws/nope?token=\(Fixture.token)"), 404, "not_found", nil),
                ("GET /ws/chat?token=\(Fixture.token) HTTP/1.1\r\nHost: a\r\n\r\n", 426, "upgrade_required", "upgrade"),
                (
                    Fixture.handshake().replacing("Version: 13", with: "Version: 8"), 426, "upgrade_required",
                    "sec-websocket-version"
                ),
                (Fixture.handshake().replacing(Fixture.key, with: "x"), 400, "bad_request", nil),
                (Fixture.handshake().replacing("Connection: Upgrade\r\n", with: ""), 400, "bad_request", nil),
                (Fixture.handshake().replacing("GET", with: "POST"), 405, "method_not_allowed", "allow"),
                ("\u{16}\u{3}\u{1} garbage\r\n\r\n", 400, "bad_request", nil),
                ("GET / HTTP/1.1\r\nno colon\r\n\r\n", 400, "bad_request", nil),
            ] as [(String, Int, String, String?)] {
                let client = try await running.connect()
                try await client.send(request)
                let response = try await client.readResponse()
                #expect(response.status == status, "\(request)")
                #expect(try Self.errorCode(response) == code, "\(request)")
                #expect(response.header("content-type") == "application/json; charset=utf-8")
                #expect(response.header("connection") == "close")
                if let header { #expect(response.header(header) != nil, "\(request)") }
                #expect(await client.readToEnd().isEmpty)
            }
            #expect(running.listener.admission.connections == 0)
        }
    }

    @Test("A store that is away is a 503 that says when to come back")
    func storeAway() async throws {
        try await Fixture.withListener(authenticate: { _ throws(MessagingError) in
            throw MessagingError(.storeUnavailable, "Away.")
        }) {
            running in
            let response = try await running.ask(Fixture.handshake())
            #expect(response.status == 503)
            #expect(try Self.errorCode(response) == "store_unavailable")
            #expect(response.header("retry-after") == "1")
            #expect(running.listener.admission.connections == 0)
        }
    }

    @Test("A body of 1 MiB is refused with 431 as soon as it is too long, and read past")
    func largeBody() async throws {
        try await Fixture.withListener { running in
            let client = try await running.connect()
            try await client.send("POST /ws/chat HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n")
            try await client.send([UInt8](repeating: 0x61, count: 1_048_576))
            #expect(try await client.readResponse().status == 431)
        }
    }

    // MARK: Limits

    @Test("Past the limit of connections it is 503, until one leaves")
    func overloaded() async throws {
        try await Fixture.withListener(maxConnections: 1) { running in
            let first = try await running.webSocket()
            let response = try await running.ask(Fixture.handshake())
            #expect(response.status == 503)
            #expect(try Self.errorCode(response) == "overloaded")
            #expect(response.header("retry-after") != nil)
            // A bad token is told so in any case.
            #expect(try await running.ask(Fixture.handshake("/ws/chat?token=x")).status == 401)
            try await first.send(closeBytes(1000))
            _ = await first.readToEnd()
            while running.listener.admission.connections > 0 { await Task.yield() }
            _ = try await running.webSocket()
        }
    }

    @Test("A connection that does not finish its request in time is cut; a WebSocket is not")
    func deadline() async throws {
        try await Fixture.withListener(deadline: .seconds(8)) { running in
            let webSocket = try await running.webSocket()
            let silent = try await running.connect()
            let slow = try await running.connect()
            try await slow.send("GET /health HTTP/1.1\r\nHost:")
            let endless = try await running.connect()
            try await endless.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\na")
            let idle = try await running.connect()
            try await idle.send("GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try await idle.readResponse().status == 200)
            for client in [silent, slow, endless, idle] { #expect(await client.readToEnd().isEmpty) }
            // The WebSocket came first, so its time would have been over first.
            try await webSocket.send(textBytes("still here"))
            #expect(try await webSocket.readFrame() == .text("still here"))
        }
    }

    @Test("A client that hangs up while its token is checked leaves nothing behind", arguments: [true, false])
    func hangUp(halfClose: Bool) async throws {
        let (checks, asked) = AsyncStream.makeStream(of: Void.self)
        let (answers, answer) = AsyncStream.makeStream(of: Void.self)
        try await Fixture.withListener(authenticate: { token throws(MessagingError) in
            asked.yield()
            for await _ in answers { break }
            return try await Fixture.authenticate(token)
        }) { running in
            let client = try await running.connect()
            try await client.send(Fixture.handshake())
            for await _ in checks { break }
            #expect(running.listener.admission.connections == 1)
            if halfClose {
                try await client.endInput()
                #expect(await client.readToEnd().isEmpty)
            } else {
                try await client.close()
            }
            answer.finish()
            while running.listener.admission.connections > 0 { await Task.yield() }
        }
    }

    @Test("While reading is paused nothing is taken, and nothing is lost")
    func pause() async throws {
        try await Fixture.withListener { running in
            let client = try await running.webSocket()
            try await client.send(textBytes("pause"))
            #expect(try await client.readFrame() == .text("paused"))
            try await client.send(textBytes("later"))
            #expect(try await client.readFrame() == .text("resuming"))
            #expect(try await client.readFrame() == .text("later"))
        }
    }

    @Test("Broken clients end alone: bad frames and torn connections do not disturb others")
    func isolation() async throws {
        try await Fixture.withListener { running in
            let good = try await running.webSocket()
            for bytes in [
                [UInt8](repeating: 0xff, count: 100), frameBytes(.text, [0xff]),
                [0x81, 0xff, 0, 0, 0, 0, 0, 0xa0, 0, 0, 1, 2, 3, 4],
                Array(textBytes("half").dropLast(2)),
            ] {
                let bad = try await running.webSocket()
                // The server may be faster with its end.
                try? await bad.send(bytes)
                try? await bad.endInput()
                _ = await bad.readToEnd()
            }
            try await good.send(textBytes("fine"))
            #expect(try await good.readFrame() == .text("fine"))
        }
    }

    @Test("A frame too long gets its close frame before the connection ends, however much is sent")
    func closeFrameArrives() async throws {
        try await Fixture.withListener { running in
            let client = try await running.webSocket()
            try await client.send([0x81, 0xff, 0, 0, 0, 0, 0, 0xa0, 0, 0, 1, 2, 3, 4])
            // The client may hear the server's end while it still sends.
            try? await client.send([UInt8](repeating: 0, count: 1_048_576))
            #expect(try await client.readFrame().closeCode == 1009)
        }
    }

    // MARK: Limits

    @Test("Pages of other origins are refused with 403, those on the list and programs are not")
    func origins() async throws {
        try await Fixture.withListener(configure: {
            $0.allowedOrigins = try AllowedOrigins("https://shop.example.com")
        }) { running in
            let uri = "/ws/chat?token=\(Fixture.token)"
            for headers in [
                "Origin: https://evil.example\r\n", "Origin: null\r\n",
                "Origin: https://shop.example.com.evil.example\r\n",
                "Origin: https://shop.example.com\r\nOrigin: https://evil.example\r\n",
            ] {
                let refused = try await running.ask(Fixture.handshake(uri, headers))
                #expect(refused.status == 403)
                #expect(try Self.errorCode(refused) == "forbidden")
                #expect(refused.header("x-content-type-options") == "nosniff")
                #expect(refused.header("server") == nil)
            }
            for headers in ["Origin: https://shop.example.com\r\n", ""] {
                try await running.webSocket(uri, headers).close()
            }
        }
    }

    @Test("Each forwarded address has its own limit, and who writes the header without being trusted shares their own")
    func addresses() async throws {
        for (setting, isTrusted) in [(TrustedProxies.defaultSetting, true), ("none", false)] {
            try await Fixture.withListener(configure: {
                $0.clientLimits.handshakesPerSecond = 1
                $0.trustedProxies = try TrustedProxies(setting)
            }) { running in
                var statuses: [Int] = []
                // Each of six comes twice, within what it may. As one they are past it, sooner or later.
                while statuses.count < 12 || !isTrusted && statuses.last == 101 {
                    let headers = "X-Forwarded-For: 198.51.100.9, 203.0.113.\(statuses.count % 6)\r\n"
                    let client = try await running.connect()
                    try await client.send(Fixture.handshake("/ws/chat?token=\(Fixture.token)", headers))
                    let answer = try await client.readResponse()
                    if answer.status == 429 { #expect(answer.header("retry-after") != nil) }
                    statuses.append(answer.status)
                    try? await client.close()
                }
                #expect(statuses.prefix(5).allSatisfy { $0 == 101 })
                #expect(statuses.contains(429) != isTrusted)
            }
        }
    }

    @Test("Who guesses tokens gets 429 from some point on, whatever is tried then")
    func guessing() async throws {
        try await Fixture.withListener(configure: { $0.clientLimits.failedTokensPerMinute = 2 }) { running in
            let unknown = "/ws/chat?token=cust_00000000-0000-4000-8000-000000000000"
            #expect(try await running.ask(Fixture.handshake(unknown)).status == 401)
            #expect(try await running.ask(Fixture.handshake("/ws/chat?token=what")).status == 401)
            let refused = try await running.ask(Fixture.handshake(unknown))
            #expect(refused.status == 429)
            #expect(try Self.errorCode(refused) == "rate_limited")
            #expect(refused.header("retry-after") != nil)
            #expect(try await running.ask(Fixture.handshake()).status == 429)
            #expect(try await running.ask("GET /health HTTP/1.1\r\nHost: a\r\n\r\n").status == 200)
        }
    }

    @Test("A token's connections past the limit are refused, and let in when others have ended")
    func connectionsOfToken() async throws {
        try await Fixture.withListener(configure: { $0.clientLimits.connectionsPerToken = 2 }) { running in
            let first = try await running.webSocket()
            let second = try await running.webSocket()
            let refused = try await running.ask(Fixture.handshake())
            #expect(refused.status == 429)
            #expect(try Self.errorCode(refused) == "limit_reached")
            try await first.close()
            while try await running.ask(Fixture.handshake()).status == 429 {}
            try await second.send(textBytes("still here"))
            #expect(try await second.readFrame() == .text("still here"))
        }
    }

    @Test("A head past 16 KiB is refused with 431, whole or without end, and one of too many lines with 400")
    func largeHead() async throws {
        try await Fixture.withListener { running in
            for head in [
                "GET /ws/chat?token=\(String(repeating: "a", count: 20_000)) HTTP/1.1\r\nHost: a\r\n\r\n",
                "GET /health HTTP/1.1\r\nHost: a\r\nX-A: \(String(repeating: "a", count: 100_000))",
                "GET /health HTTP/1.1\r\n" + (0..<2000).map { "X-\($0): a\r\n" }.joined(),
            ] {
                let refused = try await running.ask(head)
                // The parser has had enough of so many lines before.
                let isParsers = head.hasSuffix("a\r\n")
                #expect(refused.status == (isParsers ? 400 : 431))
                #expect(try Self.errorCode(refused) == (isParsers ? "bad_request" : "too_large"))
            }
            // Nobody comes near it by many small requests: the connection ends before.
            let client = try await running.connect()
            let padding = String(repeating: "a", count: 1000)
            var count = 0
            while true {
                try await client.send("GET /health HTTP/1.1\r\nHost: a\r\nX-A: \(padding)\r\n\r\n")
                let answer = try await client.readResponse()
                #expect(answer.status == 200)
                count += 1
                if answer.header("connection") == "close" { break }
            }
            #expect((7...9).contains(count))
        }
    }

    @Test(
        "What two servers could read differently is refused, and ends the connection",
        arguments: [
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef", "Content-Length: 5, 6\r\n\r\nabcdef",
            "Content-Length: +5\r\n\r\nabcde", "Content-Length: -1\r\n\r\n", "Content-Length: 0x5\r\n\r\nabcde",
            "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", "X-A : b\r\n\r\n", "X-A: b\r\n folded\r\n\r\n",
            "X-A: b\nX-B: c\r\n\r\n", "X-A: b\n\n", "X-A: b\rX-B: c\r\n\r\n", "X-A: b\u{0}c\r\n\r\n", ": b\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\n0;a=\nb\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\n+5\r\nabcde\r\n0\r\n\r\n",
        ]
    )
    func smuggling(rest: String) async throws {
        try await Fixture.withListener { running in
            let client = try await running.connect()
            try await client.send(
                "GET /health HTTP/1.1\r\nHost: a\r\n\(rest)GET /ready HTTP/1.1\r\nHost: a\r\n\r\n"
            )
            let answer = await client.readToEnd()
            #expect(answer.hasPrefix("HTTP/1.1 400 "), "\(answer)")
            #expect(answer.split(separator: "HTTP/1.1 ").count == 1, "\(answer)")
        }
    }

    // MARK: Probes and shutdown

    @Test("Health is always 200, readiness as things are, and the connection stays open for more")
    func probes() async throws {
        let isReady = Mutex(false)
        try await Fixture.withListener(isReady: { isReady.withLock { $0 } }) { running in
            let client = try await running.connect()
            try await client.send("GET /health HTTP/1.1\r\nHost: a\r\n\r\nGET /ready HTTP/1.1\r\nHost: a\r\n\r\n")
            let health = try await client.readResponse()
            #expect(health.status == 200)
            #expect(health.body == #"{"success":true,"data":{"status":"ok"}}"#)
            let unready = try await client.readResponse()
            #expect(unready.status == 503)
            #expect(try Self.errorCode(unready) == "not_ready")
            isReady.withLock { $0 = true }
            try await client.send("GET /ready HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try await client.readResponse().status == 200)
            try await client.send("HEAD /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            let head = await client.readToEnd()
            #expect(head.hasPrefix("HTTP/1.1 200 "))
            #expect(head.hasSuffix("\r\n\r\n"))
        }
    }

    @Test("On shutdown readiness goes, handshakes under way are refused, nobody connects, and open sockets stay")
    func drain() async throws {
        let (checks, asked) = AsyncStream.makeStream(of: Void.self)
        let (answers, answer) = AsyncStream.makeStream(of: Void.self)
        try await Fixture.withListener(authenticate: { token throws(MessagingError) in
            if !token.isCustomer {
                asked.yield()
                for await _ in answers { break }
            }
            return try await Fixture.authenticate(token)
        }) { running in
            let open = try await running.webSocket()
            let probe = try await running.connect()
            try await probe.send("GET /ready HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try await probe.readResponse().status == 200)
            let pending = try await running.connect()
            try await pending.send(Fixture.handshake("/ws/chat?token=\(Fixture.agentToken)"))
            for await _ in checks { break }
            let late = try await running.connect()
            try await late.send("GET")

            await running.services.triggerGracefulShutdown()
            while !running.listener.admission.isDraining { await Task.yield() }
            answer.finish()
            let refused = try await pending.readResponse()
            #expect(refused.status == 503)
            #expect(try Self.errorCode(refused) == "draining")
            try await late.send(Fixture.handshake().dropFirst("GET".count).utf8)
            #expect(try await late.readResponse().status == 503)
            try await probe.send("GET /ready HTTP/1.1\r\nHost: a\r\n\r\n")
            let unready = try await probe.readResponse()
            #expect(unready.status == 503)
            #expect(try Self.errorCode(unready) == "draining")
            try await open.send(textBytes("still here"))
            #expect(try await open.readFrame() == .text("still here"))
            #expect(running.listener.admission.connections == 1)
            while let client = try? await running.connect() { try? await client.close() }
        }
    }
}
