import ArgumentParser
import Hiredis
import Logging
import Messaging
import NIOCore
import ServiceLifecycle

/// The program `customer-api`.
@main
struct CustomerAPICommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "customer-api",
        abstract: "The REST interface for customers' tokens, customers, agents and conversations.",
        discussion: Setting.help,
        version: Release.version,
        subcommands: [ServeCommand.self, AgentCommand.self, HealthCommand.self],
        defaultSubcommand: ServeCommand.self
    )
}

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Answer requests until SIGTERM or SIGINT (default).",
        discussion: Setting.help
    )

    /// How long requests in flight may take to end after SIGTERM.
    private static let drainTimeout = Duration.seconds(25)

    func run() async throws {
        let configuration = try Configuration.fromEnvironment()
        let logger = logger(level: configuration.logLevel)
        let application = buildApplication(configuration: configuration, logger: logger)
        var group = ServiceGroupConfiguration(
            services: [application],
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: logger
        )
        group.maximumGracefulShutdownDuration = Self.drainTimeout
        do {
            try await ServiceGroup(configuration: group).run()
        } catch is CancellationError {
            logger.notice("Ended before it was ready")
            return
        } catch let error as IOError {
            throw StartError(
                "Can't listen on \(configuration.host):\(configuration.port): \(error.description)"
            )
        }
        logger.notice("Ended after a graceful shutdown")
    }
}

/// Logs go to stderr, so that what a command prints can be used by a script.
func logger(level: Logger.Level) -> Logger {
    var logger = Logger(label: "customer-api", factory: { StreamLogHandler.standardError(label: $0) })
    logger.logLevel = level
    return logger
}
