import Foundation
import Testing

/// The edge with certificates, which a test makes for `localhost`.
@Suite("TLS at the edge")
struct TLSTests {
    private static func run(
        plain: String? = nil,
        _ body: (DirectStack, Certificates) async throws -> Void
    ) async throws {
        let certificates = try await Certificates.make()
        defer { certificates.remove() }
        var settings = ["TLS_CERTS_DIR": certificates.folder.path]
        settings["PLAIN_HTTP"] = plain
        // Waiting until the edge is ready goes by the plain port, which answers /ready.
        try await DirectStack.run(gateways: 1, edge: settings) { try await body($0, certificates) }
    }

    @Test("REST answers by HTTP/2 and by HTTP/1.1, says that TLS is to stay, and takes TLS 1.2 and 1.3 only")
    func rest() async throws {
        try await Self.run { direct, certificates in
            let url = "https://localhost:\(direct.tlsPort)"
            for (option, line) in [("--http2", "HTTP/2 200"), ("--http1.1", "HTTP/1.1 200")] {
                let answer = try await certificates.curl([
                    option, "-H", "Content-Type: application/json", "-d",
                    #"{"name":"张三","channel":"WEB","channelId":"tls"}"#, "\(url)/api/v1/public/customer-token",
                ])
                #expect(answer.hasPrefix(line))
                #expect(answer.lowercased().contains("strict-transport-security: max-age=31536000"))
                let token = try #require(answer.firstMatch(of: /cust_[0-9a-f-]{36}/)).output
                direct.stack.remember(String(token))
            }
            // What the edge says itself has the header, too.
            try await direct.gateway(0).kill()
            var answer = ""
            for _ in 0..<100 where !answer.contains("503") {
                answer = try await certificates.curl(["\(url)/ready"])
            }
            #expect(answer.hasPrefix("HTTP/2 503"))
            #expect(answer.contains("strict-transport-security: max-age=31536000"))

            // Whatever this curl's own lowest version is: level 0 of OpenSSL has all.
            let old = try await certificates.curl([
                "--tls-max", "1.1", "--tlsv1.0", "--ciphers", "DEFAULT:@SECLEVEL=0", "\(url)/health",
            ])
            #expect(old.hasPrefix("curl ended with 35"), "\(old)")
            for version in ["1.2", "1.3"] {
                let answer = try await certificates.curl(["--tlsv\(version)", "--tls-max", version, "\(url)/health"])
                #expect(answer.hasPrefix("HTTP/2 200"), "\(answer)")
            }
        }
    }

    @Test("The plain port sends everybody to TLS, with method, path and query, and answers for health only")
    func redirect() async throws {
        try await Self.run { direct, _ in
            for (method, target) in [("GET", "/"), ("POST", "/api/v1/messages?a=1&b=%20"), ("GET", "/ws/chat?x=y")] {
                let answer = try await direct.stack.request(method, target)
                #expect(answer.status == 308)
                #expect(answer.headers["location"] == "https://127.0.0.1:\(direct.tlsPort)\(target)")
                #expect(answer.error["code"].string == "use_tls")
            }
            for path in ["/health", "/ready"] {
                #expect(try await direct.stack.request("GET", path).status == 200)
            }
        }
    }

    @Test("With PLAIN_HTTP=loopback the plain port answers everything, and listens on 127.0.0.1")
    func loopback() async throws {
        try await Self.run(plain: "loopback") { direct, certificates in
            #expect(try await direct.stack.request("GET", "/").status == 200)
            let customer = try await direct.stack.newCustomer()
            try await direct.stack.connect(customer.token).close()
            let answer = try await certificates.curl(["https://localhost:\(direct.tlsPort)/"])
            #expect(answer.hasPrefix("HTTP/2 200"))
        }
    }

    @Test("A wss client talks, by HTTP/1.1, and over HTTP/2 as browsers do; a bad token is refused on both")
    func webSockets() async throws {
        try await Self.run(plain: "loopback") { direct, certificates in
            let stack = direct.stack
            let customer = try await stack.newCustomer()
            let agent = try await stack.newAgent()
            let agentSocket = try await stack.connect(agent.token)
            let unknown = stack.remember("cust_\(UUID().uuidString.lowercased())")

            let client = try NodeProgram(
                """
                const WebSocket = require('ws');
                const ca = require('fs').readFileSync('\(certificates.authority.path)');
                for (const token of ['\(unknown)', '\(customer.token)']) {
                  const ws = new WebSocket(`wss://localhost:\(direct.tlsPort)/ws/chat?token=${token}`, { ca });
                  ws.on('unexpected-response', (request, response) => console.log(`refused: ${response.statusCode}`));
                  ws.on('open', () => ws.send(JSON.stringify({ content: 'by wss' })));
                  ws.on('message', (data) => console.log(`heard: ${JSON.parse(data).content}`));
                }
                """,
                prelude: "websocket.js"
            )
            try await client.line(containing: "refused: 401")
            let asked = try await agentSocket.next("what came by wss") { $0.content == "by wss" }
            try await agentSocket.say("by TLS", in: asked.conversation)
            try await client.line(containing: "heard: by TLS")

            let script = Repository.endToEndTests.appendingPathComponent("Harness/http2-websocket.js").path
            let (_, output) = try await Program.run(
                "node",
                [script, "https://localhost:\(direct.tlsPort)", certificates.authority.path, unknown, customer.token],
                input: #"{"type":"message","clientMessageId":"a","content":"over HTTP/2"}"#
            )
            #expect(output == "extended CONNECT: true\nstatus: 401\nstatus: 200\n")
            try await agentSocket.next("what came over HTTP/2") { $0.content == "over HTTP/2" }
        }
    }

    @Test("The widget on a page that came by https talks by wss, in Chromium")
    func widget() async throws {
        try await Self.run { direct, _ in
            // REST for the agent goes by the program's own port: the edge's plain one answers nothing else.
            let stack = direct.stack
            func post(_ target: String, _ token: String? = nil, _ json: String) async throws -> JSON {
                let answer = try await Curl.request(
                    "POST",
                    port: stack.customerAPIPort,
                    target,
                    token: token,
                    json: json
                )
                guard answer.status < 300 else { throw EndToEndError("\(target) answered \(answer)") }
                return answer.data
            }
            let login = #"{"login":"\#(stack.admin.login)","password":"\#(stack.admin.password)"}"#
            let token = try #require(try await post("/api/v1/agents/login", nil, login)["token"].string)
            let agent = try await stack.connect(stack.remember(token), gateway: 0)
            try await Browser.run { browser in
                try await browser.open("https://localhost:\(direct.tlsPort)/")
                let root = "document.querySelector('customer-chat').shadowRoot"
                try await browser.wait(until: "!!document.querySelector('customer-chat')")
                _ = try await browser.value(of: "CustomerChat.open()")
                try await browser.wait(until: "!!\(root).querySelector('.begin input')")
                _ = try await browser.value(
                    of: "(\(root).querySelector('.begin input').value = '李娜', "
                        + "\(root).querySelector('.begin').requestSubmit())"
                )
                try await browser.wait(until: "!!\(root).querySelector('.composer textarea')")
                _ = try await browser.value(
                    of: "(\(root).querySelector('.composer textarea').value = 'from a safe page', "
                        + "\(root).querySelector('.composer textarea').dispatchEvent(new Event('input')), "
                        + "\(root).querySelector('.composer').requestSubmit())"
                )
                let asked = try await agent.next("the customer's message") { $0.content == "from a safe page" }
                try await agent.say("hello by TLS", in: asked.conversation)
                try await browser.wait(
                    until:
                        "[...\(root).querySelectorAll('.row.other .text')].some(e => e.textContent === 'hello by TLS')"
                )
            }
            // The only way to a gateway was that of the edge with TLS: the plain one refuses.
            #expect(try await stack.request("GET", "/ws/chat").status == 308)
        }
    }
}
