import Configuration
import CustomerAPI
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
            "ATTACHMENT_QUOTA_BYTES": "0",
        ])
        #expect(settings.host == "::1")
        #expect(settings.port == 0)
        #expect(settings.redis.database == 2)
        #expect(settings.tokenLifetime == .seconds(60))
        #expect(settings.maxBodyBytes == 1024)
        #expect(settings.attachmentsFolder == "/files")
        #expect(settings.maxAttachmentBytes == 1024)
        #expect(settings.attachmentQuotaBytes == 0)
        #expect(settings.redis.commandTimeout == .milliseconds(10))
        #expect(settings.logLevel == .debug)
        #expect(settings.firstAdmin?.login == "root")
    }

    @Test(
        "What can't be is refused with the variable's name, and no secret",
        arguments: [
            ["PORT": "abc"], ["PORT": "65536"], ["TOKEN_TTL": "59"], ["TOKEN_TTL": "2592001"], ["TOKEN_TTL": "24h"],
            ["MAX_BODY_BYTES": "1"], ["MAX_ATTACHMENT_BYTES": "33554433"], ["ATTACHMENT_QUOTA_BYTES": "-1"],
            ["COMMAND_TIMEOUT_MS": "0"], ["LOG_LEVEL": "loud"],
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

    @Test("The help lists every setting with type, default and meaning")
    func help() {
        for setting in Setting.all {
            #expect(Setting.help.contains("  \(setting.name)\n      \(setting.meaning)\n      (\(setting.type); "))
        }
        #expect(Setting.all.count == 23)
    }
}
