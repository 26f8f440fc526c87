import Foundation
import Testing

/// A whole story on a system that `deploy/run` started, and then a search for each secret of it wherever somebody else
/// than its owner may look.
@Suite("Secrets")
struct SecretsTests {
    @Test("No token and no password is in Redis, a log, a crash report, a process's arguments or environment")
    func story() async throws {
        let secrets = Secrets()
        let adminPassword = secrets.password("the first")
        let passwordFile = Program.temporaryFile("admin-password")
        try (adminPassword + "\n").write(to: passwordFile, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(at: passwordFile) }
        // One channel's is a variable of deploy/run's, another's in a file.
        let (set, filed) = (secrets.identitySecret(), secrets.identitySecret())
        let secretFile = Program.temporaryFile("identity-secret")
        try (filed + "\n").write(to: secretFile, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(at: secretFile) }
        let deployed = try await DeployedStack.start(settings: [
            "LOG_LEVEL": "trace", "ADMIN_PASSWORD_FILE": passwordFile.path, "DRAIN_TIMEOUT": "3",
            "IDENTITY_SECRET_WECHAT": set, "IDENTITY_SECRET_LINE_FILE": secretFile.path,
        ])
        let (stack, folder) = (deployed.stack, deployed.folder)
        defer {
            deployed.stop()
            try? FileManager.default.removeItem(at: folder)
        }
        secrets.add(try #require(deployed.redisLogin["REDISCLI_AUTH"]))
        secrets.add(String(try #require(stack.redisURL.firstMatch(of: /messaging:([^@]+)@/)).output.1))

        // Everything that Redis is told, and then what is in it.
        let monitor = try Program(
            "redis-cli",
            ["-s", folder.appendingPathComponent("run/redis.sock").path, "MONITOR"],
            environment: deployed.redisLogin,
            output: folder.appendingPathComponent("monitor.txt")
        )
        try await monitor.line(containing: "OK")
        #expect(deployed.redis("CONFIG", "SET", "rdbcompression", "no") == "OK")

        try await Self.tell(stack, adminPassword: adminPassword, secrets)
        for (channel, secret) in [("WECHAT", set), ("LINE", filed)] {
            try await Self.prove(channel, with: secret, to: stack, secrets)
        }
        try await Self.administer(deployed, secrets)
        for (name, part) in try DeployedStack.parts(in: folder) {
            for file in ["cmdline", "environ"] {
                let bytes = try Program.read(file, of: part.processID)
                // What the test itself has set is in deploy/run's own.
                let own = name == "deploy/run" && file == "environ" ? [set] : []
                #expect(secrets.found(in: bytes) == own, "\(file) of \(name)")
                // Who needs none is not told of them either.
                let isTold = bytes.range(of: Data("IDENTITY_SECRET_WECHAT_FILE=".utf8)) != nil
                #expect(isTold == (name == "customer-api" && file == "environ"), "\(file) of \(name)")
            }
        }
        let kept = folder.appendingPathComponent("run/secret.IDENTITY_SECRET_WECHAT")
        #expect(try String(contentsOf: kept, encoding: .utf8) == set + "\n")
        let mode = try FileManager.default.attributesOfItem(atPath: kept.path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        #expect(deployed.redis("SAVE") == "OK")
        // Nothing but the wrong password.
        #expect(deployed.redis("ACL", "LOG").matches(of: /reason\n(?!auth)/).isEmpty)

        // The last one: with a part, deploy/run ends the rest, and prints the end of its log.
        try await Self.crash("gateway-1", of: deployed)
        try await monitor.kill()
        secrets.add(stack.tokens)
        #expect(secrets.count > 20)
        #expect(!FileManager.default.fileExists(atPath: kept.path))
        #expect(try secrets.files(in: folder) == [])
        #expect(secrets.found(in: try Data(contentsOf: deployed.program.outputFile)) == [])

        // The search finds what is there: a word that was in a request's path, and in a customer's name.
        let control = Secrets()
        control.add(Self.marker)
        let places = try control.files(in: folder)
        for place in ["log/edge.log", "log/customer-api.log", "monitor.txt", "redis/dump.rdb"] {
            #expect(places.contains(place), "\(places)")
        }
        #expect(places.contains { $0.contains("append") })
    }

    private static let marker = "marker-\(UUID().uuidString.lowercased())"

    /// What customers and agents do, also wrongly, by REST and WebSocket.
    private static func tell(_ stack: Stack, adminPassword: String, _ secrets: Secrets) async throws {
        _ = try await stack.newCustomer(marker)
        _ = try await stack.request("GET", "/nowhere/\(marker)")
        let admin = try await stack.login("admin", adminPassword)
        let password = secrets.password("an agent's")
        let agentID = try #require(
            try await stack.demand(
                "POST",
                "/api/v1/agents",
                token: admin,
                json: #"{"login":"ann","name":"Ann","role":"agent","password":"\#(password)"}"#
            )["id"].string
        )
        let agent = try await stack.login("ann", password)
        let customer = try await stack.newCustomer()
        for token in [customer.token, agent] {
            for place in [WebSocketClient.TokenPlace.query, .header, .subprotocol] {
                for port in [stack.edgePort, stack.gatewayPorts[0]] {
                    let socket = try await WebSocketClient.connect(to: port, token: token, tokenIn: place)
                    try await socket.send(#"{"content":"hello"}"#)
                    try await socket.send("{")
                    try await socket.close()
                }
            }
            for target in ["/api/v1/customers?token=\(token)", "/nowhere?token=\(token)", "/ws/chat/x?token=\(token)"] {
                let answer = try await stack.request("GET", target, token: token)
                #expect(secrets.found(in: Data(answer.description.utf8)) == [] && !answer.body.contains(token))
            }
            _ = try await stack.request("POST", "/api/v1/messages", token: token, json: #"{"content":1,"#)
        }
        // What was never a token, or a password, of anybody: mistyped ones are nearly as good.
        for token in ["cust_\(UUID().uuidString.lowercased())", UUID().uuidString.lowercased()] {
            stack.remember(token)
            _ = await #expect(throws: HandshakeRefused.self) { _ = try await stack.connect(token) }
            for header in ["Authorization: Bearer \(token)", "Authorization: Basic \(token)", "X-Token: \(token)"] {
                _ = try await stack.request("GET", "/api/v1/agents/me", headers: [header])
            }
        }
        let wrong = secrets.password("a wrong")
        for (login, password) in [("ann", wrong), ("nobody", wrong), (secrets.password("typed as login"), wrong)] {
            let json = #"{"login":"\#(login)","password":"\#(password)"}"#
            let answer = try await stack.request("POST", "/api/v1/agents/login", json: json)
            #expect(answer.status >= 400)
            #expect(!answer.body.contains(wrong))
        }
        // Refused for other reasons: a field that is not known, one of another type, one too long.
        for json in [
            #"{"login":"bob","name":"Bob","role":"agent","passwort":"\#(wrong)"}"#,
            #"{"login":"bob","name":"Bob","role":"agent","password":["\#(wrong)"]}"#,
            #"{"login":"bob","name":"Bob","role":"agent","password":"\#(String(repeating: wrong, count: 20))"}"#,
        ] {
            let answer = try await stack.request("POST", "/api/v1/agents", token: admin, json: json)
            #expect(answer.status >= 400)
            #expect(!answer.body.contains(wrong))
        }

        // Ends of tokens, with their WebSockets open.
        let agentSocket = try await stack.connect(agent)
        let next = secrets.password("an agent's next")
        let put = #"{"password":"\#(next)"}"#
        _ = try await stack.demand("PUT", "/api/v1/agents/\(agentID)", token: admin, json: put)
        #expect(try await agentSocket.closing().code == 4004)
        let again = try await stack.login("ann", next)
        let customerSocket = try await stack.connect(customer.token)
        let listed = try await stack.demand("GET", "/api/v1/customers/\(customer.id)/tokens", token: again)
        #expect(!"\(listed)".contains(customer.token.dropFirst(5)))
        let issued = try await stack.demand("POST", "/api/v1/customers/\(customer.id)/token", token: again)
        stack.remember(try #require(issued["token"].string))
        _ = try await stack.demand("DELETE", "/api/v1/customers/\(customer.id)/tokens", token: again)
        #expect(try await customerSocket.closing().code == 4004)
        _ = try await stack.demand("POST", "/api/v1/agents/logout", token: again)
        _ = try await stack.request("GET", "/api/v1/agents/me", token: again)
    }

    /// A customer's token by a signature, and none by the same one for somebody else, or garbled.
    private static func prove(_ channel: String, with secret: String, to stack: Stack, _ secrets: Secrets) async throws
    {
        let id = "id-\(UUID().uuidString)"
        let expires = Int(Date().timeIntervalSince1970) + 600
        let program =
            "require('crypto').createHmac('sha256', process.env.SECRET).update(process.env.TEXT).digest('hex')"
        let (code, output) = try await Program.run(
            "node",
            ["-p", program],
            environment: ["SECRET": secret, "TEXT": "\(channel)\n\(id)\n\(expires)"]
        )
        let signature = output.trimmingCharacters(in: .whitespacesAndNewlines)
        try #require(code == 0 && signature.count == 64, "\(output)")
        secrets.add(signature)
        func ask(_ id: String, _ signature: String) async throws -> HTTPResponse {
            let identity = #""name":"a","channel":"\#(channel)","channelId":"\#(id)""#
            return try await stack.request(
                "POST",
                "/api/v1/public/customer-token",
                json: #"{\#(identity),"expires":\#(expires),"signature":"\#(signature)"}"#
            )
        }
        let issued = try await ask(id, signature)
        #expect(issued.status == 200)
        stack.remember(try #require(issued.data["token"].string))
        for (id, signature) in [("\(id)x", signature), (id, "\(signature)00"), (id, signature + #"","x":["#)] {
            let refused = try await ask(id, signature)
            #expect(refused.status >= 400)
            #expect(secrets.found(in: Data(refused.description.utf8)) == [])
        }
    }

    /// The same by the command line.
    private static func administer(_ deployed: DeployedStack, _ secrets: Secrets) async throws {
        let program = Repository.programs.appendingPathComponent("customer-api").path
        let environment = ["REDIS_URL_FILE": deployed.folder.appendingPathComponent("run/redis-url").path]
        let password = secrets.password("from standard input")
        let setting = try Program(
            program,
            ["agent", "password", "--login", "ann"],
            environment: environment,
            output: deployed.folder.appendingPathComponent("agent-password.txt")
        )
        try setting.write(line: password)
        // It reads to the end of its input, which is not there yet: it can be looked at.
        for file in ["cmdline", "environ"] {
            let bytes = try setting.read(file)
            #expect(!bytes.isEmpty)
            #expect(secrets.found(in: bytes) == [], "\(file) of customer-api agent password")
        }
        try setting.closeInput()
        #expect(try await setting.exit() == 0)
        _ = try await deployed.stack.login("ann", password)

        // A made-up one is printed for whoever asked, and nowhere else.
        let (code, output) = try await Program.run(
            program,
            ["agent", "add", "--login", "bob", "--name", "Bob"],
            environment: environment
        )
        #expect(code == 0)
        secrets.add(try #require(output.split(separator: "\n").map(String.init).first { $0.count == 24 }))
        _ = try await deployed.stack.agentTokenFromScript()
        // A Redis that refuses the password says so, without it.
        let refused = Program.temporaryFile("redis-url")
        defer { try? FileManager.default.removeItem(at: refused) }
        let url = deployed.stack.redisURL.replacing(
            /messaging:[^@]+@/,
            with: "messaging:\(secrets.password("refused").suffix(36))@"
        )
        try url.write(to: refused, atomically: true, encoding: .utf8)
        let (status, words) = try await Program.run(
            program,
            ["agent", "token", "--login", "ann"],
            environment: ["REDIS_URL_FILE": refused.path, "COMMAND_TIMEOUT_MS": "500"]
        )
        #expect(status != 0)
        #expect(secrets.found(in: Data(words.utf8)) == [])
    }

    /// Ends a part as a bug in it would, and waits until deploy/run has noticed and ended all others.
    private static func crash(_ name: String, of deployed: DeployedStack) async throws {
        let part = try #require(try DeployedStack.parts(in: deployed.folder)[name])
        kill(part.processID, SIGSEGV)
        #expect(try await deployed.program.exit(timeout: .seconds(300)) == 1)
        #expect(deployed.program.output.contains("\(name) ended by itself (signal SEGV)"))
    }
}

/// What nobody may find, and the search for it.
private final class Secrets {
    private var words: Set<String> = []

    var count: Int { words.count }

    func add(_ secret: String) { words.insert(secret) }
    func add(_ secrets: Set<String>) { words.formUnion(secrets) }

    /// A password that nothing else contains.
    func password(_ name: String) -> String {
        let password = "\(name) \(UUID().uuidString.lowercased())"
        // Where it is cut or quoted, its unlikely part is found all the same.
        words.insert(String(password.suffix(36)))
        return password
    }

    /// A channel's, such as `openssl rand -hex 32` makes.
    func identitySecret() -> String {
        let secret = (0..<2).map { _ in UUID().uuidString.lowercased().replacing("-", with: "") }.joined()
        words.insert(secret)
        return secret
    }

    /// Those that are in some bytes, in any form that a program may have written them in.
    func found(in bytes: Data) -> [String] {
        words.filter { word in
            let bare = word.hasPrefix("cust_") ? String(word.dropFirst(5)) : word
            var forms = [Data(bare.utf8), Data(bare.replacing("-", with: "").utf8), Data(bare.uppercased().utf8)]
            forms.append(Data(Data(word.utf8).base64EncodedString().prefix(40).utf8))
            if let id = UUID(uuidString: bare) { forms.append(withUnsafeBytes(of: id.uuid) { Data($0) }) }
            return forms.contains { bytes.range(of: $0) != nil }
        }.sorted()
    }

    /// The files of a folder that hold one, but for those that are there to keep one.
    func files(in folder: URL) throws -> [String] {
        let keepers: Set = ["run/redis-url", "redis/operator-password"]
        let names = try FileManager.default.subpathsOfDirectory(atPath: folder.path)
        return try names.filter { name in
            let file = folder.appendingPathComponent(name)
            let type = try FileManager.default.attributesOfItem(atPath: file.path)[.type] as? FileAttributeType
            guard type == .typeRegular, !keepers.contains(name) else { return false }
            return !found(in: try Data(contentsOf: file)).isEmpty
        }.sorted()
    }
}
