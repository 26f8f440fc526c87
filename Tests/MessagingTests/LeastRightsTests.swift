import Foundation
import RedisFixture
import Testing

/// `deploy/redis.acl`: what the programs' user may do in Redis. That it is enough, all other tests show.
@Suite("The programs' user in Redis")
struct LeastRightsTests {
    @Test("It may run the commands that the programs and their scripts run, and no others")
    func commands() throws {
        var used: Set<String> = []
        for file in try Self.files(under: "Sources/Messaging") + Self.files(under: "Sources/Hiredis") {
            let text = try String(contentsOf: file, encoding: .utf8)
            for match in text.matches(of: /RedisCommand\(\s*"([A-Z]+)"(?:,\s*"(SETNAME|SLOTS)")?/) {
                used.insert([match.1, match.2].compactMap { $0?.lowercased() }.joined(separator: "|"))
            }
            for match in text.matches(of: /call\(\s*'([A-Z]+)'/) { used.insert(match.1.lowercased()) }
            for match in text.matches(of: /local PUBLISH = '([A-Z]+)'/) { used.insert(match.1.lowercased()) }
        }
        // Of RedisCommand(evaluating:), and of what leaves a subscription.
        used.formUnion(["evalsha", "eval", "unsubscribe"])
        // Everybody may log in; sentinels have users of their own.
        used.subtract(["auth", "sentinel"])
        let allowed = try Self.rules().filter { $0.hasPrefix("+") }.map { String($0.dropFirst()) }
        #expect(Set(allowed) == used)
        #expect(allowed.count == Set(allowed).count)
    }

    @Test("It is refused what administers Redis, keys that are not the system's, and other topics")
    func refusals() async throws {
        try await withRedis { redis in
            let password = Self.password(of: redis.programsURL)
            func asProgram(_ command: [String]) throws -> String {
                try redis.command(["--user", "messaging", "--pass", password] + command)
            }
            #expect(try asProgram(["PING"]) == "PONG")
            #expect(try asProgram(["SET", "{p00pe}:x", "1"]) == "OK")
            for command in [
                ["CONFIG", "GET", "dir"], ["FLUSHALL"], ["KEYS", "*"], ["SCAN", "0"],
                ["ACL", "WHOAMI"], ["CLIENT", "LIST"], ["SCRIPT", "FLUSH"], ["FUNCTION", "LIST"], ["SAVE"],
                ["REPLICAOF", "NO", "ONE"], ["MONITOR"], ["SHUTDOWN"], ["MODULE", "LIST"], ["SLOWLOG", "GET"],
                ["GET", "foreign"], ["SET", "layout2", "1"], ["GET", "{q00}:x"], ["PUBLISH", "news", "1"],
                ["SUBSCRIBE", "news"], ["PSUBSCRIBE", "*"], ["CLUSTER", "RESET"],
                ["EVAL", "return redis.call('GET', 'foreign')", "0"],
                ["EVAL", "return redis.call('FLUSHALL')", "0"],
            ] {
                let answer = try asProgram(command)
                #expect(
                    answer.hasPrefix("NOPERM") || answer.contains("The user executing the script can't"),
                    "\(command): \(answer)"
                )
            }
        }
    }

    private static func password(of url: String) -> String {
        String(url.split(separator: "@")[0].split(separator: ":").last ?? "")
    }

    private static let root = URL(filePath: #filePath).appending(path: "../../..").standardized

    private static func rules() throws -> [String] {
        try String(contentsOf: root.appending(path: "deploy/redis.acl"), encoding: .utf8).split(separator: "\n")
            .filter { $0.first?.isNumber == true }
            .flatMap { $0.split(separator: " ").dropFirst().map(String.init) }
    }

    private static func files(under folder: String) throws -> [URL] {
        let path = root.appending(path: folder)
        return try FileManager.default.subpathsOfDirectory(atPath: path.path)
            .filter { $0.hasSuffix(".swift") || $0.hasSuffix(".lua") }.map { path.appending(path: $0) }
    }
}
