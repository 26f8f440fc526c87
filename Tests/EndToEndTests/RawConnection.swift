import Foundation
import NIOCore
import NIOPosix

/// A TCP connection that sends what it is told and keeps what comes back.
final class RawConnection: Sendable {
    struct State: Sendable {
        var received: [UInt8] = []
        var hasEnded = false
        /// When it did.
        var end: ContinuousClock.Instant?
    }

    private let channel: any Channel
    let inbox: Watched<State>
    /// When it was about to be opened.
    let begin = ContinuousClock.now

    /// - Parameter address: the client's own, of this machine: any of 127.0.0.0/8; `nil`: the system's choice.
    init(to port: Int, from address: String? = nil) async throws {
        let inbox = Watched(State())
        self.inbox = inbox
        var bootstrap = ClientBootstrap(group: Attacker.sockets)
        if let address { bootstrap = bootstrap.bind(to: try SocketAddress(ipAddress: address, port: 0)) }
        channel =
            try await bootstrap
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Handler(inbox: inbox))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
    }

    /// As `init`; `nil` if the other side ends it as soon as it is there.
    static func unlessReset(to port: Int, from address: String?) async throws -> RawConnection? {
        do {
            return try await RawConnection(to: port, from: address)
        } catch let error as NIOConnectionError {
            guard error.connectionErrors.allSatisfy({ ($0.error as? IOError)?.errnoCode == ECONNRESET }) else {
                throw error
            }
            return nil
        }
    }

    deinit { channel.close(promise: nil) }

    func send(_ bytes: [UInt8]) async throws {
        try await channel.writeAndFlush(ByteBuffer(bytes: bytes))
    }

    /// Waits for the head of the first answer, and returns its status; 0 when the connection ended without one.
    func status(timeout: Duration = .seconds(30)) async throws -> Int {
        try await inbox.wait(for: "an answer", timeout: timeout, describe: { "it said \($0.received.count) bytes" }) {
            state in
            let text = String(decoding: state.received.prefix(64), as: UTF8.self)
            guard text.count >= 13 || state.hasEnded else { return nil }
            return Int(text.split(separator: " ").dropFirst().first ?? "") ?? 0
        }
    }

    /// Takes the next whole answer out of what has arrived; its length is said in its head. `nil`: the connection ended first.
    func answer(timeout: Duration = .seconds(30)) async throws -> HTTPResponse? {
        try await inbox.wait(for: "an answer", timeout: timeout, describe: { "it said \($0.received.count) bytes" }) {
            state -> HTTPResponse?? in
            if let head = state.received.firstRange(of: Array("\r\n\r\n".utf8))?.upperBound,
                let begun = try? HTTPResponse(parsing: String(decoding: state.received[..<head], as: UTF8.self)),
                case let end = head + (begun.headers["content-length"].flatMap { Int($0) } ?? 0),
                state.received.count >= end
            {
                let text = String(decoding: state.received[..<end], as: UTF8.self)
                state.received.removeFirst(end)
                return .some(try? HTTPResponse(parsing: text))
            }
            return state.hasEnded ? .some(nil) : nil
        }
    }

    func close() async throws { try await channel.close() }

    /// How long it was open, once it has ended.
    var lifetime: Duration? { inbox.current.end.map { $0 - begin } }

    /// Waits for the server to end the connection, and returns what it said until then.
    func end(timeout: Duration = .seconds(30)) async throws -> String {
        try await inbox.wait(for: "the end of a connection", timeout: timeout, describe: { _ in "it is open" }) {
            state in
            state.hasEnded ? String(decoding: state.received, as: UTF8.self) : nil
        }
    }

    /// Owned by its channel's event loop.
    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let inbox: Watched<State>

        init(inbox: Watched<State>) {
            self.inbox = inbox
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let bytes = Array(unwrapInboundIn(data).readableBytesView)
            inbox.update { $0.received += bytes }
        }

        func channelInactive(context: ChannelHandlerContext) {
            inbox.update { state in
                state.hasEnded = true
                state.end = .now
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }
    }
}
