import Foundation
import Testing

/// `deploy/redis`, by which Redis is started in containers and by `deploy/run`.
@Suite("deploy/redis")
struct RedisScriptTests {
    @Test(
        "Makes up two passwords, keeps them, gives the programs' user its rights, and shows no password to Redis or ps"
    )
    func users() async throws {
        let folder = Program.temporaryFile("redis")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: folder) }
        func text(_ name: String) throws -> String {
            try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
                .trimmingCharacters(in: .newlines)
        }
        func ask(_ password: String?, user: String? = nil, _ command: String...) async throws -> String {
            try await Program.run(
                "redis-cli",
                ["-s", folder.appendingPathComponent("s").path] + (user.map { ["--user", $0] } ?? []) + command,
                environment: password.map { ["REDISCLI_AUTH": $0] } ?? [:]
            ).output
        }

        var first: (url: String, operator: String)?
        for start in 1...2 {
            let redis = try Program(
                Repository.root.appendingPathComponent("deploy/redis").path,
                [
                    folder.path, "redis://host:1/0", "--port", "0", "--unixsocket",
                    folder.appendingPathComponent("s").path,
                ],
                environment: ["REDIS_URL_FILE": folder.appendingPathComponent("url").path]
                    .merging(start == 1 ? [:] : ["REDIS_MAXMEMORY": "100mb"]) { $1 },
                output: folder.appendingPathComponent("log")
            )
            defer { redis.send(SIGKILL) }
            try await redis.line(containing: "ready to accept connections")
            let url = try text("url")
            let operatorPassword = try text("operator-password")
            let password = try #require(url.wholeMatch(of: /redis:\/\/messaging:([A-Za-z0-9]{32})@host:1\/0/)).output.1
            #expect(operatorPassword.wholeMatch(of: /[A-Za-z0-9]{32}/) != nil && operatorPassword != password)

            let memory = try #require(
                try await ask(operatorPassword, "CONFIG", "GET", "maxmemory").split(separator: "\n").last.flatMap {
                    Int($0)
                }
            )
            #expect(
                start == 1 ? memory > 0 && memory < ProcessInfo.processInfo.physicalMemory * 2 / 3 : memory == 100 << 20
            )

            #expect(try await ask(nil, "PING").contains("NOAUTH"))
            #expect(try await ask(operatorPassword, "SET", "start", "\(start)").contains("OK"))
            #expect(try await ask(String(password), user: "messaging", "PING").contains("PONG"))
            #expect(try await ask(String(password), user: "messaging", "GET", "start").contains("NOPERM"))
            #expect(try await ask(operatorPassword, user: "messaging", "PING").contains("WRONGPASS"))
            // Only digests are where Redis reads them, and only we may read the rest.
            var places = try [text("users.acl"), text("log")]
            places.append(try await ask(operatorPassword, "CONFIG", "GET", "*"))
            for file in ["cmdline", "environ"] {
                places.append(try String(contentsOfFile: "/proc/\(redis.processID)/\(file)", encoding: .utf8))
            }
            for place in places {
                #expect(!place.contains(password) && !place.contains(operatorPassword))
            }
            for name in ["url", "operator-password", "users.acl"] {
                let path = folder.appendingPathComponent(name).path
                let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
                #expect(mode == 0o600)
            }
            if let first { #expect(first == (url, operatorPassword)) }
            first = (url, operatorPassword)
            #expect(try await ask(operatorPassword, "GET", "start").contains("\(start)"))
            redis.send(SIGTERM)
            #expect(try await redis.exit() == 0)
        }
    }
}
