import Logging
import NIOCore
import NIOPosix

/// What the user of a ``RedisLink`` is told, always on the link's event loop.
protocol RedisLinkOwner: AnyObject, SendableMetatype {
    /// The connection is open and logged in.
    func linkOpened(_ socket: HiredisSocket)
    /// The next reply; valid during the call only.
    func linkReceived(_ reply: HiredisReply)
    /// What was open is lost; the link is already working on the next connection, unless it was closed.
    func linkLost(_ error: RedisError)
    /// An attempt to connect failed; the next one follows.
    func linkFailed(_ error: RedisError)
}

/// A connection to Redis that is opened anew for ever, whatever ends it.
///
/// hiredis connects and logs in on NIO's thread pool, since it blocks; then the descriptor moves to the event loop,
/// where NIO carries the bytes and hiredis parses them.
///
/// Owned by its event loop: every method must be called there.
// @unchecked, guarded by `eventLoop`: all state is read and written there only.
final class RedisLink<Owner: RedisLinkOwner>: @unchecked Sendable {
    let eventLoop: any EventLoop
    private let connector: RedisConnector
    private let logger: Logger
    private var machine: RedisConnectionStateMachine
    /// Held from `start` until closed: a started link lives until somebody closes it.
    private var owner: Owner?
    private var channel: (any Channel)?
    private var reader: HiredisReader?
    private var attempt: RedisConnectAttempt?
    private var attemptBegin = NIODeadline.now()
    private var retry: Scheduled<Void>?
    /// With Sentinel: asks from time to time whether another server took over.
    private var check: Scheduled<Void>?
    private var checking: RedisConnectAttempt?
    private var closing: EventLoopPromise<Void>?

    init(configuration: RedisConfiguration, eventLoop: any EventLoop, logger: Logger) {
        self.connector = RedisConnector(configuration: configuration)
        self.eventLoop = eventLoop
        self.machine = RedisConnectionStateMachine(backoff: configuration.backoff)
        var logger = logger
        logger[metadataKey: "redis.address"] = "\(configuration.address)"
        self.logger = logger
    }

    var isOpen: Bool { machine.isOpen }
    var isClosed: Bool { machine.isClosed }

    func start(owner: Owner) {
        guard machine.start() else { return }
        self.owner = owner
        connect()
    }

    /// - Returns: `false` if nothing was written because nothing is open.
    @discardableResult
    func write(_ buffer: ByteBuffer) -> Bool {
        guard let channel, channel.isActive else { return false }
        channel.writeAndFlush(buffer, promise: nil)
        return true
    }

    /// Gives the open connection up, for `error`, and connects again.
    func drop(_ error: RedisError) {
        guard case .retry(let delay, let isNews) = machine.connectionLost(error) else { return }
        if isNews {
            logger.info(
                "Lost the connection to Redis and will connect again.",
                metadata: ["redis.error": "\(error.message)"]
            )
        }
        abandonChannel()
        scheduleRetry(after: delay)
        owner?.linkLost(error)
    }

    /// Closes for good.
    ///
    /// - Returns: Succeeds when nothing is open any more. Does not wait for an attempt that is under way: what that
    ///   opens, it closes by itself.
    func close() -> EventLoopFuture<Void> {
        let promise = closing ?? eventLoop.makePromise()
        closing = promise
        let owner = self.owner
        self.owner = nil
        switch machine.close() {
        case .closeConnection:
            let channel = self.channel
            abandonChannel()
            owner?.linkLost(RedisError(.unavailable, "The connection to Redis was closed.", mayHaveRun: false))
            if let channel { channel.closeFuture.cascade(to: promise) } else { promise.succeed() }
        case .abandonAttempt:
            attempt?.abandon()
            promise.succeed()
        case .complete:
            retry?.cancel()
            promise.succeed()
        case .none:
            break
        }
        return promise.futureResult
    }

    // MARK: - Connecting

    private func connect() {
        let attempt = RedisConnectAttempt()
        self.attempt = attempt
        attemptBegin = .now()
        attempt.run(on: eventLoop) { [connector] () throws(RedisError) in
            try connector.open()
        } discard: { socket in
            socket.close()
        } _: { outcome in
            switch outcome {
            case .success(let socket): self.connected(socket)
            case .failure(let error): self.connectFailed(error)
            }
        }
    }

    private func connected(_ socket: HiredisSocket) {
        guard !machine.isClosed else { return socket.close() }
        ClientBootstrap(group: eventLoop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(RedisLinkHandler(link: self, channel: channel))
                }
            }
            .withConnectedSocket(socket.descriptor)
            .whenComplete { outcome in
                switch outcome {
                case .success(let channel): self.adopt(channel, socket)
                case .failure(let error):
                    self.connectFailed(RedisError(.unavailable, "\(error)", mayHaveRun: false))
                }
            }
    }

    private func adopt(_ channel: any Channel, _ socket: HiredisSocket) {
        // The other side may have closed already; then `channelInactive` came before this and found nothing to do.
        guard channel.isActive else {
            return connectFailed(
                RedisError(.unavailable, "Redis closed the connection after the log-in.", mayHaveRun: false)
            )
        }
        switch machine.connectSucceeded() {
        case .adopt:
            self.channel = channel
            self.reader = HiredisReader()
            logger.info(
                "Connected to Redis.",
                metadata: ["redis.server": "\(socket.address)", "redis.run_id": "\(socket.runID ?? "unknown")"]
            )
            if connector.asksSentinels {
                // Not all links of a program at the same moment.
                scheduleCheck(socket, after: RedisConnector.checkInterval * Double.random(in: 0...1))
            }
            owner?.linkOpened(socket)
        case .discard:
            channel.close(promise: nil)
        }
    }

    private func scheduleCheck(_ socket: HiredisSocket, after delay: Duration) {
        check = eventLoop.scheduleTask(in: TimeAmount(delay)) {
            let attempt = RedisConnectAttempt()
            self.checking = attempt
            attempt.run(on: self.eventLoop) { [connector = self.connector] () throws(RedisError) in
                connector.isReplaced(socket)
            } _: { result in
                guard self.checking === attempt else { return }
                self.checking = nil
                if case .success(true) = result {
                    let reason = "Another Redis has become the primary."
                    return self.drop(RedisError(.disconnected, reason, mayHaveRun: true))
                }
                self.scheduleCheck(socket, after: RedisConnector.checkInterval)
            }
        }
    }

    private func connectFailed(_ error: RedisError) {
        switch machine.connectFailed(error) {
        case .retry(let delay, let isNews):
            if isNews {
                logger.info(
                    "Cannot connect to Redis and will go on trying.",
                    metadata: ["redis.error": "\(error.message)"]
                )
            }
            // An attempt that waited in vain has done its waiting.
            scheduleRetry(after: max(delay - Duration(NIODeadline.now() - attemptBegin), .zero))
            owner?.linkFailed(error)
        case .none:
            break
        }
    }

    private func scheduleRetry(after delay: Duration) {
        retry = eventLoop.scheduleTask(in: TimeAmount(delay)) {
            if self.machine.retryDue() { self.connect() }
        }
    }

    private func abandonChannel() {
        let channel = self.channel
        self.channel = nil
        self.reader = nil
        check?.cancel()
        check = nil
        checking?.abandon()
        checking = nil
        channel?.close(promise: nil)
    }

    // MARK: - From the channel

    fileprivate func received(_ buffer: ByteBuffer, on channel: any Channel) {
        guard let reader, let owner, channel === self.channel else { return }
        do throws(RedisError) {
            try buffer.withUnsafeReadableBytes { bytes throws(RedisError) in
                try reader.feed(bytes) { reply in
                    owner.linkReceived(reply)
                    // The owner may have dropped or closed the link because of this reply.
                    return self.reader === reader
                }
            }
        } catch {
            drop(error)
        }
    }

    fileprivate func ended(_ channel: any Channel, _ reason: String) {
        guard channel === self.channel else { return }
        drop(RedisError(.disconnected, "The connection to Redis was lost: \(reason).", mayHaveRun: true))
    }
}

/// Passes what happens on the channel to the link. One per channel, so that a late event of an old one is told apart.
private final class RedisLinkHandler<Owner: RedisLinkOwner>: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let link: RedisLink<Owner>
    private let channel: any Channel

    init(link: RedisLink<Owner>, channel: any Channel) {
        self.link = link
        self.channel = channel
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        link.received(unwrapInboundIn(data), on: channel)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        link.ended(channel, "\(error)")
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        link.ended(channel, "Redis closed it")
    }
}
