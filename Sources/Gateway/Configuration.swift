package import Configuration
package import Messaging
import NIOCore  // System.coreCount

/// The gateway's settings: environment variables, read and checked once at start.
///
/// ``settings`` is the one table of them: parsing, defaults and `--help` all come from it.
package struct Configuration: Sendable {
    package var host = "0.0.0.0"
    package var port = 8082
    package var redisURL = "redis://127.0.0.1:6379/0"
    /// Empty: it is in the URL, or there is none.
    package var redisPassword = ""
    package var durability = "single"
    package var logLevel = "info"
    package var loops = Configuration.availableCores
    package var gatewayID = Configuration.randomGatewayID()
    package var heartbeatSeconds = 25
    package var drainTimeoutSeconds = 20
    package var maxConnections = 15_000
    package var maxMessageBytes = 65_536
    package var commandTimeoutMilliseconds = 2000
    package var slowReaderSeconds = 10
    package var conversationLogLimit = 100_000
    package var maxConversationsPerCustomer = 200
    package var trustedProxies = TrustedProxies.standard
    package var allowedOrigins = AllowedOrigins.any
    package var clientLimits = ClientLimits.Amounts()
    package var sendingRate = SendingRate(messagesPerSecond: 100, bytesPerSecond: 262_144)
    /// From `UNSAFE_DISABLE`, which is for tests of the tests only: not in ``settings``, and `--help` does not name it.
    package var disabledDefences: Set<Defence> = []
    /// From `UNSAFE_DISCARD_PUBLICATIONS`, which is hidden in the same way: publications that hold this word count as lost.
    package var discardedWord: String?

    /// The defaults.
    package init() {}

    /// Reads the environment, or what stands for it. A variable that is empty counts as not set. A secret `NAME` can also
    /// come from a file, `NAME_FILE` (``SecretFile``).
    ///
    /// - Throws: ``ConfigurationError`` for the first value, in the table's order, that is not acceptable.
    package init(reader: ConfigReader) throws(ConfigurationError) {
        for setting in Self.settings {
            guard let text = try Self.text(of: setting, in: reader), !text.isEmpty else { continue }
            do throws(InvalidSetting) {
                try setting.apply(text, &self)
            } catch {
                throw ConfigurationError(
                    name: setting.name,
                    value: setting.isSecret ? nil : error.value,
                    expected: error.expected
                )
            }
        }
        for word in (reader.string(forKey: ["unsafe", "disable"]) ?? "").split(separator: ",") {
            guard let defence = Defence(rawValue: String(word)) else {
                throw ConfigurationError(name: "UNSAFE_DISABLE", value: String(word), expected: "names of defences")
            }
            disabledDefences.insert(defence)
        }
        let word = reader.string(forKey: ["unsafe", "discard", "publications"]) ?? ""
        discardedWord = word.isEmpty ? nil : word
    }

    private static func text(of setting: Setting, in reader: ConfigReader) throws(ConfigurationError) -> String? {
        func value(_ name: String) -> String? {
            let key = ConfigKey(name.lowercased().split(separator: "_").map(String.init))
            return reader.string(forKey: key, isSecret: setting.isSecret)
        }
        guard setting.isSecret else { return value(setting.name) }
        do {
            return try SecretFile.value(of: setting.name, lookUp: value)
        } catch {
            throw ConfigurationError(
                name: error.setting,
                value: nil,
                expected: "the path of a secret's file, but \(error.path) \(error.problem)"
            )
        }
    }

    package func lacks(_ defence: Defence) -> Bool { disabledDefences.contains(defence) }

    package static let settings: [Setting] = [
        .text("HOST", \.host, "an address", "The address to listen on.") { !$0.isEmpty },
        .number("PORT", \.port, 0...65_535, "The port to listen on; 0 takes any that is free."),
        .text(
            "REDIS_URL",
            \.redisURL,
            "a redis://, unix://, redis-sentinel:// or redis-cluster:// URL",
            "redis://user:password@host:port/db, unix:///path?db=N, redis-sentinel://host:26379,host/primary/db or "
                + "redis-cluster://host:port,host.",
            isSecret: true
        ) {
            url in ["redis://", "unix://", "redis-sentinel://", "redis-cluster://"].contains { url.hasPrefix($0) }
        },
        .text(
            "REDIS_PASSWORD",
            \.redisPassword,
            "text",
            "The password, where REDIS_URL has none; the user may stand there: redis://user@host.",
            isSecret: true
        ) { !$0.isEmpty },
        .text(
            "DURABILITY",
            \.durability,
            Durability.expected,
            "With replicated a message is acknowledged only once a replica of Redis has it too, with replicated:N N of them."
        ) {
            Durability.replicas($0) != nil
        },
        .text(
            "LOG_LEVEL",
            \.logLevel,
            "a level: trace, debug, info, notice, warning, error, critical",
            "What is logged."
        ) {
            ["trace", "debug", "info", "notice", "warning", "error", "critical"].contains($0)
        },
        .number("LOOPS", \.loops, 1...256, "Event loops, one thread each.", default: "one for each core"),
        .text(
            "GATEWAY_ID",
            \.gatewayID,
            "a name of 1 to 32 letters, digits or hyphens",
            "This gateway's name; no two that run may share one.",
            default: "8 random hexadecimal digits"
        ) { (1...32).contains($0.utf8.count) && $0.utf8.allSatisfy(Self.isNameByte) },
        .number(
            "HEARTBEAT_SECONDS",
            \.heartbeatSeconds,
            1...3600,
            "How often a connection is pinged; one that stays silent for two periods is closed."
        ),
        .number(
            "DRAIN_TIMEOUT",
            \.drainTimeoutSeconds,
            0...3600,
            "Seconds to say goodbye to all connections on SIGTERM."
        ),
        .number("MAX_CONNECTIONS", \.maxConnections, 1...1_000_000, "WebSockets at a time; past it, 503."),
        .number("MAX_MESSAGE_BYTES", \.maxMessageBytes, 1024...1_048_576, "Longest message; past it, close code 1009."),
        .number("COMMAND_TIMEOUT_MS", \.commandTimeoutMilliseconds, 50...60_000, "How long Redis may take to answer."),
        .number("SLOW_READER_SECONDS", \.slowReaderSeconds, 1...3600, "Not reading for longer is close code 4008."),
        .number("CONVERSATION_LOG_LIMIT", \.conversationLogLimit, 100...10_000_000, "Messages kept of a conversation."),
        .number(
            "MAX_CONVERSATIONS_PER_CUSTOMER",
            \.maxConversationsPerCustomer,
            1...100_000,
            "Conversations a customer may open; past it, an error."
        ),
        .value(
            "TRUSTED_PROXIES",
            "addresses and nets with commas between, or none",
            "Whose X-Forwarded-For is believed. All others count as the client themselves.",
            default: TrustedProxies.defaultSetting
        ) { text, configuration throws(InvalidSetting) in configuration.trustedProxies = try TrustedProxies(text) },
        .value(
            "ALLOWED_ORIGINS",
            "exact origins with commas between, such as https://shop.example.com",
            "Whose pages may connect; past it, 403. Programs that are no browser send no Origin, and may.",
            default: "any"
        ) { text, configuration throws(InvalidSetting) in configuration.allowedOrigins = try AllowedOrigins(text) },
        .number(
            "HANDSHAKES_PER_SECOND",
            \.clientLimits.handshakesPerSecond,
            0...100_000,
            "Handshakes of an address, and those of 5 s at once; past it, 429. 0: no limit."
        ),
        .number(
            "FAILED_TOKENS_PER_MINUTE",
            \.clientLimits.failedTokensPerMinute,
            0...1_000_000,
            "Tokens of an address that are not good; past it, 429 to its handshakes. 0: no limit."
        ),
        .number(
            "MAX_CONNECTIONS_PER_ADDRESS",
            \.clientLimits.connectionsPerAddress,
            0...1_000_000,
            "WebSockets of an address on this gateway; past it, 429. 0: no limit."
        ),
        .number(
            "MAX_CONNECTIONS_PER_TOKEN",
            \.clientLimits.connectionsPerToken,
            0...1_000_000,
            "WebSockets of a token on this gateway; past it, 429. 0: no limit."
        ),
        .number(
            "MAX_CONNECTIONS_PER_CUSTOMER",
            \.clientLimits.connectionsPerCustomer,
            0...1_000_000,
            "WebSockets of a customer on this gateway; past it, 429. 0: no limit."
        ),
        .number(
            "MESSAGES_PER_SECOND",
            \.sendingRate.messagesPerSecond,
            0...1_000_000,
            "Messages, pings and pongs of a WebSocket, and those of 5 s at once, an agent's ten times as many; past it, it is read "
                + "more slowly, and after 30 s of that closed with 4029. 0: no limit."
        ),
        .number(
            "BYTES_PER_SECOND",
            \.sendingRate.bytesPerSecond,
            0...1_000_000_000,
            "The same for bytes."
        ),
    ]

    /// The text of `--help` about the environment.
    package static var help: String {
        var lines = [
            "ENVIRONMENT:",
            "  A secret NAME can also come from a file: its path is in NAME_FILE, which counts where NAME is not set.",
        ]
        for setting in settings {
            let notes = [
                setting.type, setting.defaultValue.isEmpty ? "no default" : "default: \(setting.defaultValue)",
                setting.isSecret ? "secret, never logged" : nil,
            ].compactMap { $0 }
            lines.append("  \(setting.name)  (\(notes.joined(separator: "; ")))")
            lines.append("      \(setting.meaning)")
        }
        return lines.joined(separator: "\n")
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}

/// One environment variable.
package struct Setting: Sendable {
    package let name: String
    /// What values are acceptable, for people.
    package let type: String
    package let defaultValue: String
    package let meaning: String
    package let isSecret: Bool
    /// - Throws: if the text is not acceptable.
    fileprivate let apply:
        @Sendable (_ text: String, _ configuration: inout Configuration) throws(InvalidSetting) -> Void

    fileprivate static func text(
        _ name: String,
        _ path: any WritableKeyPath<Configuration, String> & Sendable,
        _ type: String,
        _ meaning: String,
        isSecret: Bool = false,
        default defaultValue: String? = nil,
        where isAcceptable: @escaping @Sendable (String) -> Bool
    ) -> Setting {
        Setting(
            name: name,
            type: type,
            defaultValue: defaultValue ?? Configuration()[keyPath: path],
            meaning: meaning,
            isSecret: isSecret
        ) { text, configuration throws(InvalidSetting) in
            guard isAcceptable(text) else { throw InvalidSetting(value: text, expected: type) }
            configuration[keyPath: path] = text
        }
    }

    fileprivate static func number(
        _ name: String,
        _ path: any WritableKeyPath<Configuration, Int> & Sendable,
        _ range: ClosedRange<Int>,
        _ meaning: String,
        default defaultValue: String? = nil
    ) -> Setting {
        let type = "a whole number from \(range.lowerBound) to \(range.upperBound)"
        return Setting(
            name: name,
            type: type,
            defaultValue: defaultValue ?? String(Configuration()[keyPath: path]),
            meaning: meaning,
            isSecret: false
        ) { text, configuration throws(InvalidSetting) in
            guard let number = Int(text), range.contains(number) else {
                throw InvalidSetting(value: text, expected: type)
            }
            configuration[keyPath: path] = number
        }
    }

    /// One whose text becomes a value of a type of its own.
    fileprivate static func value(
        _ name: String,
        _ type: String,
        _ meaning: String,
        default defaultValue: String,
        apply: @escaping @Sendable (_ text: String, _ configuration: inout Configuration) throws(InvalidSetting) -> Void
    ) -> Setting {
        Setting(
            name: name,
            type: type,
            defaultValue: defaultValue,
            meaning: meaning,
            isSecret: false,
            apply: apply
        )
    }
}

/// A setting that the program cannot start with.
package struct ConfigurationError: Error, Equatable, CustomStringConvertible {
    package let name: String
    /// `nil` for a secret.
    package let value: String?
    package let expected: String

    package var description: String {
        "\(name) must be \(expected)\(value.map { ", not \"\($0)\"" } ?? ""). See `gateway --help`."
    }
}

extension Configuration {
    private static let availableCores: Int = min(256, System.coreCount)

    private static func randomGatewayID() -> String {
        let digits = String(UInt32.random(in: .min ... .max), radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }
}
