import Messaging

/// What `--help` says about an environment variable, and the default that ``Configuration`` takes from here.
package struct Setting: Sendable {
    package let name: String
    package let type: String
    /// Empty: none.
    package let defaultValue: String
    package let meaning: String
    package var isSecret = false

    static let host = Setting(
        name: "HOST",
        type: "an IP address or host name",
        defaultValue: "0.0.0.0",
        meaning: "Where to listen."
    )
    static let port = Setting(
        name: "PORT",
        type: "an integer from 0 to 65535",
        defaultValue: "8081",
        meaning: "The TCP port to listen on; 0 takes a free one and logs it."
    )
    static let redisURL = Setting(
        name: "REDIS_URL",
        type:
            "a URL: redis://user:password@host:port/db, unix:///path?db=0, redis-sentinel://host:26379,host/primary/db or "
            + "redis-cluster://host:port,host",
        defaultValue: "redis://127.0.0.1:6379/0",
        meaning: "The Redis that holds everything.",
        isSecret: true
    )
    static let redisPassword = Setting(
        name: "REDIS_PASSWORD",
        type: "text",
        defaultValue: "",
        meaning: "The password, where REDIS_URL has none; the user may stand there: redis://user@host.",
        isSecret: true
    )
    static let durability = Setting(
        name: "DURABILITY",
        type: Durability.expected,
        defaultValue: "single",
        meaning:
            "With replicated a change is answered as done only once a replica of Redis has it too, with replicated:N N of them."
    )
    static let tokenLifetime = Setting(
        name: "TOKEN_TTL",
        type: "an integer from 60 to 2592000 (seconds)",
        defaultValue: "86400",
        meaning: "How long a new token lives."
    )
    static let maxBodyBytes = Setting(
        name: "MAX_BODY_BYTES",
        type: "an integer from 1024 to 16777216 (bytes)",
        defaultValue: "65536",
        meaning: "The longest request body; a longer one is answered with 413."
    )
    static let attachmentsFolder = Setting(
        name: "ATTACHMENTS_DIR",
        type: "a folder's path",
        defaultValue: "",
        meaning: "Where attachments are kept, shared by all customer-api; without it, in Redis, up to 1 MiB each."
    )
    static let maxAttachmentBytes = Setting(
        name: "MAX_ATTACHMENT_BYTES",
        type: "an integer from 1024 to 33554432 (bytes)",
        defaultValue: "10485760",
        meaning: "The longest attachment; a longer one is answered with 413."
    )
    static let attachmentQuotaBytes = Setting(
        name: "ATTACHMENT_QUOTA_BYTES",
        type: "an integer from 0 to 1099511627776 (bytes)",
        defaultValue: "104857600",
        meaning: "How much all attachments of a customer may take; past it, 409."
    )
    static let commandTimeout = Setting(
        name: "COMMAND_TIMEOUT_MS",
        type: "an integer from 10 to 60000 (milliseconds)",
        defaultValue: "2000",
        meaning: "How long a Redis command may take; then the request is answered with 503."
    )
    static let conversationLogLimit = Setting(
        name: "CONVERSATION_LOG_LIMIT",
        type: "an integer from 100 to 10000000",
        defaultValue: "100000",
        meaning: "Messages kept of a conversation; the same as the gateways'."
    )
    static let maxConversations = Setting(
        name: "MAX_CONVERSATIONS_PER_CUSTOMER",
        type: "an integer from 1 to 100000",
        defaultValue: "200",
        meaning: "Conversations a customer may open; past it, 409. The same as the gateways'."
    )
    static let identityProof = Setting(
        name: "IDENTITY_PROOF",
        type: "a word, off or required",
        defaultValue: "off",
        meaning:
            "With required, channels without a secret get 403; but WEB and APP, whose ids must then have a random UUID."
    )
    static let identitySecrets = identitySecret(of: "<CHANNEL>")
    static func identitySecret(of channel: String) -> Setting {
        Setting(
            name: "IDENTITY_SECRET_\(channel)",
            type: "32 characters or more without commas, or two such with a comma between",
            defaultValue: "",
            meaning:
                "For WEB, WECHAT and so on: customers of this channel have to prove their identity with it, else 403.",
            isSecret: true
        )
    }
    static let trustedProxies = Setting(
        name: "TRUSTED_PROXIES",
        type: "IP addresses and nets with commas between, or none",
        defaultValue: TrustedProxies.defaultSetting,
        meaning: "Whose X-Forwarded-For tells the client's address, which limits and the audit log go by."
    )
    static let allowedOrigins = Setting(
        name: "ALLOWED_ORIGINS",
        type: "origins such as https://shop.example.com with commas between",
        defaultValue: "",
        meaning: "Pages of these origins may use the API; without it, of any. Browsers keep answers from the others."
    )
    static let tokenRequests = Setting(
        name: "TOKEN_REQUESTS_PER_MINUTE",
        type: "an integer from 0 to 1000000",
        defaultValue: "600",
        meaning: "Customer token requests of one client address, at one customer-api; past it, 429. 0: any number."
    )
    static let customerTokens = Setting(
        name: "CUSTOMER_TOKENS_PER_MINUTE",
        type: "an integer from 0 to 1000",
        defaultValue: "60",
        meaning: "Tokens that one customer gets by naming a channel identity; past it, 429. 0: any number."
    )
    static let agentTokens = Setting(
        name: "AGENT_TOKENS_PER_MINUTE",
        type: "an integer from 0 to 1000000",
        defaultValue: "600",
        meaning: "Tokens that one agent issues for customers; past it, 429. 0: any number."
    )
    static let failedLogins = Setting(
        name: "FAILED_LOGINS_PER_ADDRESS",
        type: "an integer from 0 to 1000000",
        defaultValue: "100",
        meaning: "Failed logins of one client address in 15 minutes, whatever the login; past it, 429. 0: any number."
    )
    static let requests = Setting(
        name: "REQUESTS_PER_SECOND",
        type: "an integer from 0 to 1000000",
        defaultValue: "100",
        meaning:
            "Requests of one customer, and those of 10 s at once, an agent's ten times as many, at one customer-api; past "
            + "it, 429. 0: any number."
    )
    static let failedTokens = Setting(
        name: "FAILED_TOKENS_PER_MINUTE",
        type: "an integer from 0 to 1000000",
        defaultValue: "300",
        meaning:
            "Tokens of one client address that are not valid, at one customer-api; past it, 429 to all its tokens. 0: any "
            + "number."
    )
    static let auditRetention = Setting(
        name: "AUDIT_RETENTION",
        type: "an integer from 1 to 3650 (days)",
        defaultValue: "90",
        meaning: "How long entries of the audit log are kept; older ones are dropped."
    )
    static let logLevel = Setting(
        name: "LOG_LEVEL",
        type: "one of trace, debug, info, notice, warning, error, critical",
        defaultValue: "info",
        meaning: "The least important messages to log, on stderr; each request is logged at debug."
    )
    static let adminLogin = Setting(
        name: "ADMIN_LOGIN",
        type: "1 to 64 of a-z 0-9 . _ @ -",
        defaultValue: "",
        meaning: "With ADMIN_PASSWORD: create this admin at start if there is no agent yet."
    )
    static let adminPassword = Setting(
        name: "ADMIN_PASSWORD",
        type: "8 to 200 characters",
        defaultValue: "",
        meaning: "The first admin's password.",
        isSecret: true
    )

    package static let all = [
        host, port, redisURL, redisPassword, durability, tokenLifetime, maxBodyBytes, attachmentsFolder,
        maxAttachmentBytes, attachmentQuotaBytes, commandTimeout, conversationLogLimit, maxConversations, identityProof,
        identitySecrets, trustedProxies, allowedOrigins, tokenRequests, customerTokens, agentTokens, failedLogins,
        requests, failedTokens, auditRetention, logLevel, adminLogin, adminPassword,
    ]

    /// Those that are never shown, which can come from a file; of each channel its own.
    package static let secrets =
        all.filter { $0.isSecret && $0.name != identitySecrets.name }
        + CustomerChannel.allCases.map { identitySecret(of: $0.rawValue) }

    /// For `--help`: a paragraph for each.
    package static var help: String {
        "Settings are environment variables, read once at start. A secret NAME can also come from a file: its path is in "
            + "NAME_FILE, which counts where NAME is not set.\n\n"
            + all.map { setting in
                let notes = [
                    setting.type, setting.defaultValue.isEmpty ? "no default" : "default \(setting.defaultValue)",
                    setting.isSecret ? "secret, never logged" : nil,
                ].compactMap { $0 }
                return "  \(setting.name)\n      \(setting.meaning)\n      (\(notes.joined(separator: "; ")))"
            }.joined(separator: "\n")
    }
}
