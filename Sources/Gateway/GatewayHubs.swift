package import Hiredis
package import Logging
package import Messaging
import NIOConcurrencyHelpers
package import NIOCore
import ServiceLifecycle

/// All hubs of this gateway, one for each event loop: starts them, says whether they are ready, drains them.
package final class GatewayHubs: Service {
    private let hubs: [Hub]
    private let drainTimeout: TimeAmount
    private let logger: Logger
    private let state = NIOLockedValueBox(State())

    private struct State {
        /// The mailboxes of the hubs that are ready.
        var ready: Set<String> = []
        var isDraining = false
    }

    /// - Parameters:
    ///   - redis: made for the same `eventLoopGroup`.
    ///   - configuration: `gatewayID` must be unique among the running gateways.
    package init(
        redis: RedisClient,
        redisConfiguration: RedisConfiguration,
        eventLoopGroup: any EventLoopGroup,
        configuration: Configuration,
        logger: Logger
    ) {
        self.logger = logger
        drainTimeout = .seconds(Int64(configuration.drainTimeoutSeconds))
        hubs = eventLoopGroup.makeIterator().enumerated().map { index, loop in
            Hub(
                eventLoop: loop,
                mailbox: "\(configuration.gatewayID).\(index)",
                redis: redis.connection(for: loop),
                redisConfiguration: redisConfiguration,
                configuration: configuration,
                logger: logger
            )
        }
    }

    /// Whether Redis takes commands, what is published is heard, and nothing drains. On a Redis Cluster some of it is enough:
    /// while one server is away, the customers of the others are served. Any thread.
    package var isReady: Bool {
        state.withLockedValue { $0.ready.count == hubs.count && !$0.isDraining }
    }

    /// What stands behind a new WebSocket of `eventLoop`. Must be called there.
    package func makeConnection(
        token: AuthenticatedToken,
        address: NetworkAddress,
        dialect: Dialect,
        eventLoop: any EventLoop
    ) -> any WebSocketDelegate {
        hub(of: eventLoop).makeConnection(token: token, address: address, dialect: dialect)
    }

    /// Asks Redis whom a token stands for, by the connection of `eventLoop`. Must be called there, and answers there.
    package func authenticate(
        _ token: Token,
        on eventLoop: any EventLoop,
        _ completion: @escaping MessageLog.Completion<AuthenticatedToken>
    ) {
        hub(of: eventLoop).log.authenticate(token, completion)
    }

    private func hub(of eventLoop: any EventLoop) -> Hub {
        guard let hub = hubs.first(where: { $0.eventLoop === eventLoop }) else {
            preconditionFailure("This event loop is not of the group that the hubs were made for.")
        }
        return hub
    }

    /// Subscribes the mailboxes and stays until graceful shutdown; then sends all clients away, spread over half of the
    /// drain time-out, each once what it sent is stored. What is left at the time-out is closed.
    package func run() async throws {
        for hub in hubs {
            hub.eventLoop.execute {
                hub.start { isReady in
                    self.state.withLockedValue {
                        if isReady { $0.ready.insert(hub.mailbox) } else { $0.ready.remove(hub.mailbox) }
                    }
                }
            }
        }
        // Throws on cancellation; both mean: end now.
        try? await gracefulShutdown()
        state.withLockedValue { $0.isDraining = true }
        let closing = hubs.map { hub in
            hub.eventLoop.flatSubmit { [drainTimeout] in
                let late = hub.eventLoop.scheduleTask(in: drainTimeout) { hub.closeAll() }
                return hub.drain(over: TimeAmount.nanoseconds(drainTimeout.nanoseconds / 2)).flatMap {
                    late.cancel()
                    return hub.stop()
                }
            }
        }
        for future in closing { try? await future.get() }
        logger.info("All connections are closed")
    }
}
