import ArgumentParser
import Configuration
import Glibc
import Logging
import Messaging
import NIOCore

/// The real-time tier: WebSocket `/ws/chat` for customers and agents.
@main
struct GatewayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gateway",
        abstract: "Connects customers and agents by WebSocket.",
        discussion: Configuration.help,
        version: Release.version,
        subcommands: [Serve.self, Health.self],
        defaultSubcommand: Serve.self
    )
}

extension GatewayCommand {
    /// Runs until SIGTERM or SIGINT, then drains.
    struct Serve: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Serve WebSockets at /ws/chat until SIGTERM.",
            discussion: Configuration.help
        )

        func run() async throws {
            let settings = try readConfiguration()
            let level = Logger.Level(rawValue: settings.logLevel) ?? .info
            LoggingSystem.bootstrap { label in
                var handler = StreamLogHandler.standardError(label: label)
                handler.logLevel = level
                return handler
            }
            do {
                try await GatewayApp(configuration: settings, logger: Logger(label: "gateway")).run()
            } catch let error as IOError where error.errnoCode == EADDRINUSE {
                throw failure("Another program listens on \(settings.host):\(settings.port).")
            } catch {
                throw failure("\(error)")
            }
        }
    }

    /// For a container's health check.
    struct Health: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Ask the gateway on this machine whether it is alive.",
            discussion: "Reads HOST and PORT. Exit code 0 if it is, 1 if not."
        )

        func run() throws {
            let settings = try readConfiguration()
            guard HealthCheck.isHealthy(host: settings.host, port: settings.port) else {
                throw failure("No answer from \(settings.host):\(settings.port).")
            }
        }
    }
}

private func readConfiguration() throws -> Configuration {
    do {
        return try Configuration(reader: ConfigReader(provider: EnvironmentVariablesProvider()))
    } catch {
        throw failure("\(error)")
    }
}

/// Tells the terminal why this ends.
private func failure(_ message: String) -> ExitCode {
    let line = Array("gateway: \(message)\n".utf8)
    _ = write(STDERR_FILENO, line, line.count)
    return .failure
}
