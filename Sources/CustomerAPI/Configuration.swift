package import Configuration
package import Hiredis
package import Logging
package import Messaging

/// Everything that can be set, read once at start from environment variables.
///
/// - `HOST` (string, default `0.0.0.0`): the address to listen on.
/// - `PORT` (integer 0 to 65535, default 8081; 0 takes a free one).
/// - `REDIS_URL` (default `redis://127.0.0.1:6379/0`; secret, as it may hold a password), `REDIS_PASSWORD` (secret).
/// - `TOKEN_TTL` (seconds, 60 to 2592000, default 86400).
/// - `MAX_BODY_BYTES` (bytes, 1024 to 16777216, default 65536).
/// - `ATTACHMENTS_DIR` (a folder's path, no default: attachments are kept in Redis).
/// - `MAX_ATTACHMENT_BYTES` (bytes, 1024 to 33554432, default 10485760).
/// - `ATTACHMENT_QUOTA_BYTES` (bytes, 0 to 1099511627776, default 104857600).
/// - `IDENTITY_SECRET_WEB` and so on for each channel (32 characters at least, two with a comma between; secret; no
///   default), `IDENTITY_PROOF` (`off` or `required`, default `off`): see ``IdentityProof``.
/// - `TRUSTED_PROXIES` (addresses and nets, default ``TrustedProxies/defaultSetting``), `ALLOWED_ORIGINS` (origins, default any).
/// - `TOKEN_REQUESTS_PER_MINUTE` (0 to 1000000, default 600), `CUSTOMER_TOKENS_PER_MINUTE` (0 to 1000, default 60),
///   `AGENT_TOKENS_PER_MINUTE` (0 to 1000000, default 600), `FAILED_LOGINS_PER_ADDRESS` (0 to 1000000, default 100),
///   `REQUESTS_PER_SECOND` (0 to 1000000, default 100), `FAILED_TOKENS_PER_MINUTE` (0 to 1000000, default 300): 0 for any number.
/// - `AUDIT_RETENTION` (days, 1 to 3650, default 90).
/// - `COMMAND_TIMEOUT_MS` (milliseconds, 10 to 60000, default 2000).
/// - `DURABILITY` (``Durability``, default `single`).
/// - `CONVERSATION_LOG_LIMIT`, `MAX_CONVERSATIONS_PER_CUSTOMER` (as the gateways', default 100000 and 200).
/// - `LOG_LEVEL` (default `info`).
/// - `ADMIN_LOGIN`, `ADMIN_PASSWORD` (no default; the second is secret): the first admin.
///
/// A secret `NAME` can also come from a file, `NAME_FILE` (``SecretFile``).
package struct Configuration: Sendable {
    package var host = "0.0.0.0"
    package var port = 8081
    package var redis: RedisConfiguration
    /// How long a token lives, from issue.
    package var tokenLifetime = Duration.seconds(86_400)
    /// The longest request body. A longer one is refused with 413 and read to its end, so that the connection stays usable.
    package var maxBodyBytes = 65_536
    /// Of messages that come by REST.
    package var limits = MessageLog.Limits(log: 100_000, conversationsPerCustomer: 200)
    /// Where attachments are kept; `nil`: in Redis.
    package var attachmentsFolder: String?
    /// The longest attachment; a longer one is refused with 413. Redis keeps none past ``AttachmentStore/maxBytesInRedis``.
    package var maxAttachmentBytes = 10_485_760
    /// How much a customer's attachments may take; past it, 409.
    package var attachmentQuotaBytes = 104_857_600
    /// Who has to prove their channel identity.
    package var identityProof = IdentityProof()
    /// Whose word counts on where a request comes from.
    package var trustedProxies = TrustedProxies.standard
    /// Whose pages may read what is answered.
    package var allowedOrigins = AllowedOrigins.any
    /// Customer token requests of one client address; past it, 429. 0: any number.
    package var tokenRequestsPerMinute = 600
    /// Tokens that one customer gets by naming a channel identity; past it, 429. 0: any number.
    package var customerTokensPerMinute = 60
    /// Tokens that one agent issues for customers; past it, 429. 0: any number.
    package var agentTokensPerMinute = 600
    /// Failed logins of one client address in 15 minutes; past it, 429. 0: any number.
    package var failedLoginsPerAddress = 100
    /// Requests of a customer's, an agent's ten times as many; past it, 429. 0: any number.
    package var requestsPerSecond = 100
    /// Tokens of one client address that are not valid; past it, 429. 0: any number.
    package var failedTokensPerMinute = 300
    /// How long entries of the audit log are kept.
    package var auditRetention = Duration.seconds(90 * 86_400)
    package var logLevel = Logger.Level.info
    /// Created at start if there is no agent at all.
    package var firstAdmin: FirstAdmin?

    package struct FirstAdmin: Sendable {
        package let login: String
        package let password: String

        package init(login: String, password: String) {
            self.login = login
            self.password = password
        }
    }

    package init(redis: RedisConfiguration) { self.redis = redis }

    /// Reads and checks every setting.
    ///
    /// - Throws: ``ConfigurationError`` naming the variable, what it holds (unless secret) and what it may hold.
    package init(reader: ConfigReader) throws(ConfigurationError) {
        let values = try SettingValues(reader: reader)
        do {
            let password = values.text(.redisPassword)
            redis = try RedisConfiguration(url: values.text(.redisURL), password: password.isEmpty ? nil : password)
        } catch {
            throw ConfigurationError("REDIS_URL: \(error.message)")
        }
        redis.clientName = "customer-api"
        redis.commandTimeout = .milliseconds(try values.integer(.commandTimeout, in: 10...60_000))
        guard let replicas = Durability.replicas(values.text(.durability)) else {
            throw ConfigurationError(
                "DURABILITY is \"\(values.text(.durability))\"; it must be \(Setting.durability.type)."
            )
        }
        redis.replicas = replicas
        limits = MessageLog.Limits(
            log: try values.integer(.conversationLogLimit, in: 100...10_000_000),
            conversationsPerCustomer: try values.integer(.maxConversations, in: 1...100_000)
        )
        host = values.text(.host)
        port = try values.integer(.port, in: 0...65_535)
        tokenLifetime = .seconds(try values.integer(.tokenLifetime, in: 60...2_592_000))
        maxBodyBytes = try values.integer(.maxBodyBytes, in: 1024...16_777_216)
        let folder = values.text(.attachmentsFolder)
        attachmentsFolder = folder.isEmpty ? nil : folder
        maxAttachmentBytes = try values.integer(.maxAttachmentBytes, in: 1024...33_554_432)
        attachmentQuotaBytes = try values.integer(.attachmentQuotaBytes, in: 0...1_099_511_627_776)
        identityProof = try Self.identityProof(values)
        do {
            trustedProxies = try TrustedProxies(values.text(.trustedProxies))
        } catch {
            throw ConfigurationError("TRUSTED_PROXIES has \"\(error.value)\"; it must be \(error.expected).")
        }
        do {
            allowedOrigins = try AllowedOrigins(values.text(.allowedOrigins))
        } catch {
            throw ConfigurationError("ALLOWED_ORIGINS has \"\(error.value)\"; it must be \(error.expected).")
        }
        tokenRequestsPerMinute = try values.integer(.tokenRequests, in: 0...1_000_000)
        customerTokensPerMinute = try values.integer(.customerTokens, in: 0...TokenStore.maxLiveTokens)
        agentTokensPerMinute = try values.integer(.agentTokens, in: 0...1_000_000)
        failedLoginsPerAddress = try values.integer(.failedLogins, in: 0...1_000_000)
        requestsPerSecond = try values.integer(.requests, in: 0...1_000_000)
        failedTokensPerMinute = try values.integer(.failedTokens, in: 0...1_000_000)
        auditRetention = .seconds(try values.integer(.auditRetention, in: 1...3650) * 86_400)
        guard let level = Logger.Level(rawValue: values.text(.logLevel).lowercased()) else {
            throw ConfigurationError("LOG_LEVEL is \"\(values.text(.logLevel))\"; it must be \(Setting.logLevel.type).")
        }
        logLevel = level
        switch (values.text(.adminLogin), values.text(.adminPassword)) {
        case ("", ""): firstAdmin = nil
        case ("", _), (_, ""):
            throw ConfigurationError("ADMIN_LOGIN and ADMIN_PASSWORD belong together: set both or neither.")
        case (let login, let password):
            do {
                firstAdmin = FirstAdmin(
                    login: try AgentRules.login(login, field: "ADMIN_LOGIN"),
                    password: try AgentRules.password(password, field: "ADMIN_PASSWORD")
                )
            } catch {
                throw ConfigurationError(error.message)
            }
        }
    }

    private static func identityProof(_ values: SettingValues) throws(ConfigurationError) -> IdentityProof {
        let word = values.text(.identityProof)
        guard ["off", "required"].contains(word) else {
            throw ConfigurationError("IDENTITY_PROOF is \"\(word)\"; it must be \(Setting.identityProof.type).")
        }
        var secrets: [CustomerChannel: [String]] = [:]
        for channel in CustomerChannel.allCases {
            let setting = Setting.identitySecret(of: channel.rawValue)
            let texts = values.text(setting).split(separator: ",", omittingEmptySubsequences: false).map(String.init)
            if texts.isEmpty || texts == [""] { continue }
            guard texts.count <= IdentityProof.maxSecrets,
                texts.allSatisfy({ $0.unicodeScalars.count >= IdentityProof.minSecretCharacters })
            else { throw ConfigurationError("\(setting.name) must be \(setting.type).") }
            secrets[channel] = texts
        }
        return IdentityProof(secrets: secrets, isRequired: word == "required")
    }

    /// From this process's environment.
    package static func fromEnvironment() throws(ConfigurationError) -> Configuration {
        try Configuration(reader: ConfigReader(provider: EnvironmentVariablesProvider()))
    }
}

/// A setting that can't be used.
package struct ConfigurationError: Error, CustomStringConvertible {
    package let description: String

    init(_ description: String) { self.description = description }
}

/// Looks settings up under their names; an empty variable counts as unset, as compose files pass such on.
private struct SettingValues {
    private let reader: ConfigReader
    /// By name; those that are set.
    private var secrets: [String: String] = [:]

    init(reader: ConfigReader) throws(ConfigurationError) {
        self.reader = reader
        for setting in Setting.secrets {
            do {
                secrets[setting.name] = try SecretFile.value(of: setting.name) { name in
                    reader.string(forKey: Self.key(name), isSecret: true)
                }
            } catch {
                throw ConfigurationError(error.description)
            }
        }
    }

    func text(_ setting: Setting) -> String {
        let value = setting.isSecret ? secrets[setting.name] : reader.string(forKey: Self.key(setting.name))
        return value.flatMap { $0.isEmpty ? nil : $0 } ?? setting.defaultValue
    }

    private static func key(_ name: String) -> ConfigKey {
        ConfigKey(name.lowercased().split(separator: "_").map(String.init))
    }

    func integer(_ setting: Setting, in range: ClosedRange<Int>) throws(ConfigurationError) -> Int {
        let text = text(setting)
        guard let value = Int(text), range.contains(value) else {
            throw ConfigurationError("\(setting.name) is \"\(text)\"; it must be \(setting.type).")
        }
        return value
    }
}
