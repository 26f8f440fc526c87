import NIOCore
import NIOPosix

/// A TCP proxy in front of Redis that can delay, swallow and cut, and that loses publications on the way to a subscriber.
///
/// Owner: its event loop, on which all its connections run.
// @unchecked: all mutable state is read and written on the event loop only.
final class FaultProxy: @unchecked Sendable {
    /// Which publications do not reach their subscriber.
    enum Loss: Sendable {
        case none
        /// So many of a thousand, at random.
        case perMille(Int)
        case allButTicks
    }

    let port: Int
    private let eventLoop: any EventLoop
    private let listener: any Channel
    private let state: State

    /// What the handlers of all connections share.
    ///
    /// Owner: the event loop.
    // @unchecked: as above.
    final class State: @unchecked Sendable {
        var loss = Loss.none
        /// Subscriptions that began when this was smaller get no publication any more, whatever else they get.
        var deafened = 0
        var delay = TimeAmount.zero
        /// Bytes in either direction go nowhere; those connections end when this does.
        var swallows = false
        var channels: [ObjectIdentifier: any Channel] = [:]
        private var generator: SeededGenerator

        init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

        func losesNext(isTick: Bool) -> Bool {
            switch loss {
            case .none: return false
            case .allButTicks: return !isTick
            case .perMille(let share): return Int.random(in: 0..<1000, using: &generator) < share
            }
        }
    }

    static func start(on eventLoop: any EventLoop, to redisPort: Int, seed: UInt64) async throws -> FaultProxy {
        let state = State(seed: seed)
        let listener = try await ServerBootstrap(group: eventLoop)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            // Nothing is read before there is somewhere to write it.
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { downstream in
                ClientBootstrap(group: downstream.eventLoop)
                    .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                    .channelOption(.autoRead, value: false)
                    .connect(host: "127.0.0.1", port: redisPort)
                    .flatMapThrowing { upstream in
                        let connection = ProxiedConnection(deafened: state.deafened)
                        try downstream.pipeline.syncOperations.addHandler(
                            ProxyHandler(to: upstream, isFromRedis: false, connection, state)
                        )
                        try upstream.pipeline.syncOperations.addHandler(
                            ProxyHandler(to: downstream, isFromRedis: true, connection, state)
                        )
                        for channel in [downstream, upstream] {
                            _ = channel.setOption(.autoRead, value: true)
                        }
                    }
                    .flatMapError { error in
                        downstream.close(promise: nil)
                        return downstream.eventLoop.makeFailedFuture(error)
                    }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return FaultProxy(eventLoop: eventLoop, listener: listener, state: state)
    }

    private init(eventLoop: any EventLoop, listener: any Channel, state: State) {
        self.eventLoop = eventLoop
        self.listener = listener
        self.state = state
        port = listener.localAddress?.port ?? 0
    }

    func change(_ body: @escaping @Sendable (State) -> Void) async throws {
        try await eventLoop.submit { [state] in body(state) }.get()
    }

    /// Ends all connections.
    func cut() async throws {
        try await change { state in
            for channel in state.channels.values { channel.close(promise: nil) }
        }
    }

    func close() async throws {
        try? await listener.close()
        try await cut()
    }
}

/// What both directions of one connection through the proxy know of it.
///
/// Owned by its channels' event loop.
final class ProxiedConnection {
    /// Its client has said SUBSCRIBE.
    var isSubscription = false
    /// Something of this connection was swallowed.
    var isBroken = false
    /// How often subscriptions had been deafened when this connection began.
    let deafened: Int

    init(deafened: Int) { self.deafened = deafened }
}

/// One direction of one connection through the proxy.
///
/// Owned by its channel's event loop.
private final class ProxyHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let other: any Channel
    private let isFromRedis: Bool
    private let connection: ProxiedConnection
    private let state: FaultProxy.State
    private var reply = ByteBuffer()
    /// What waits to be passed on, and until when.
    private var late = 0
    private var lastDue = NIODeadline.uptimeNanoseconds(0)

    init(to other: any Channel, isFromRedis: Bool, _ connection: ProxiedConnection, _ state: FaultProxy.State) {
        self.other = other
        self.isFromRedis = isFromRedis
        self.connection = connection
        self.state = state
    }

    func handlerAdded(context: ChannelHandlerContext) { state.channels[ObjectIdentifier(self)] = context.channel }

    func channelInactive(context: ChannelHandlerContext) {
        state.channels[ObjectIdentifier(self)] = nil
        // After what is on its way, so that an answer given before the end arrives before it.
        pass(nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if state.swallows { connection.isBroken = true }
        // TCP leaves nothing out: where something was swallowed, nothing may follow.
        guard !connection.isBroken else { return }
        let bytes = Self.unwrapInboundIn(data)
        if !isFromRedis {
            if !connection.isSubscription {
                connection.isSubscription = bytes.readableBytesView.firstRange(of: Array("SUBSCRIBE\r\n".utf8)) != nil
            }
            return pass(bytes)
        }
        guard connection.isSubscription else { return pass(bytes) }
        reply.writeImmutableBuffer(bytes)
        var kept = ByteBuffer()
        while let length = RESPReply.length(in: reply.readableBytesView), let item = reply.readSlice(length: length) {
            let kind = RESPReply.kindOfPublication(item.readableBytesView)
            let isLost = kind.map { connection.deafened < state.deafened || state.losesNext(isTick: $0 == "k") } == true
            if !isLost { kept.writeImmutableBuffer(item) }
        }
        reply.discardReadBytes()
        if kept.readableBytes > 0 { pass(kept) }
    }

    /// Passes bytes, or the end, on; never before what came before them.
    private func pass(_ bytes: ByteBuffer?) {
        let act = { [other] in
            if let bytes { other.writeAndFlush(bytes, promise: nil) } else { other.close(promise: nil) }
        }
        guard state.delay > .zero || late > 0 else { return act() }
        late += 1
        lastDue = max(.now() + state.delay, lastDue)
        other.eventLoop.assumeIsolated().scheduleTask(deadline: lastDue) { [self] in
            late -= 1
            act()
        }
    }
}

/// As much of Redis's protocol as it takes to drop one publication.
///
/// Source: [Redis serialization protocol](https://redis.io/docs/latest/develop/reference/protocol-spec/).
enum RESPReply {
    /// The bytes of the first reply; `nil` while it is not complete.
    static func length(in bytes: ByteBufferView) -> Int? {
        end(of: bytes[...]).map { $0 - bytes.startIndex }
    }

    private static func end(of bytes: ByteBufferView) -> Int? {
        guard let kind = bytes.first, let line = bytes.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
        let number = Int(String(decoding: bytes[(bytes.startIndex + 1)..<(line - 1)], as: UTF8.self)) ?? 0
        var end = line + 1
        switch kind {
        case UInt8(ascii: "$"):
            end += number < 0 ? 0 : number + 2
            return end <= bytes.endIndex ? end : nil
        case UInt8(ascii: "*"):
            for _ in 0..<max(0, number) {
                guard end < bytes.endIndex, let next = Self.end(of: bytes[end...]) else { return nil }
                end = next
            }
            return end
        default: return end
        }
    }

    /// The first letter of a publication's payload: `m` a message, `k` a tick; `nil` for what is no publication.
    static func kindOfPublication(_ bytes: ByteBufferView) -> Character? {
        guard bytes.starts(with: "*3\r\n$7\r\nmessage\r\n".utf8) else { return nil }
        // Six lines (`*3`, `$7`, `message`, `$N`, the topic, `$M`), then the payload: `m COUNT …`.
        var payload = bytes[...]
        for _ in 0..<6 {
            guard let feed = payload.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
            payload = payload[(feed + 1)...]
        }
        return payload.first.map { Character(Unicode.Scalar($0)) }
    }
}
