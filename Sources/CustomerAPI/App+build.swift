import Hiredis
package import Hummingbird
import HummingbirdCore
package import Logging
import Messaging
import NIOCore
import NIOPosix
import ServiceLifecycle

/// Puts the parts together: Redis, the stores, the routes, the server. Nothing runs yet.
///
/// - Parameter onServerRunning: Called with the port, once requests are taken.
/// - Returns: A service. At start it waits for Redis, refuses data of another layout, and creates the first admin if the
///   configuration names one; its `run()` throws ``StartError`` if that fails. On graceful shutdown it takes no more
///   connections, finishes the requests in flight, and then closes Redis.
package func buildApplication(
    configuration: Configuration,
    logger: Logger,
    onServerRunning: @escaping @Sendable (Int) async -> Void = { _ in }
) -> some ApplicationProtocol {
    let loops = MultiThreadedEventLoopGroup.singleton
    let redis = RedisClient(configuration: configuration.redis, eventLoopGroup: loops, logger: logger)
    let agents = AgentStore(redis: redis)
    let customers = CustomerStore(redis: redis)
    let audit = AuditLog(redis: redis, retention: configuration.auditRetention)
    let folder = configuration.attachmentsFolder.map { AttachmentFolder(path: $0) }
    let upkeep = Upkeep(
        redis: redis,
        audit: audit,
        erasure: CustomerErasure(redis: redis),
        folder: folder,
        logger: logger
    )

    let headers = AnswerHeaders(origins: configuration.allowedOrigins)
    var application = Application(
        router: buildRouter(
            configuration: configuration,
            redis: redis,
            agents: agents,
            customers: customers,
            audit: audit,
            folder: folder,
            headers: headers
        ),
        server: HTTPServerBuilder { HTTPConnection(responder: $0, headers: headers) },
        configuration: ApplicationConfiguration(
            address: .hostname(configuration.host, port: configuration.port),
            backlog: 1024
        ),
        services: [redis, CustomerListPreparation(redis: redis, customers: customers, logger: logger), upkeep],
        onServerRunning: { await onServerRunning($0.localAddress?.port ?? 0) },
        eventLoopGroupProvider: .shared(loops),
        logger: logger
    )
    application.beforeServerStarts {
        try await Startup(redis: redis, agents: agents, configuration: configuration, logger: logger).run()
    }
    return application
}

private func buildRouter(
    configuration: Configuration,
    redis: RedisClient,
    agents: AgentStore,
    customers: CustomerStore,
    audit: AuditLog,
    folder: AttachmentFolder?,
    headers: AnswerHeaders
) -> Router<APIContext> {
    let tokens = TokenStore(
        redis: redis,
        lifetime: configuration.tokenLifetime,
        perMinute: configuration.customerTokensPerMinute,
        perMinuteOfAgent: configuration.agentTokensPerMinute
    )
    let reader = TokenReader(
        tokens: tokens,
        failures: AddressGate(perMinute: configuration.failedTokensPerMinute, "tokens that are not valid"),
        owners: OwnerGate(perSecond: configuration.requestsPerSecond)
    )
    let bodies = BodyReader(maxBytes: configuration.maxBodyBytes)
    let passwords = PasswordHasher()

    let router = Router(context: APIContext.self, options: .autoGenerateHeadEndpoints)
    router.add(middleware: APIBoundary(proxies: configuration.trustedProxies, headers: headers))
    ServiceRoutes(redis: redis).add(to: router)
    WebRoutes().add(to: router)

    let open = router.group("api/v1")
    CustomerTokenRoutes(
        tokens: tokens,
        bodies: bodies,
        proof: configuration.identityProof,
        gate: AddressGate(perMinute: configuration.tokenRequestsPerMinute, "token requests"),
        audit: audit
    ).add(to: open)
    AgentLoginRoute(
        agents: agents,
        tokens: tokens,
        passwords: passwords,
        bodies: bodies,
        audit: audit,
        failuresPerAddress: configuration.failedLoginsPerAddress
    ).add(to: open)
    let conversations = ConversationStore(redis: redis)
    let messages = MessageRoutes(conversations: conversations, bodies: bodies, limits: configuration.limits)
    messages.add(toAll: open, reader: reader)
    // These look at the token themselves: customers may use them too.
    let attachments = AttachmentStore(redis: redis, quota: configuration.attachmentQuotaBytes)
    let upload = AttachmentUpload(
        store: attachments,
        folder: folder,
        maxBytes: configuration.maxAttachmentBytes
    )
    AttachmentRoutes(store: attachments, reader: reader, upload: upload).add(to: open)

    let forAgents = router.group("api/v1").add(middleware: AgentAuthentication(reader: reader))
    CustomerRoutes(customers: customers, bodies: bodies).add(to: forAgents)
    TokenRoutes(tokens: tokens).add(to: forAgents)
    ConversationRoutes(conversations: conversations, bodies: bodies).add(to: forAgents)
    NoteRoutes(conversations: conversations, bodies: bodies).add(to: forAgents)
    messages.add(toAgents: forAgents)
    AgentSessionRoutes(agents: agents, tokens: tokens).add(to: forAgents)
    StatusRoutes(board: StatusBoard(store: SystemStatusStore(redis: redis))).add(to: forAgents)
    ColleagueRoutes(agents: agents).add(to: forAgents)
    CannedAnswerRoutes(answers: CannedAnswerStore(redis: redis), bodies: bodies).add(to: forAgents)

    let forAdmins = router.group("api/v1").add(middleware: AgentAuthentication(reader: reader))
        .add(middleware: AdminsOnly())
    AgentRoutes(agents: agents, passwords: passwords, bodies: bodies).add(to: forAdmins)
    AuditRoutes(audit: audit).add(to: forAdmins)
    CustomerErasureRoutes(erasure: CustomerErasure(redis: redis), folder: folder).add(to: forAdmins)
    CustomerExportRoute(
        customers: customers,
        conversations: conversations,
        attachments: attachments,
        tokens: tokens,
        audit: audit
    ).add(to: forAdmins)

    router.refuseOtherMethods()
    return router
}

/// What must be true before the first request, and what an operator should know.
private struct Startup {
    let redis: RedisClient
    let agents: AgentStore
    let configuration: Configuration
    let logger: Logger

    /// How long to wait for Redis at start; whoever supervises this program may start it again.
    private static let redisTimeout = Duration.seconds(30)

    func run() async throws {
        do {
            try await cancelWhenGracefulShutdown { try await redis.waitUntilReady(timeout: Self.redisTimeout) }
            try await Layout.check(in: redis)
            try await createFirstAdmin()
            if let path = configuration.attachmentsFolder {
                try AttachmentFolder(path: path).prepare()
            } else {
                logger.notice(
                    """
                    ATTACHMENTS_DIR is not set: attachments are kept in Redis, and may have \
                    \(AttachmentStore.maxBytesInRedis) bytes at most
                    """
                )
            }
        } catch {
            if Task.isShuttingDownGracefully { throw CancellationError() }
            throw StartError(error)
        }
        if configuration.allowedOrigins.areAny {
            logger.notice("ALLOWED_ORIGINS is not set: pages of any origin may use the API")
        }
        let proof = configuration.identityProof
        logger.log(level: proof.isOpen ? .warning : .notice, "\(proof.summary)")
    }

    private func createFirstAdmin() async throws {
        if let admin = configuration.firstAdmin {
            let hash = try await PasswordHasher().hash(admin.password)
            let created = try await agents.createFirstAdmin(
                login: admin.login,
                name: admin.login,
                passwordHash: hash,
                by: AuditAuthor(.commandLine, name: "customer-api")
            )
            if created != nil {
                logger.notice("Created the first admin", metadata: ["agent.login": "\(admin.login)"])
            }
        }
        if try await !agents.hasActiveAdmin() {
            logger.notice(
                """
                There is no admin yet. Make one with "customer-api agent add --login LOGIN --name NAME --role admin", or \
                start with ADMIN_LOGIN and ADMIN_PASSWORD set
                """
            )
        }
    }
}

/// Why the program could not start, in one line.
package struct StartError: Error, CustomStringConvertible {
    package let description: String

    init(_ description: String) { self.description = description }

    init(_ error: any Error) {
        description =
            switch error {
            case let error as MessagingError: error.cause?.message ?? error.message
            case let error as RedisError: error.message
            default: "\(error)"
            }
    }
}
