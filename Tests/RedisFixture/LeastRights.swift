import Foundation

/// The user that both programs have in every test's Redis: its rights are those of `deploy/redis.acl`, so that each test
/// shows that they are enough.
enum LeastRights {
    /// As it stands in a URL.
    static let login = "messaging:the-password-of-the-programs"

    /// redis-server's arguments that make it.
    static func options() throws -> [String] {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../deploy/redis.acl").standardized
        let rules = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
            .filter { $0.first?.isNumber == true }
            .flatMap { $0.split(separator: " ").dropFirst().map(String.init) }
        let password = login.split(separator: ":")[1]
        return ["--user", "messaging", "on", ">\(password)"] + rules
    }
}
