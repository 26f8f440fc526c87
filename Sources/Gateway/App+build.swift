import Dispatch
import Glibc
import Hiredis
package import Logging
import Messaging
package import NIOCore
import NIOPosix
import ServiceLifecycle
import Synchronization

/// A gateway, put together: Redis, the hubs, the listener, in the order they depend on each other. They stop the other way
/// round: first nobody comes in any more, then the connections drain, and Redis goes last.
package struct GatewayApp {
    private let configuration: Configuration
    private let logger: Logger
    private let group: MultiThreadedEventLoopGroup
    private let services: ServiceGroup
    private let listener: Listener
    /// SIGUSR1, unless signals are the caller's.
    private let retirement: Retirement?

    /// - Parameter onListening: told the address, which with port 0 nobody knows before.
    /// - Throws: ``RedisError`` for a `REDIS_URL` that is none.
    package init(
        configuration: Configuration,
        logger: Logger,
        signals: Bool = true,
        onListening: @escaping @Sendable (SocketAddress) -> Void = { _ in }
    ) throws {
        var logger = logger
        logger[metadataKey: "gateway.id"] = "\(configuration.gatewayID)"
        if !configuration.disabledDefences.isEmpty || configuration.discardedWord != nil {
            logger.warning("Defences against the loss of messages are switched off; this is for tests only.")
        }
        var redisConfiguration = try RedisConfiguration(
            url: configuration.redisURL,
            password: configuration.redisPassword.isEmpty ? nil : configuration.redisPassword
        )
        redisConfiguration.clientName = "gateway-\(configuration.gatewayID)"
        redisConfiguration.commandTimeout = .milliseconds(configuration.commandTimeoutMilliseconds)
        redisConfiguration.replicas = Durability.replicas(configuration.durability) ?? 0

        let group = MultiThreadedEventLoopGroup(numberOfThreads: configuration.loops)
        let redis = RedisClient(configuration: redisConfiguration, eventLoopGroup: group, logger: logger)
        let hubs = GatewayHubs(
            redis: redis,
            redisConfiguration: redisConfiguration,
            eventLoopGroup: group,
            configuration: configuration,
            logger: logger
        )
        let layout = LayoutGate(redis: redis, inner: hubs, logger: logger)
        let listener = Listener(
            configuration: configuration,
            group: group,
            logger: logger,
            authenticate: { token, eventLoop, answer in
                guard layout.isOpen else {
                    return answer(.failure(.init(.storeUnavailable, "The message store was not reached yet.")))
                }
                hubs.authenticate(token, on: eventLoop, answer)
            },
            makeDelegate: { token, address, dialect, eventLoop in
                hubs.makeConnection(token: token, address: address, dialect: dialect, eventLoop: eventLoop)
            },
            isReady: { hubs.isReady },
            onListening: onListening
        )

        var settings = ServiceGroupConfiguration(
            services: [redis, layout, listener],
            gracefulShutdownSignals: signals ? [.sigterm, .sigint] : [],
            logger: logger
        )
        // The drain keeps its own time; this is for a Redis that does not let go.
        settings.maximumGracefulShutdownDuration = .seconds(configuration.drainTimeoutSeconds + 10)
        self.configuration = configuration
        self.logger = logger
        self.group = group
        services = ServiceGroup(configuration: settings)
        self.listener = listener
        retirement = signals ? Retirement(of: listener, logger) : nil
    }

    /// What SIGUSR1 does: nobody comes in any more, and nobody is sent away.
    package func retire() { listener.admission.retire() }

    /// Runs until a signal, or ``stop()``, and returns when all connections are gone.
    package func run() async throws {
        raiseFileLimit()
        do {
            try await services.run()
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
        try await group.shutdownGracefully()
    }

    /// What SIGTERM does.
    package func stop() async { await services.triggerGracefulShutdown() }

    /// Lets this process open as many descriptors as the system allows it: the default of 1024 is for other programs.
    private func raiseFileLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        if limit.rlim_max < rlim_t(configuration.maxConnections + 100) {
            logger.warning(
                "The system's limit of open files is lower than the limit of connections.",
                metadata: ["files": "\(limit.rlim_max)", "connections": "\(configuration.maxConnections)"]
            )
        }
    }
}

/// SIGUSR1: from then on a listener takes nobody new.
// @unchecked, guarded by Dispatch: a source may be used from any thread, and the reference to it never changes.
private final class Retirement: @unchecked Sendable {
    private let source: any DispatchSourceSignal

    init(of listener: Listener, _ logger: Logger) {
        signal(SIGUSR1, SIG_IGN)
        source = DispatchSource.makeSignalSource(signal: SIGUSR1, queue: .global())
        source.setEventHandler {
            listener.admission.retire()
            logger.info(
                "Retired: taking no more connections, keeping those that are here.",
                metadata: ["connections": "\(listener.admission.connections)"]
            )
        }
        source.resume()
    }
}

/// Runs the service inside only when the data in Redis is laid out for this program: nothing may be read or written before.
private final class LayoutGate: Service {
    private let redis: RedisClient
    private let inner: any Service
    private let logger: Logger
    private let open = Atomic(false)

    init(redis: RedisClient, inner: any Service, logger: Logger) {
        self.redis = redis
        self.inner = inner
        self.logger = logger
    }

    var isOpen: Bool { open.load(ordering: .acquiring) }

    /// - Throws: ``MessagingError`` `.conflict` for data of another layout.
    func run() async throws {
        do {
            try await cancelWhenGracefulShutdown { try await self.waitForLayout() }
        } catch is CancellationError {
            return
        }
        try await inner.run()
    }

    private func waitForLayout() async throws {
        while true {
            do {
                try await Layout.check(in: redis)
                open.store(true, ordering: .releasing)
                return
            } catch  where error.code == .storeUnavailable {
                logger.debug("Waiting for Redis.")
                try await Task.sleep(for: .milliseconds(200))
            }
        }
    }
}
