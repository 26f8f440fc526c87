import Configuration
import CustomerAPI
import Foundation
import Messaging
import Testing

@Suite("Settings")
struct ConfigurationTests {
    private func configuration(_ environment: [String: String]) throws -> CustomerAPI.Configuration {
        try CustomerAPI.Configuration(
            reader: ConfigReader(provider: EnvironmentVariablesProvider(environmentVariables: environment))
        )
    }

    @Test("Without any, the defaults hold; an empty variable counts as none")
    func defaults() throws {
        for environment in [[:], ["PORT": "", "ADMIN_LOGIN": "", "ADMIN_PASSWORD": "", "LOG_LEVEL": ""]] {
            let settings = try configuration(environment)
            #expect(settings.host == "0.0.0.0")
            #expect(settings.port == 8081)
            #expect(settings.tokenLifetime == .seconds(86_400))
            #expect(settings.maxBodyBytes == 65_536)
            #expect(settings.attachmentsFolder == nil)
            #expect(settings.maxAttachmentBytes == 10_485_760)
            #expect(settings.attachmentQuotaBytes == 104_857_600)
            #expect(settings.redis.commandTimeout == .seconds(2))
            #expect(settings.requestsPerSecond == 100)
            #expect(settings.failedTokensPerMinute == 300)
            #expect(settings.logLevel == .info)
            #expect(settings.firstAdmin == nil)
        }
    }

    @Test("Each is read")
    func all() throws {
        let settings = try configuration([
            "HOST": "::1", "PORT": "0", "REDIS_URL": "redis://:pass@example.com:1/2", "TOKEN_TTL": "60",
            "MAX_BODY_BYTES": "1024", "COMMAND_TIMEOUT_MS": "10", "LOG_LEVEL": "DEBUG", "ADMIN_LOGIN": "Root",
            "ADMIN_PASSWORD": "12345678", "ATTACHMENTS_DIR": "/files", "MAX_ATTACHMENT_BYTES": "1024",
            "ATTACHMENT_QUOTA_BYTES": "0", "REQUESTS_PER_SECOND": "17", "FAILED_TOKENS_PER_MINUTE": "0",
        ])
        #expect(settings.host == "::1")
        #expect(settings.port == 0)
        #expect(settings.redis.database == 2)
        #expect(settings.tokenLifetime == .seconds(60))
        #expect(settings.maxBodyBytes == 1024)
        #expect(settings.attachmentsFolder == "/files")
        #expect(settings.maxAttachmentBytes == 1024)
        #expect(settings.attachmentQuotaBytes == 0)
        #expect(settings.requestsPerSecond == 17)
        #expect(settings.failedTokensPerMinute == 0)
        #expect(settings.redis.commandTimeout == .milliseconds(10))
        #expect(settings.logLevel == .debug)
        #expect(settings.firstAdmin?.login == "root")
    }

    @Test(
        "What can't be is refused with the variable's name, and no secret",
        arguments: [
            ["PORT": "abc"], ["PORT": "65536"], ["TOKEN_TTL": "59"], ["TOKEN_TTL": "2592001"], ["TOKEN_TTL": "24h"],
            ["MAX_BODY_BYTES": "1"], ["MAX_ATTACHMENT_BYTES": "33554433"], ["ATTACHMENT_QUOTA_BYTES": "-1"],
            ["COMMAND_TIMEOUT_MS": "0"], ["LOG_LEVEL": "loud"], ["REQUESTS_PER_SECOND": "-1"],
            ["FAILED_TOKENS_PER_MINUTE": "many"],
            ["REDIS_URL": "http://hidden-pw@x"],
            ["ADMIN_LOGIN": "root"], ["ADMIN_PASSWORD": "hidden-pw"],
            ["ADMIN_LOGIN": "a b", "ADMIN_PASSWORD": "hidden-pw"],
            ["ADMIN_PASSWORD": "hidden", "ADMIN_LOGIN": "root"],
        ]
    )
    func refusals(environment: [String: String]) throws {
        let error = #expect(throws: ConfigurationError.self) { try configuration(environment) }
        let message = error?.description ?? ""
        #expect(environment.keys.contains { message.contains($0) })
        #expect(!message.contains("hidden"))
    }

    @Test("Each secret can come from a file, whose last line feed does not count; the variable itself counts before it")
    func secretFiles() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("secrets-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: folder) }
        func file(_ text: String) throws -> String {
            let file = folder.appendingPathComponent(UUID().uuidString)
            try text.write(to: file, atomically: true, encoding: .utf8)
            return file.path
        }
        let settings = try configuration([
            "REDIS_URL_FILE": file("redis://app@example.com:1/2\r\n"), "REDIS_PASSWORD_FILE": file("p@ss/wörd\n"),
            "ADMIN_LOGIN": "root", "ADMIN_PASSWORD_FILE": file(" a password with spaces "),
        ])
        #expect(settings.redis.username == "app")
        #expect(settings.redis.password == "p@ss/wörd")
        #expect(settings.firstAdmin?.password == " a password with spaces ")
        #expect(Setting.secrets.count == 3 + CustomerChannel.allCases.count)
        for setting in Setting.secrets {
            // A file that cannot be used is only a problem where it is looked at.
            let missing = [
                "\(setting.name)_FILE": "/nowhere/secret", "ADMIN_LOGIN": "root", "ADMIN_PASSWORD": "12345678",
            ]
            guard setting.name != "ADMIN_PASSWORD" else { continue }
            let error = #expect(throws: ConfigurationError.self) { try configuration(missing) }
            #expect(error?.description.contains("\(setting.name)_FILE names a file that can't be read") == true)
        }
        #expect(
            try configuration(["REDIS_URL": "redis://:word@h", "REDIS_URL_FILE": "/nowhere"]).redis.password == "word"
        )
        for (text, problem) in [
            ("", "is empty"), ("\n", "is empty"), (String(repeating: "x", count: 70_000), "more than"),
        ] {
            let error = #expect(throws: ConfigurationError.self) {
                try configuration(["REDIS_PASSWORD_FILE": file(text)])
            }
            #expect(error?.description.contains(problem) == true)
        }
        let binary = folder.appendingPathComponent("binary")
        try Data([0x61, 0xFF]).write(to: binary)
        let error = #expect(throws: ConfigurationError.self) {
            try configuration(["REDIS_PASSWORD_FILE": binary.path])
        }
        #expect(error?.description.contains("is not UTF-8") == true)
        // What is no secret has no file.
        #expect(try configuration(["PORT_FILE": "/nowhere"]).port == 8081)
    }

    @Test("The help lists every setting with type, default and meaning")
    func help() {
        for setting in Setting.all {
            #expect(Setting.help.contains("  \(setting.name)\n      \(setting.meaning)\n      (\(setting.type); "))
        }
        #expect(Setting.all.count == 27)
    }
}
