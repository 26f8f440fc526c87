import Gateway
import NIOHTTP1
import Testing

@Suite("The handshake's head")
struct HandshakeTests {
    private static let token = "cust_a1b2c3d4-e5f6-7890-abcd-ef1234567890"
    private static let required: [(String, String)] = [
        ("Host", "127.0.0.1:8080"), ("Connection", "Upgrade"), ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ]

    private func head(_ uri: String, _ headers: [(String, String)] = [], method: HTTPMethod = .GET) -> HTTPRequestHead {
        HTTPRequestHead(version: .http1_1, method: method, uri: uri, headers: HTTPHeaders(Self.required + headers))
    }

    private func accepted(_ uri: String, _ headers: [(String, String)] = []) -> Handshake? {
        guard case .webSocket(let handshake) = HTTPRequestKind(head(uri, headers)) else { return nil }
        return handshake
    }

    private func refusal(_ head: HTTPRequestHead) -> HTTPRefusal? {
        guard case .refused(let refusal) = HTTPRequestKind(head) else { return nil }
        return refusal
    }

    @Test(
        "The token is found in the query, percent-decoded",
        arguments: [
            ("/ws/chat?token=abc", "abc"), ("/ws/chat?x=1&token=abc&y=2", "abc"), ("/ws/chat?token=a&token=b", "a"),
            ("/ws/chat?token=cust%5Fa1%2db2", "cust_a1-b2"), ("/ws/chat?token=%E4%BD%A0", "你"),
            ("/ws/chat?token=a%", "a%"),
            ("/ws/chat?token=a%4", "a%4"), ("/ws/chat?token=a%zz", "a%zz"), ("/ws/chat?token=a%+1", "a%+1"),
            ("/ws/chat?token=", ""),
            ("/ws/chat?token=a=b", "a=b"), ("/ws/chat?mytoken=abc", nil), ("/ws/chat?", nil), ("/ws/chat", nil),
            ("/ws/chat?token=a?b", "a?b"),
        ] as [(String, String?)]
    )
    func queryToken(uri: String, token: String?) throws {
        #expect(try #require(accepted(uri)).token == token)
    }

    @Test(
        "The token is found in the Authorization header",
        arguments: [
            ("Bearer abc", "abc"), ("bearer abc", "abc"), ("BEARER   abc", "abc"), ("Bearer", nil), ("Basic abc", nil),
            ("Bearer a b", nil), ("abc", nil),
        ] as [(String, String?)]
    )
    func headerToken(value: String, token: String?) throws {
        #expect(try #require(accepted("/ws/chat", [("Authorization", value)])).token == token)
    }

    @Test("Header before subprotocol before query")
    func precedence() throws {
        let header = ("Authorization", "Bearer h")
        let subprotocol = ("Sec-WebSocket-Protocol", "token.s")
        #expect(try #require(accepted("/ws/chat?token=q", [header, subprotocol])).token == "h")
        #expect(try #require(accepted("/ws/chat?token=q", [subprotocol])).token == "s")
        #expect(try #require(accepted("/ws/chat?token=q", [("Authorization", "Basic x")])).token == "q")
    }

    @Test(
        "The subprotocols decide the dialect and the answer",
        arguments: [
            (nil, .guide, nil), ("chat.v2", .full, "chat.v2"), ("chat.v2, token.abc", .full, "chat.v2"),
            ("token.abc, chat.v2", .full, "chat.v2"), ("token.abc,chat.v2", .full, "chat.v2"),
            ("token.abc", .guide, "token.abc"),
            ("mqtt", .guide, nil), ("chat.v20", .guide, nil), ("chat.v1, token.abc", .guide, "token.abc"),
        ] as [(String?, Dialect, String?)]
    )
    func subprotocols(offered: String?, dialect: Dialect, answer: String?) throws {
        let handshake = try #require(accepted("/ws/chat", offered.map { [("Sec-WebSocket-Protocol", $0)] } ?? []))
        #expect(handshake.dialect == dialect)
        #expect(handshake.subprotocol == answer)
        #expect(handshake.token == (offered?.contains("token.abc") == true ? "abc" : nil))
    }

    @Test("Subprotocols may come in several headers")
    func severalHeaders() throws {
        let handshake = try #require(
            accepted("/ws/chat", [("Sec-WebSocket-Protocol", "token.abc"), ("Sec-WebSocket-Protocol", "chat.v2")])
        )
        #expect(handshake.token == "abc")
        #expect(handshake.dialect == .full)
    }

    @Test("Header values are compared as RFC 6455 says: without case, in lists")
    func headerForms() {
        var head = head("/ws/chat")
        head.headers.replaceOrAdd(name: "Connection", value: "keep-alive, Upgrade")
        head.headers.replaceOrAdd(name: "Upgrade", value: "WebSocket")
        guard case .webSocket = HTTPRequestKind(head) else {
            Issue.record("refused")
            return
        }
    }

    @Test(
        "What is wrong with a handshake decides its status",
        arguments: [
            ("Upgrade", nil, 426), ("Upgrade", "h2c", 426), ("Sec-WebSocket-Version", nil, 426),
            ("Sec-WebSocket-Version", "8", 426),
            ("Connection", nil, 400), ("Connection", "keep-alive", 400), ("Sec-WebSocket-Key", nil, 400),
            ("Sec-WebSocket-Key", "short", 400), ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25j!Q==", 400),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZWFi", 400),
        ] as [(String, String?, UInt)]
    )
    func malformed(name: String, value: String?, status: UInt) {
        var head = head("/ws/chat?token=\(Self.token)")
        head.headers.remove(name: name)
        if let value { head.headers.add(name: name, value: value) }
        #expect(refusal(head)?.status.code == status)
    }

    @Test("A doubled key and HTTP/1.0 are malformed")
    func doubled() {
        #expect(refusal(head("/ws/chat", [("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")]))?.status == .badRequest)
        var old = head("/ws/chat")
        old.version = .http1_0
        #expect(refusal(old)?.status == .badRequest)
    }

    @Test(
        "Other paths and methods",
        arguments: [
            ("/", HTTPMethod.GET, 404), ("/ws", .GET, 404), ("/ws/chat/", .GET, 404), ("/ws/chatter", .GET, 404),
            ("/api/v1/customers", .GET, 404), ("*", .OPTIONS, 404), ("/ws/chat", .POST, 405), ("/health", .POST, 405),
            ("/ready", .DELETE, 405),
        ] as [(String, HTTPMethod, UInt)]
    )
    func elsewhere(uri: String, method: HTTPMethod, status: UInt) {
        #expect(refusal(head(uri, method: method))?.status.code == status)
    }

    @Test("Health and readiness are known with a query and by HEAD")
    func probes() {
        #expect(HTTPRequestKind(head("/health?x=1")) == .health)
        #expect(HTTPRequestKind(head("/ready", method: .HEAD)) == .readiness)
    }

    @Test("No refusal shows the token")
    func noTokenShown() {
        let all: [HTTPRefusal] = [
            .unauthenticated, .notFound, .draining, .overloaded, .notReady, .badRequest("x"), .upgradeRequired("x"),
            .methodNotAllowed("GET"),
        ]
        for refusal in all { #expect(!String(buffer: refusal.body).contains("cust_")) }
    }
}
