import Foundation
import Messaging
import RedisFixture
import Synchronization
import Testing

@Suite("The command line")
struct CommandLineTests {
    struct Outcome {
        let status: Int32
        let output: String
        let errors: String
    }

    /// The program as it was built beside these tests.
    private static let program: URL = {
        let folder = Bundle.main.executableURL?.deletingLastPathComponent() ?? URL(fileURLWithPath: ".")
        return folder.appendingPathComponent("customer-api")
    }()

    private func start(
        _ arguments: [String],
        input: String?,
        environment: [String: String]
    ) throws -> (process: Process, output: Pipe, errors: Pipe) {
        let process = Process()
        process.executableURL = Self.program
        process.arguments = arguments
        // What a sanitizer needs, it needs there too.
        let sanitizer = ProcessInfo.processInfo.environment.filter { ["LD_PRELOAD", "TSAN_OPTIONS"].contains($0.key) }
        process.environment = environment.merging(sanitizer) { $1 }
        let output = Pipe()
        let errors = Pipe()
        process.standardOutput = output
        process.standardError = errors
        if let input {
            let pipe = Pipe()
            process.standardInput = pipe
            try process.run()
            pipe.fileHandleForWriting.write(Data(input.utf8))
            try pipe.fileHandleForWriting.close()
        } else {
            process.standardInput = FileHandle.nullDevice
            try process.run()
        }
        return (process, output, errors)
    }

    private func run(
        _ arguments: String...,
        input: String? = nil,
        environment: [String: String] = [:]
    ) async throws -> Outcome {
        let (process, output, errors) = try start(arguments, input: input, environment: environment)
        return await blocking {
            let outputBytes = output.fileHandleForReading.readDataToEndOfFile()
            let errorBytes = errors.fileHandleForReading.readDataToEndOfFile()
            process.waitUntilExit()
            return Outcome(
                status: process.terminationStatus,
                output: String(decoding: outputBytes, as: UTF8.self),
                errors: String(decoding: errorBytes, as: UTF8.self)
            )
        }
    }

    @Test("agent password sets a new one, which ends the agent's tokens and forgets failed logins")
    func password() async throws {
        try await TestAPI.run { api in
            let environment = ["REDIS_URL": api.server.programsURL]
            let token = try await api.agentToken("ann", role: .admin)
            func login(_ password: String) async throws -> Int {
                let body = #"{"login":"ann","password":"\#(password)"}"#
                return try await api.call("POST", "/api/v1/agents/login", body: body).status
            }
            for _ in 0..<6 { _ = try await login("wrong") }
            #expect(try await login("wrong") == 429)

            let set = try await run(
                "agent",
                "password",
                "--login",
                "ann",
                input: "correct horse\n",
                environment: environment
            )
            #expect(set.status == 0)
            #expect(set.output == "")
            #expect(try await api.call("GET", "/api/v1/agents/me", token: token).status == 401)
            #expect(try await login("correct horse") == 200)

            let madeUp = try await run("agent", "password", "--login", "ANN", environment: environment)
            let password = madeUp.output.trimmingCharacters(in: .newlines)
            #expect(password.count == 24)
            #expect(try await login(password) == 200)
            #expect(try await login("correct horse") == 401)

            let unknown = try await run("agent", "password", "--login", "bob", environment: environment)
            #expect(unknown.status == 1)
            #expect(unknown.errors.contains("bob"))
            let short = try await run("agent", "password", "--login", "ann", input: "short\n", environment: environment)
            #expect(short.status == 1)
        }
    }

    @Test("agent add takes the password from standard input or makes one up, and agent token prints a token only")
    func agents() async throws {
        try await TestAPI.run { api in
            let environment = ["REDIS_URL": api.server.programsURL]
            let added = try await run(
                "agent",
                "add",
                "--login",
                "ann",
                "--name",
                "Ann",
                "--role",
                "admin",
                input: "correct horse\n",
                environment: environment
            )
            #expect(added.status == 0)
            #expect(added.output == "")
            let session = try await api.call(
                "POST",
                "/api/v1/agents/login",
                body: #"{"login":"ann","password":"correct horse"}"#
            )
            #expect(session.data["role"] == "admin")

            let madeUp = try await run("agent", "add", "--login", "bot", "--name", "Bot", environment: environment)
            #expect(madeUp.status == 0)
            let password = madeUp.output.trimmingCharacters(in: .newlines)
            #expect(password.count == 24)
            let second = try await api.call(
                "POST",
                "/api/v1/agents/login",
                body: #"{"login":"bot","password":"\#(password)"}"#
            )
            #expect(second.data["role"] == "agent")

            let token = try await run("agent", "token", "--login", "ann", environment: environment)
            #expect(token.status == 0)
            #expect(token.output.count == 37)
            #expect(token.errors == "")
            let me = try await api.call(
                "GET",
                "/api/v1/agents/me",
                token: token.output.trimmingCharacters(in: .newlines)
            )
            #expect(me.data["login"] == "ann")

            let again = try await run(
                "agent",
                "add",
                "--login",
                "ann",
                "--name",
                "x",
                input: "correct horse",
                environment: environment
            )
            #expect(again.status == 1)
            #expect(again.errors.hasPrefix("Error: Another agent has this login"))
            #expect(again.errors.contains("customer-api agent password --login ann"))
            #expect(try await run("agent", "token", "--login", "nobody", environment: environment).status == 1)
            let short = try await run(
                "agent",
                "add",
                "--login",
                "b",
                "--name",
                "x",
                input: "1234567\n",
                environment: environment
            )
            #expect(short.status == 1)
            #expect(!short.errors.contains("1234567"))
        }
    }

    @Test("Wrong usage is 64, a wrong setting and an unreachable Redis are 1, each in one readable line")
    func failures() async throws {
        #expect(try await run("agent", "add").status == 64)
        #expect(try await run("agent", "add", "--login", "a b", "--name", "x").status == 64)
        let setting = try await run("serve", environment: ["PORT": "x"])
        #expect(setting.status == 1)
        #expect(setting.errors == "Error: PORT is \"x\"; it must be an integer from 0 to 65535.\n")
        let redis = try await run(
            "agent",
            "token",
            "--login",
            "a",
            environment: ["REDIS_URL": "unix:///nowhere/redis.sock"]
        )
        #expect(redis.status == 1)
        #expect(redis.errors.hasPrefix("Error: "))
        #expect(redis.errors.split(separator: "\n").count == 1)
    }

    @Test("--version prints the version")
    func version() async throws {
        let outcome = try await run("--version")
        #expect(outcome.status == 0)
        #expect(outcome.output == "\(Release.version)\n")
    }

    @Test("--help lists the settings")
    func help() async throws {
        for arguments in ["--help", "serve --help"] {
            let words = arguments.split(separator: " ").map(String.init)
            let outcome = try await words.count == 1 ? run(words[0]) : run(words[0], words[1])
            #expect(outcome.status == 0)
            let text = outcome.output
            for name in ["REDIS_URL", "TOKEN_TTL", "ADMIN_PASSWORD", "COMMAND_TIMEOUT_MS"] {
                #expect(text.contains(name))
            }
        }
    }

    @Test("health tells by its exit code; after SIGTERM the request in flight is answered, and the program ends with 0")
    func healthAndEnd() async throws {
        try await withRedis { server in
            // The program says on which port it listens.
            let (process, _, errors) = try start(
                ["serve"],
                input: nil,
                environment: ["REDIS_URL": server.programsURL, "PORT": "0", "HOST": "127.0.0.1"]
            )
            defer { if process.isRunning { process.terminate() } }
            let port = await blocking { () -> Int? in
                var log = ""
                while true {
                    let data = errors.fileHandleForReading.availableData
                    if data.isEmpty { return nil }
                    log += String(decoding: data, as: UTF8.self)
                    let rest = log.components(separatedBy: "listening on 127.0.0.1:").dropFirst().first
                    if let rest, rest.contains("\n") { return Int(rest.prefix { $0.isNumber }) }
                }
            }
            let number = try #require(port)
            #expect(try await run("health", environment: ["PORT": "\(number)"]).status == 0)

            let idle = try RawConnection(port: number)
            await idle.write("GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(await idle.readAnswer().head.hasPrefix("HTTP/1.1 200"))

            // The answer to the first request says that the head of the second, in the same segment, has been read.
            let busy = try RawConnection(port: number)
            let body = #"{"name":"a","channel":"WEB","channelId":"b"}"#
            await busy.write(
                "GET /health HTTP/1.1\r\nHost: x\r\n\r\nPOST /api/v1/public/customer-token HTTP/1.1\r\nHost: x\r\n"
                    + "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n"
            )
            #expect(await busy.readAnswer().head.hasPrefix("HTTP/1.1 200"))

            process.terminate()
            // It takes no new connections, but finishes what it began.
            while try await run("health", environment: ["PORT": "\(number)"]).status == 0 {}
            await busy.write(body)
            let answer = await busy.readAnswer()
            #expect(answer.head.hasPrefix("HTTP/1.1 200"))
            #expect(answer.body.contains("cust_"))
            await blocking { process.waitUntilExit() }
            #expect(process.terminationReason == .exit)
            #expect(process.terminationStatus == 0)
        }
    }
}
