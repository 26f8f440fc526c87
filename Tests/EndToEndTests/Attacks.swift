import Foundation

/// What somebody who means harm may try against a gateway, from an address of their own. Each tells what came of it.
struct Attacks {
    let stack: Stack
    let pair: Stack.Pair
    /// The gateway believes this machine: a header is an address.
    private let attacker = "X-Forwarded-For: 198.51.100.66"
    private let guesser = "X-Forwarded-For: 198.51.100.77"

    private var port: Int { stack.gatewayPorts[0] }

    static let allowedOrigin = "https://shop.example.com"

    /// What is expected, and what happened instead.
    struct Failed: Error, CustomStringConvertible {
        let description: String
    }

    private func expect(_ isTrue: Bool, _ what: @autoclosure () -> String) throws {
        guard isTrue else { throw Failed(description: what()) }
    }

    private static func handshake(token: String, _ headers: String...) -> [UInt8] {
        let head = [
            "GET /ws/chat?token=\(token) HTTP/1.1", "Host: a", "Upgrade: websocket", "Connection: Upgrade",
            "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ]
        return Array("\((head + headers).joined(separator: "\r\n"))\r\n\r\n".utf8)
    }

    /// Opens connections side by side, sends the same on each, and keeps them open.
    private func open(_ count: Int, _ bytes: @escaping @Sendable (Int) -> [UInt8]) async throws -> [RawConnection] {
        let port = port
        var connections: [RawConnection] = []
        for begin in stride(from: 0, to: count, by: 100) {
            connections += try await withThrowingTaskGroup { group in
                for number in begin..<min(count, begin + 100) {
                    group.addTask {
                        let connection = try await RawConnection(to: port)
                        try? await connection.send(bytes(number))
                        return connection
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
        }
        return connections
    }

    /// How many connections were answered with each status.
    private func statuses(_ connections: [RawConnection]) async throws -> [Int: Int] {
        var counts: [Int: Int] = [:]
        for connection in connections { counts[try await connection.status(), default: 0] += 1 }
        return counts
    }

    // MARK: Many connections

    func slowloris() async throws -> String {
        let begin = ContinuousClock.now
        let beginnings = ["", "GET /ws", "GET /ws/chat?token=x HTTP/1.1\r\nHost: a\r\nX-A: "]
        let connections = try await open(5000) { Array(beginnings[$0 % 3].utf8) }
        var answered = 0
        for connection in connections where try await !connection.end(timeout: .seconds(60)).isEmpty { answered += 1 }
        try expect(answered == 0, "\(answered) were answered")
        return "5,000 were all closed, the last after \((ContinuousClock.now - begin).components.seconds) s"
    }

    func handshakeFlood() async throws -> String {
        let tokens = try await [stack.newCustomer().token, stack.newCustomer().token]
        let connections = try await open(1500) { [attacker] in Self.handshake(token: tokens[$0 % 2], attacker) }
        let counts = try await statuses(connections)
        try expect(Set(counts.keys).isSubset(of: [101, 429]), "\(counts)")
        // 10 of each token are let in.
        try expect(counts[101] == 20, "\(counts)")
        return "of 1,500, \(counts[101] ?? 0) were let in (10 of a token), \(counts[429] ?? 0) got 429"
    }

    func tokenGuessing() async throws -> String {
        let connections = try await open(1000) { [guesser] _ in
            Self.handshake(token: "cust_\(UUID().uuidString.lowercased())", guesser)
        }
        let counts = try await statuses(connections)
        try expect(Set(counts.keys) == [401, 429], "\(counts)")
        // Handshakes that are under way together may all have passed before the first has failed.
        try expect(counts[401, default: 0] < 400, "\(counts)")
        let good = try await open(1) { [guesser, pair] _ in Self.handshake(token: pair.customer.token, guesser) }
        let later = try await good[0].status()
        return
            "of 1,000, \(counts[401] ?? 0) got 401 and \(counts[429] ?? 0) got 429; a good token right after it: \(later)"
    }

    // MARK: Others' data

    func crossCustomer() async throws -> String {
        let secret = "secret \(UUID().uuidString)"
        try await pair.customerSocket.say(secret, in: pair.conversation)
        try await pair.agentSocket.next { $0.content == secret }
        let thief = try await WebSocketClient.connect(
            to: port,
            token: try await stack.newCustomer().token,
            dialect: .full,
            headers: [attacker]
        )
        let id = pair.conversation.jsonLiteral
        for type in ["history", "resume", "typing"] {
            try await thief.send(
                #"{"type":"\#(type)","conversationId":\#(id),"seq":1,"generation":1,"isTyping":true,"limit":100,"after":0}"#
            )
            let answer = try await thief.next("the answer to \(type)") { $0.type == "error" }
            try expect(answer.json["code"].string == "not_found", "\(type): \(answer)")
        }
        // These two have no answer; what is unknown becomes the sender's own name for a conversation of theirs.
        try await thief.send(#"{"type":"ack","conversationId":\#(id),"seq":1,"generation":1}"#)
        try await thief.send(#"{"type":"read","conversationId":\#(id),"seq":1}"#)
        try await thief.send(#"{"type":"message","conversationId":\#(id),"content":"who","clientMessageId":"1"}"#)
        let ack = try await thief.next("the ack") { $0.type == "ack" }
        try expect(ack.conversation != pair.conversation, "\(ack)")
        try await thief.synchronize()
        try expect(!thief.unread.contains { $0.text.contains(secret) }, "it was told")
        try expect(!pair.customerSocket.unread.contains { $0.content == "who" }, "it could write")
        try await thief.close()
        return "history, resume, typing: not_found; ack, read: nothing; message: a conversation of one's own"
    }

    func foreignPage() async throws -> String {
        let token = pair.customer.token
        for origin in ["https://evil.example", "null", "\(Self.allowedOrigin).evil.example", "http://shop.example.com"]
        {
            let connections = try await open(1) { _ in Self.handshake(token: token, "Origin: \(origin)") }
            let status = try await connections[0].status()
            try expect(status == 403, "\(origin) got \(status)")
        }
        let own = try await open(1) { _ in Self.handshake(token: token, "Origin: \(Self.allowedOrigin)") }
        let status = try await own[0].status()
        try expect(status == 101, "\(Self.allowedOrigin) got \(status)")
        return "four foreign origins got 403, the shop's own 101"
    }

    func scripts() async throws -> String {
        let script = #"</script><img src=x onerror=alert(1)>"><script>alert('\u2028')</script>"#
        let customer = try await stack.newCustomer("<script>alert(1)</script>")
        let socket = try await WebSocketClient.connect(to: port, token: customer.token)
        try await socket.say(script)
        let shown = try await pair.agentSocket.next("the script") { $0.content == script }
        try expect(shown.json["channel"].string == "WEB", "\(shown)")
        let answer = try await Curl.request("GET", port: port, "/%3Cscript%3Ealert(1)%3C/script%3E")
        try expect(answer.headers["content-type"]?.hasPrefix("application/json") == true, "\(answer)")
        try expect(answer.headers["x-content-type-options"] == "nosniff", "\(answer)")
        try expect(!answer.body.contains("script"), "\(answer)")
        try await socket.close()
        return "came back as JSON text, unchanged; nothing of an address is in an answer"
    }

    // MARK: Bytes

    func badFrames() async throws -> String {
        var codes: [String] = []
        for (name, bytes, code) in [
            ("10 MiB", WebSocketClient.frame(.text, [], claimedLength: 10 << 20), 1009),
            ("2^62 bytes", WebSocketClient.frame(.text, [], claimedLength: 1 << 62), 1009),
            ("RSV1", WebSocketClient.frame(.text, [0xAA, 0x56, 0x4A, 0x05, 0x00], reservedBits: 4), 1002),
            ("unmasked", WebSocketClient.frame(.text, Array("{}".utf8), isMasked: false), 1002),
        ] {
            let socket = try await WebSocketClient.connect(to: port, token: try await stack.newCustomer().token)
            try await socket.send(bytes: bytes)
            let closing = try await socket.closing()
            try expect(closing.code == code, "\(name): \(closing)")
            codes.append("\(name): \(closing.code)")
        }
        return codes.joined(separator: ", ")
    }

    func headerBombs() async throws -> String {
        var found: Set<Int> = []
        for port in [port, stack.edgePort] {
            for head in [
                "GET /ws/chat HTTP/1.1\r\nHost: a\r\nX-A: \(String(repeating: "a", count: 1 << 20))",
                "GET /ws/chat HTTP/1.1\r\n" + (0..<20_000).map { "X-\($0): a\r\n" }.joined(),
                "GET /ws/chat?token=\(String(repeating: "a", count: 1 << 17)) HTTP/1.1\r\nHost: a\r\n\r\n",
            ] {
                let connection = try await RawConnection(to: port)
                try? await connection.send(Array(head.utf8))
                // What was not read yet may end the connection before its answer is read.
                let status = try await connection.status()
                try expect([0, 400, 414, 431].contains(status), "port \(port): \(status)")
                found.insert(status)
            }
        }
        return "a line of 1 MiB, 20,000 lines, an address of 128 KiB: \(found.sorted()), 0 is a closed connection"
    }

    func smuggling() async throws -> String {
        let shapes = [
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef", "Content-Length: +5\r\n\r\nabcde",
            "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
            "X-A: b\r\n folded\r\n\r\n", "X-A: b\nX-B: c\r\n\r\n", "X-A: b\rX-B: c\r\n\r\n", ": b\r\n\r\n",
        ]
        var passedOn = 0
        for port in [port, stack.edgePort] {
            for shape in shapes {
                let connection = try await RawConnection(to: port)
                let first = "GET /ws/nothing HTTP/1.1\r\nHost: a\r\n\(shape)"
                let second = "GET /ws/smuggled HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
                try await connection.send(Array("\(first)\(second)".utf8))
                let answer = try await connection.end()
                let answers = answer.components(separatedBy: "HTTP/1.1 ").dropFirst()
                // HAProxy makes some of them unambiguous (a folded line becomes one) and passes them on: each is one request then.
                try expect(
                    !answers.isEmpty && answers.count <= (port == self.port ? 1 : 2)
                        && answers.allSatisfy { $0.hasPrefix(port == self.port ? "400 " : "4") },
                    "port \(port), \(shape): \(answer)"
                )
                if port != self.port, !answer.contains("400 Bad request") { passedOn += 1 }
            }
        }
        return "\(shapes.count) shapes: 400 directly; the edge refused \(shapes.count - passedOn) and mended the others"
    }

    func pingFlood() async throws -> String {
        let socket = try await WebSocketClient.connect(to: port, token: try await stack.newCustomer().token)
        let count = 20_000
        let begin = ContinuousClock.now
        let ping = WebSocketClient.frame(.ping, [])
        try await socket.send(bytes: Array(repeating: ping, count: count).flatMap { $0 })
        try await Task.sleep(for: .seconds(1))
        let answered = socket.inbox.current.pongs.count
        let seconds = Double((ContinuousClock.now - begin).components.seconds + 1)
        // 5 s' worth at once, one read of the socket more, and what comes back with the time.
        let most = 200 * 5 + 16_384 / ping.count + Int(200 * seconds)
        try expect(answered <= most && answered < count, "\(answered) were answered in \(seconds) s")
        try await socket.vanish()
        return "of \(count), \(answered) were answered in the first second: the rest was left in the socket"
    }
}
