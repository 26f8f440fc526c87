import Configuration
import Foundation
import Gateway
import Messaging
import Testing

@Suite("The gateway's settings")
struct ConfigurationTests {
    private func read(_ environment: [String: String]) -> Result<Gateway.Configuration, ConfigurationError> {
        let reader = ConfigReader(provider: EnvironmentVariablesProvider(environmentVariables: environment))
        return Result { () throws(ConfigurationError) in try Gateway.Configuration(reader: reader) }
    }

    @Test("Without an environment the defaults hold")
    func defaults() throws {
        let settings = try read([:]).get()
        #expect(settings.host == "0.0.0.0")
        #expect(settings.port == 8082)
        #expect(settings.maxConnections == 15_000)
        #expect(settings.maxMessageBytes == 65_536)
        #expect(settings.drainTimeoutSeconds == 20)
        #expect(settings.heartbeatSeconds == 25)
        #expect(settings.gatewayID.count == 8)
        #expect(try settings.gatewayID != read([:]).get().gatewayID)
    }

    @Test("Every setting of the table is read from its variable, and shown by --help")
    func table() throws {
        let values = [
            "HOST": "::1", "PORT": "0", "REDIS_URL": "redis://:secret@h:1/2", "LOG_LEVEL": "debug", "LOOPS": "3",
            "DURABILITY": "replicated", "REDIS_PASSWORD": "hidden",
            "GATEWAY_ID": "g-1", "HEARTBEAT_SECONDS": "7", "DRAIN_TIMEOUT": "8", "MAX_CONNECTIONS": "9",
            "MAX_MESSAGE_BYTES": "2048", "COMMAND_TIMEOUT_MS": "100", "SLOW_READER_SECONDS": "11",
            "CONVERSATION_LOG_LIMIT": "1200", "MAX_CONVERSATIONS_PER_CUSTOMER": "13",
            "TRUSTED_PROXIES": "192.0.2.1", "ALLOWED_ORIGINS": "https://shop.example.com",
            "HANDSHAKES_PER_SECOND": "14", "FAILED_TOKENS_PER_MINUTE": "15", "MAX_CONNECTIONS_PER_ADDRESS": "16",
            "MAX_CONNECTIONS_PER_TOKEN": "17", "MAX_CONNECTIONS_PER_CUSTOMER": "18", "MESSAGES_PER_SECOND": "19",
            "BYTES_PER_SECOND": "20",
        ]
        #expect(Set(Gateway.Configuration.settings.map(\.name)) == Set(values.keys))
        let settings = try read(values).get()
        #expect(settings.host == "::1")
        #expect(settings.durability == "replicated")
        #expect(settings.port == 0)
        #expect(settings.redisURL == "redis://:secret@h:1/2")
        #expect(settings.redisPassword == "hidden")
        #expect(settings.logLevel == "debug")
        #expect(settings.loops == 3)
        #expect(settings.gatewayID == "g-1")
        #expect(settings.heartbeatSeconds == 7)
        #expect(settings.drainTimeoutSeconds == 8)
        #expect(settings.maxConnections == 9)
        #expect(settings.maxMessageBytes == 2048)
        #expect(settings.commandTimeoutMilliseconds == 100)
        #expect(settings.slowReaderSeconds == 11)
        #expect(settings.conversationLogLimit == 1200)
        #expect(settings.maxConversationsPerCustomer == 13)
        #expect(try settings.trustedProxies == TrustedProxies("192.0.2.1"))
        #expect(try settings.allowedOrigins == AllowedOrigins("https://shop.example.com"))
        #expect(settings.clientLimits.handshakesPerSecond == 14)
        #expect(settings.clientLimits.failedTokensPerMinute == 15)
        #expect(settings.clientLimits.connectionsPerAddress == 16)
        #expect(settings.clientLimits.connectionsPerToken == 17)
        #expect(settings.clientLimits.connectionsPerCustomer == 18)
        #expect(settings.sendingRate == SendingRate(messagesPerSecond: 19, bytesPerSecond: 20))
        for setting in Gateway.Configuration.settings {
            #expect(Gateway.Configuration.help.contains("  \(setting.name)  ("))
            #expect(Gateway.Configuration.help.contains(setting.meaning))
        }
    }

    @Test(
        "A bad value is named with what it must be",
        arguments: [
            ("PORT", "65536"), ("PORT", "http"), ("PORT", "80 "), ("LOOPS", "0"), ("LOG_LEVEL", "loud"),
            ("DURABILITY", "some"), ("DURABILITY", "replicated:0"), ("DURABILITY", "replicated:"),
            ("GATEWAY_ID", "a b"),
            ("TRUSTED_PROXIES", "edge"), ("HANDSHAKES_PER_SECOND", "-1"),
            ("GATEWAY_ID", "g:1"), ("MAX_MESSAGE_BYTES", "-1"), ("DRAIN_TIMEOUT", "20s"),
        ]
    )
    func bad(name: String, value: String) {
        guard case .failure(let error) = read([name: value]) else {
            Issue.record("accepted")
            return
        }
        #expect(error.name == name)
        #expect(error.description.hasPrefix("\(name) must be "))
        #expect(error.description.contains("\"\(value)\""))
    }

    @Test("A bad origin is named with what to do")
    func badOrigin() {
        guard case .failure(let error) = read(["ALLOWED_ORIGINS": "https://a.example,https://b.example/"]) else {
            Issue.record("accepted")
            return
        }
        #expect(error.name == "ALLOWED_ORIGINS")
        #expect(error.description.hasPrefix("ALLOWED_ORIGINS must be exact origins"))
        #expect(error.description.contains("nothing after the host and the port"))
        #expect(error.description.contains("not \"https://b.example/\""))
    }

    @Test("A bad REDIS_URL is not shown, for the password in it")
    func secret() {
        guard case .failure(let error) = read(["REDIS_URL": "http://:secret@h"]) else {
            Issue.record("accepted")
            return
        }
        #expect(error.name == "REDIS_URL")
        #expect(!error.description.contains("secret"))
    }

    @Test("A secret can come from a file; one that cannot be read is named, and nothing of what is in it")
    func secretFiles() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("secret-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: file) }
        try "redis://:secret@h:1/2\n".write(to: file, atomically: true, encoding: .utf8)
        #expect(try read(["REDIS_URL_FILE": file.path]).get().redisURL == "redis://:secret@h:1/2")
        #expect(try read(["REDIS_PASSWORD_FILE": file.path]).get().redisPassword == "redis://:secret@h:1/2")
        #expect(try read(["REDIS_URL": "redis://h", "REDIS_URL_FILE": file.path]).get().redisURL == "redis://h")
        #expect(try read(["HOST_FILE": "/nowhere"]).get().host == "0.0.0.0")

        guard case .failure(let missing) = read(["REDIS_PASSWORD_FILE": "/nowhere/secret"]) else {
            Issue.record("accepted")
            return
        }
        #expect(missing.description.contains("must be the path of a secret's file, but /nowhere/secret can't be read"))
        try "http://secret".write(to: file, atomically: true, encoding: .utf8)
        guard case .failure(let bad) = read(["REDIS_URL_FILE": file.path]) else {
            Issue.record("accepted")
            return
        }
        #expect(!bad.description.contains("secret@") && !bad.description.contains("http://"))
    }

    @Test("A variable that is empty counts as not set")
    func empty() throws {
        #expect(try read(["PORT": "", "HOST": ""]).get().port == 8082)
    }

    @Test("Defences are on unless a test switches them off, which --help does not offer")
    func defences() throws {
        #expect(try read([:]).get().disabledDefences == [])
        #expect(try read(["UNSAFE_DISABLE": "tick,deduplication"]).get().disabledDefences == [.tick, .deduplication])
        guard case .failure(let error) = read(["UNSAFE_DISABLE": "everything"]) else {
            Issue.record("accepted")
            return
        }
        #expect(error.name == "UNSAFE_DISABLE")
        #expect(try read(["UNSAFE_DISCARD_PUBLICATIONS": ""]).get().discardedWord == nil)
        #expect(try read(["UNSAFE_DISCARD_PUBLICATIONS": "unheard"]).get().discardedWord == "unheard")
        #expect(!Gateway.Configuration.help.contains("UNSAFE"))
    }
}
