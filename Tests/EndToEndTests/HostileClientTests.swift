import Foundation
import Testing

/// Clients that mean harm, or are broken, while others talk: the programs stay up and the others notice nothing.
@Suite("Hostile clients")
struct HostileClientTests {
    /// Runs `attack` while a pair talks on the attacked gateways, and checks that all it said arrived in order.
    private func whilePairTalks(_ stack: Stack, _ attack: () async throws -> Void) async throws {
        let pair = try await stack.conversation(customerOn: 0, agentOn: 1)
        let isOver = Watched(false)
        async let spoken = { () async throws -> Int in
            var count = 0
            while !isOver.current || count < 20 {
                try await pair.talk("第 \(count) 次")
                count += 1
            }
            return count
        }()
        do {
            try await attack()
        } catch {
            isOver.update { $0 = true }
            _ = try? await spoken
            throw error
        }
        isOver.update { $0 = true }
        #expect(try await spoken >= 20)
        #expect(pair.customerSocket.inbox.current.closing == nil)
        #expect(pair.agentSocket.inbox.current.closing == nil)
        #expect(pair.customerSocket.unread.map(\.text) == [])
        for port in stack.gatewayPorts + [stack.customerAPIPort, stack.edgePort] {
            #expect(try await Curl.request("GET", port: port, "/ready").status == 200)
        }
    }

    @Test("Garbage on every port is answered with 400, or by the connection's end")
    func garbage() async throws {
        let stack = try await Stack.shared()
        try await whilePairTalks(stack) {
            for port in stack.gatewayPorts + [stack.customerAPIPort, stack.edgePort] {
                for round in 0..<8 {
                    let connection = try await RawConnection(to: port)
                    var bytes = (0..<(1 << (round * 2))).map { _ in UInt8.random(in: .min ... .max) }
                    // A line's end, so that it is not merely the beginning of something.
                    bytes += Array("\r\n\r\n".utf8)
                    try? await connection.send(bytes)
                    let answer = try await connection.end()
                    #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 400"), "\(answer.prefix(200))")
                }
            }
        }
    }

    @Test("Requests that are begun and never finished are ended by the server after 5 s, also those that trickle in")
    func halfOpen() async throws {
        let stack = try await Stack.shared()
        try await whilePairTalks(stack) {
            try await withThrowingTaskGroup { group in
                let chat = "GET /ws/chat?token=x HTTP/1.1\r\nHost: a\r\nUpgra"
                let rest = "POST /api/v1/public/customer-token HTTP/1.1\r\nHost: a\r\nX-A: "
                for (port, beginnings) in [
                    (stack.gatewayPorts[0], ["", "GET /ws", chat]), (stack.edgePort, ["", "GET /ws", chat, rest]),
                    // Without a byte it is a connection that somebody keeps.
                    (stack.customerAPIPort, ["POST /", "POST /api", rest]),
                ] {
                    for number in 0..<30 {
                        let beginning = beginnings[number % beginnings.count]
                        group.addTask { try await begin(beginning, at: port, trickles: number % 10 >= 7) }
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    /// Begins a request and waits for the server to end it.
    ///
    /// - Parameter trickles: Whether a byte more comes each second.
    private func begin(_ beginning: String, at port: Int, trickles: Bool) async throws {
        let connection = try await RawConnection(to: port)
        if !beginning.isEmpty { try await connection.send(Array(beginning.utf8)) }
        let more = Task {
            while trickles, !beginning.isEmpty, !connection.inbox.current.hasEnded {
                try await Task.sleep(for: .seconds(1))
                try? await connection.send(Array("a".utf8))
            }
        }
        defer { more.cancel() }
        let answer = try await connection.end(timeout: .seconds(90))
        #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 4"), "\(answer.prefix(200))")
        // 5 s are promised; that the machine is busy may take some more, another deadline would take much more.
        let lifetime = try #require(connection.lifetime)
        #expect(lifetime > .seconds(4) && lifetime < .seconds(20), "port \(port), \(beginning.debugDescription)")
    }

    @Test("A frame of 10 MiB ends its own connection only")
    func tenMebibytes() async throws {
        let stack = try await Stack.shared()
        let payload = [UInt8](repeating: 0x20, count: 10 << 20)
        try await whilePairTalks(stack) {
            for gateway in [0, 1] {
                let socket = try await stack.connect(try await stack.newCustomer().token, gateway: gateway)
                // The server stops reading it: writing may fail, and it may end before its close frame is read.
                try? await socket.send(frame: .text, payload)
                let closing = try await socket.closing()
                #expect([1009, 1006].contains(closing.code))
            }
            // With its head alone the close frame is always read.
            let socket = try await stack.connect(try await stack.newCustomer().token, gateway: 0)
            try await socket.send(bytes: WebSocketClient.frame(.text, [], claimedLength: 10 << 20))
            #expect(try await socket.closing().code == 1009)
        }
    }

    @Test("A process that is stopped in its tracks does not keep the customer's other connection from its messages")
    func suspended() async throws {
        let stack = try await Stack.shared()
        let pair = try await stack.conversation(customerOn: 0, agentOn: 1)
        let stopped = try NodeProgram(
            """
            const ws = new WebSocket('ws://127.0.0.1:\(stack.gatewayPorts[0])/ws/chat?token=\(pair.customer.token)');
            let count = 0;
            ws.onopen = () => console.log('open');
            ws.onmessage = (event) => { if (JSON.parse(event.data).content.length > 1000) count++; };
            ws.onclose = (event) => console.log('closed', event.code, count);
            setInterval(() => { if (count === 200) console.log('all', count); }, 100);
            """,
            prelude: "websocket.js"
        )
        try await stopped.line(containing: "open")
        stopped.send(SIGSTOP)
        // More than the sockets' buffers hold: the gateway has to keep the rest, or let the connection go.
        let content = String(repeating: "长", count: 10_000)
        for number in 0..<200 {
            try await pair.agentSocket.say("\(number) \(content)", in: pair.conversation)
            let message = try await pair.customerSocket.next { $0.content.count > 1000 }
            #expect(message.content.hasPrefix("\(number) "))
        }
        try await pair.talk("还在")
        stopped.send(SIGCONT)
        // Either it gets them all now, or it was closed as too slow and may come back.
        let line = try await stopped.line(containing: "l")
        let deadline = ContinuousClock.now + .seconds(60)
        while !stopped.output.contains("all 200"), !stopped.output.contains("closed 4008") {
            guard ContinuousClock.now < deadline else { throw EndToEndError("It got \(line): \(stopped.output)") }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    @Test("A client that sends and never reads what it asks for does not keep others waiting")
    func neverReads() async throws {
        let stack = try await Stack.shared()
        let pair = try await stack.conversation(customerOn: 0, agentOn: 1, dialect: .full)
        for number in 0..<50 {
            try await pair.agentSocket.say(
                "\(number) \(String(repeating: "x", count: 2000))",
                in: pair.conversation,
                dialect: .full
            )
        }
        try await pair.customerSocket.next { $0.content.hasPrefix("49 ") }
        let greedy = try await stack.connect(pair.customer.token, gateway: 0, dialect: .full)
        try await greedy.stopReading()
        let request = #"{"type":"history","conversationId":"\#(pair.conversation)","limit":100}"#
        try await whilePairTalks(stack) {
            for _ in 0..<200 { try await greedy.send(request) }
        }
    }
}
