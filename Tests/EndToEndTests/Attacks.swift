import Foundation

/// What somebody who means harm may try against a gateway, directly or through the edge. Each tells what came of it.
struct Attacks {
    let stack: Stack
    let pair: Stack.Pair
    /// Customers whose tokens are for attacks, made before so that making them is no part of one.
    private let customers: Watched<[Stack.Customer]>
    private let scripted: Stack.Customer
    private let addresses = Watched(0)
    /// Connections that a flood opens in a second; `nil`: as many as it can.
    private var perSecond: Int?

    init(stack: Stack) async throws {
        self.stack = stack
        pair = try await stack.conversation(customerOn: 0, agentOn: 0)
        var customers: [Stack.Customer] = []
        for _ in 0..<200 { customers.append(try await stack.newCustomer()) }
        self.customers = Watched(customers)
        scripted = try await stack.newCustomer("<script>alert(1)</script>")
    }

    private var port: Int { stack.gatewayPorts[0] }
    /// A gateway's own, and the edge's.
    private var ports: [Int] { [port, stack.edgePort] }

    struct Attempt: Sendable {
        let name: String
        /// How many times longer those who talk may wait for each other meanwhile, at the 99th percentile.
        let maxSlowdown: Double
        /// Tells what came of it, or throws ``Failed``.
        let attack: @Sendable () async throws -> String
    }

    /// Ten times what one address may by default, and a third of what a core can refuse.
    private static let floodRate = 1000
    /// What an attacker at a rate may cost those who talk.
    private static let maxSlowdown = 2.0
    /// Attacker, attacked and those who talk share the processors: what is done as fast as can be takes what is left of them,
    /// and its refusing some of the rest.
    private static let maxSlowdownUnlimited = 8.0

    var all: [Attempt] {
        var limited = self
        limited.perSecond = Self.floodRate
        // Nobody reaches a gateway but by the edge; it is flooded to see what it does by itself.
        let floods =
            limited.floods(at: "to the gateway", port) + limited.floods(at: "by the edge", stack.edgePort)
            + self.floods(at: "by the edge", stack.edgePort)
        return [Attempt(name: "nobody is attacked", maxSlowdown: Self.maxSlowdown, attack: nobody)] + floods + others
    }

    private func floods(at place: String, _ port: Int) -> [Attempt] {
        let floods: [(String, @Sendable (Int) async throws -> String)] = [
            ("requests never finished", slowloris), ("handshake flood", handshakeFlood),
            ("token guessing", tokenGuessing), ("token guessing from 200 addresses", guessingOfMany),
        ]
        let rate = perSecond.map { "\($0) a second" } ?? "as fast as can be"
        return floods.map { name, attack in
            Attempt(
                name: "\(name), \(place), \(rate)",
                maxSlowdown: perSecond == nil ? Self.maxSlowdownUnlimited : Self.maxSlowdown
            ) { try await attack(port) }
        }
    }

    private var others: [Attempt] {
        let refusals: [(String, @Sendable () async throws -> String)] = [
            ("another's conversation", crossCustomer), ("pages of other sites", foreignPage),
            ("scripts in texts", scripts), ("bad frames", badFrames), ("header bombs", headerBombs),
            ("ping flood", pingFlood),
        ]
        return refusals.map { Attempt(name: $0, maxSlowdown: Self.maxSlowdown, attack: $1) } + [
            // Twelve who use the edge's connections meanwhile are a load of their own.
            Attempt(name: "request smuggling", maxSlowdown: Self.maxSlowdownUnlimited, attack: smuggling)
        ]
    }

    static let allowedOrigin = "https://shop.example.com"

    /// What is expected, and what happened instead.
    struct Failed: Error, CustomStringConvertible {
        let description: String
    }

    /// Between attempts that come one after the other: twenty a second.
    private func pause() async throws { try await Task.sleep(for: .milliseconds(50)) }

    private func expect(_ isTrue: Bool, _ what: @autoclosure () -> String) throws {
        guard isTrue else { throw Failed(description: what()) }
    }

    /// One of whom nobody has heard.
    private func customer() async throws -> Stack.Customer {
        if let customer = customers.update({ $0.popLast() }) { return customer }
        return try await stack.newCustomer()
    }

    /// An address that nothing came from before.
    private func address() -> String {
        let number = addresses.update { number in
            number += 1
            return number
        }
        return "127.1.\(number / 200).\(number % 200 + 1)"
    }

    static func handshake(token: String, _ headers: String...) -> [UInt8] {
        let head = [
            "GET /ws/chat?token=\(token) HTTP/1.1", "Host: a", "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ]
        return Array("\((head + headers).joined(separator: "\r\n"))\r\n\r\n".utf8)
    }

    /// Opens connections side by side, sends the same on each, and keeps them open. Those that are ended before they can send
    /// are left out.
    private func open(
        _ count: Int,
        to port: Int? = nil,
        from address: @escaping @Sendable (Int) -> String,
        _ bytes: @escaping @Sendable (Int) -> [UInt8]
    ) async throws -> [RawConnection] {
        let port = port ?? self.port
        var connections: [RawConnection] = []
        let start = ContinuousClock.now
        // Side by side: so many, or those of ten milliseconds.
        let step = perSecond.map { max(1, $0 / 100) } ?? 100
        for begin in stride(from: 0, to: count, by: step) {
            if let perSecond { try await Task.sleep(until: start + .seconds(1) * begin / perSecond) }
            connections += try await withThrowingTaskGroup { group in
                for number in begin..<min(count, begin + step) {
                    group.addTask { () -> RawConnection? in
                        guard let connection = try await RawConnection.unlessReset(to: port, from: address(number))
                        else { return nil }
                        try? await connection.send(bytes(number))
                        return connection
                    }
                }
                return try await group.reduce(into: []) { if let connection = $1 { $0.append(connection) } }
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

    /// No attack: the same work against a port where nobody is, to see what of it is the machine's.
    func nobody() async throws -> String {
        let nobody = try Ports.freeBlock()
        for number in 0..<5000 {
            if (try? await RawConnection(to: nobody, from: address())) != nil {
                throw Failed(description: "Somebody was there, after \(number) attempts.")
            }
        }
        return "5,000 found nobody"
    }

    func slowloris(by port: Int) async throws -> String {
        let begin = ContinuousClock.now
        let beginnings = ["", "GET /ws", "GET /ws/chat?token=x HTTP/1.1\r\nHost: a\r\nX-A: "]
        let address = address()
        let connections = try await open(5000, to: port, from: { _ in address }) {
            Array(beginnings[$0 % 3].utf8)
        }
        var answered = 0
        for connection in connections {
            let answer = try await connection.end(timeout: .seconds(90))
            // The edge says 408.
            if !answer.isEmpty, !answer.hasPrefix("HTTP/1.1 408 ") { answered += 1 }
        }
        try expect(answered == 0, "\(answered) were answered")
        return
            "5,000 were all closed, \(5000 - connections.count) at once, the last after \((ContinuousClock.now - begin).components.seconds) s"
    }

    func handshakeFlood(by port: Int) async throws -> String {
        let tokens = try await [customer().token, customer().token]
        let address = address()
        let connections = try await open(4000, to: port, from: { _ in address }) {
            Self.handshake(token: tokens[$0 % 2])
        }
        let counts = try await statuses(connections)
        try expect(Set(counts.keys).isSubset(of: port == self.port ? [101, 429] : [0, 101, 429]), "\(counts)")
        // 10 of each token are let in.
        try expect(counts[101] == 20, "\(counts)")
        return "of 4,000, \(counts[101] ?? 0) were let in (10 of a token), \(counts[429] ?? 0) got 429, others nothing"
    }

    func tokenGuessing(by port: Int) async throws -> String {
        let address = address()
        let connections = try await open(3000, to: port, from: { _ in address }) { _ in
            Self.handshake(token: "cust_\(UUID().uuidString.lowercased())")
        }
        let counts = try await statuses(connections)
        // The edge ends connections unread where an address goes on and on.
        try expect(counts[401, default: 0] > 0 && Set(counts.keys).isSubset(of: [0, 401, 429]), "\(counts)")
        try expect(port != self.port || counts[0] == nil && counts[429] != nil, "\(counts)")
        // Handshakes that are under way together may all have passed before the first has failed.
        try expect(counts[401, default: 0] < (perSecond == nil ? 1500 : 400), "\(counts)")
        let good = try await open(1, to: port, from: { _ in address }) { [pair] _ in
            Self.handshake(token: pair.customer.token)
        }
        let later = try await statuses(good).keys.first ?? 0
        return
            "of 3,000, \(counts[401] ?? 0) got 401, \(counts[429] ?? 0) got 429, others nothing; a good token right after it: \(later)"
    }

    func guessingOfMany(by port: Int) async throws -> String {
        let addresses = (0..<200).map { _ in address() }
        let connections = try await open(4000, to: port, from: { addresses[$0 % 200] }) { _ in
            Self.handshake(token: "cust_\(UUID().uuidString.lowercased())")
        }
        let counts = try await statuses(connections)
        try expect(counts == [401: 4000], "\(counts)")
        return "4,000 got 401"
    }

    // MARK: Others' data

    func crossCustomer() async throws -> String {
        let secret = "secret \(UUID().uuidString)"
        try await pair.customerSocket.say(secret, in: pair.conversation)
        try await pair.agentSocket.next { $0.content == secret }
        for port in ports { try await steal(secret, by: port) }
        return
            "history, resume, typing: not_found; ack, read: nothing; message: a conversation of one's own"
    }

    private func steal(_ secret: String, by port: Int) async throws {
        let thief = try await WebSocketClient.connect(
            to: port,
            token: try await customer().token,
            dialect: .full
        )
        let id = pair.conversation.jsonLiteral
        for type in ["history", "resume", "typing"] {
            try await thief.send(
                #"{"type":"\#(type)","conversationId":\#(id),"seq":1,"generation":1,"isTyping":true,"limit":100,"after":0}"#
            )
            let answer = try await thief.next("the answer to \(type)") { $0.type == "error" }
            try expect(answer.json["code"].string == "not_found", "port \(port), \(type): \(answer)")
            try await pause()
        }
        // These two have no answer; what is unknown becomes the sender's own name for a conversation of theirs.
        try await thief.send(#"{"type":"ack","conversationId":\#(id),"seq":1,"generation":1}"#)
        try await thief.send(#"{"type":"read","conversationId":\#(id),"seq":1}"#)
        try await thief.send(
            #"{"type":"message","conversationId":\#(id),"content":"who","clientMessageId":"1"}"#
        )
        let ack = try await thief.next("the ack") { $0.type == "ack" }
        try expect(ack.conversation != pair.conversation, "port \(port): \(ack)")
        try await thief.synchronize()
        try expect(!thief.unread.contains { $0.text.contains(secret) }, "port \(port): it was told")
        try expect(!pair.customerSocket.unread.contains { $0.content == "who" }, "port \(port): it could write")
        try await thief.close()
    }

    func foreignPage() async throws -> String {
        for port in ports {
            for (origin, expected) in [
                ("https://evil.example", 403), ("null", 403), ("\(Self.allowedOrigin).evil.example", 403),
                ("http://shop.example.com", 403), ("\(Self.allowedOrigin):8443", 403), (Self.allowedOrigin, 101),
            ] {
                let page = try await RawConnection(to: port, from: address())
                try await page.send(Self.handshake(token: pair.customer.token, "Origin: \(origin)"))
                let status = try await page.status()
                try expect(status == expected, "port \(port): \(origin) got \(status)")
                try await pause()
            }
        }
        return "five foreign origins got 403, the shop's own 101"
    }

    func scripts() async throws -> String {
        let script = #"</script><img src=x onerror=alert(1)>"><script>alert('\u2028')</script>"#
        for port in ports {
            let socket = try await WebSocketClient.connect(to: port, token: scripted.token)
            try await socket.say(script)
            let shown = try await pair.agentSocket.next("the script") { $0.content == script }
            try expect(shown.json["channel"].string == "WEB", "\(shown)")
            try await socket.close()
            try await pause()
        }
        for (port, folder) in [(port, ""), (stack.edgePort, "/ws"), (stack.edgePort, "")] {
            let connection = try await RawConnection(to: port)
            let request =
                "GET \(folder)/%3Cscript%3Ealert(1)%3C/script%3E HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
            try await connection.send(Array(request.utf8))
            let answer = try await connection.end().lowercased()
            try expect(answer.contains("content-type: application/json"), "\(answer)")
            try expect(answer.contains("x-content-type-options: nosniff"), "\(answer)")
            try expect(!answer.contains("script"), "\(answer)")
            try await pause()
        }
        return "came back as JSON text, unchanged; nothing of an address is in an answer"
    }

    // MARK: Bytes

    func badFrames() async throws -> String {
        // A DEFLATE of "Hello", by RFC 7692 §7.2.3.1.
        let compressed: [UInt8] = [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]
        let frames: [(String, [UInt8], Int)] = [
            ("10 MiB", WebSocketClient.frame(.text, [], claimedLength: 10 << 20), 1009),
            ("2^62 bytes", WebSocketClient.frame(.text, [], claimedLength: 1 << 62), 1009),
            ("compressed", WebSocketClient.frame(.text, compressed, reservedBits: 4), 1002),
            ("RSV2", WebSocketClient.frame(.text, Array("{}".utf8), reservedBits: 2), 1002),
            ("RSV3 of a ping", WebSocketClient.frame(.ping, [], reservedBits: 1), 1002),
            ("unmasked", WebSocketClient.frame(.text, Array("{}".utf8), isMasked: false), 1002),
            ("binary", WebSocketClient.frame(.binary, compressed), 1003),
            ("no UTF-8", WebSocketClient.frame(.text, [0x22, 0xFF, 0x22]), 1007),
        ]
        let offers = [
            "permessage-deflate; client_no_context_takeover; server_no_context_takeover; client_max_window_bits=8; "
                + "server_max_window_bits=15, permessage-deflate; client_max_window_bits, permessage-deflate",
            "x-webkit-deflate-frame, permessage-bzip2, permessage-foo",
        ]
        for port in ports {
            for (number, (name, bytes, code)) in frames.enumerated() {
                let socket = try await WebSocketClient.connect(
                    to: port,
                    token: try await customer().token,
                    headers: ["Sec-WebSocket-Extensions: \(offers[number % offers.count])"]
                )
                let chosen = try socket.inbox.current.handshake?.get().headers["sec-websocket-extensions"]
                try expect(chosen == nil, "port \(port) chose \(chosen ?? "")")
                try await socket.send(bytes: bytes)
                let closing = try await socket.closing()
                try expect(closing.code == code, "port \(port), \(name): \(closing)")
                try await pause()
            }
        }
        return frames.map { "\($0): \($2)" }.joined(separator: ", ") + "; no extension is chosen"
    }

    func headerBombs() async throws -> String {
        var found: Set<Int> = []
        for (port, path) in [
            (port, "/ws/chat"), (stack.edgePort, "/ws/chat"), (stack.customerAPIPort, "/health"),
            (stack.edgePort, "/health"),
        ] {
            let heads = [
                "GET \(path) HTTP/1.1\r\nHost: a\r\nX-A: \(String(repeating: "a", count: 1 << 20))",
                "GET \(path) HTTP/1.1\r\n" + (0..<20_000).map { "X-\($0): a\r\n" }.joined(),
                "GET \(path)?token=\(String(repeating: "a", count: 1 << 17)) HTTP/1.1\r\nHost: a\r\n\r\n",
            ].map { Array($0.utf8) }
            for head in Array(repeating: heads, count: 15).joined() {
                let connection = try await RawConnection(to: port)
                try? await connection.send(head)
                // What was not read yet may end the connection before its answer is read.
                let status = try await connection.status()
                try expect([0, 400, 414, 431].contains(status), "port \(port): \(status)")
                found.insert(status)
                try await pause()
            }
        }
        return
            "60 times a line of 1 MiB, 20,000 lines, an address of 128 KiB: \(found.sorted()), 0 is a closed connection"
    }

    func smuggling() async throws -> String {
        let problems = try await Smuggling(stack: stack).play(isThorough: false)
        try expect(problems.isEmpty, problems.joined(separator: "\n"))
        return "\(Smuggling.Shape.all.count) shapes: no second request was carried out, nobody got another's answer"
    }

    func pingFlood() async throws -> String {
        let socket = try await WebSocketClient.connect(to: port, token: try await customer().token)
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
        return
            "of \(count), \(answered) were answered in the first second: the rest was left in the socket"
    }
}
