import NIOCore
import NIOPosix

/// A WebSocket client for tests: speaks correctly unless told otherwise, and keeps what arrives until it is asked for.
final class WebSocketClient: Sendable {
    enum Dialect { case guide, full }
    /// Where the token goes in the handshake.
    enum TokenPlace { case query, header, subprotocol }

    /// A text frame from the server.
    struct Text: Sendable, CustomStringConvertible {
        let text: String
        let json: JSON

        var description: String { text }
        var conversation: String { json["conversationId"].string ?? "" }
        var content: String { json["content"].string ?? "" }
        var type: String { json["type"].string ?? "" }
    }

    /// How the connection ended: the server's close frame, or code 1006 when there was none.
    struct Closing: Sendable, Equatable {
        let code: Int
        let reason: String
    }

    struct State: Sendable {
        /// Set once the handshake is over.
        var handshake: Result<HTTPResponse, any Error>?
        var texts: [Text] = []
        var textCount = 0
        /// All text frames in their order, also those that were asked for; `nil`: nobody wants them.
        var record: [String]?
        var pings: [String] = []
        var pongs: [String] = []
        var closing: Closing?
        /// The TCP connection has ended.
        var hasEnded = false
        var answersPings = true
    }

    private let channel: any Channel
    let inbox: Watched<State>

    private init(channel: any Channel, inbox: Watched<State>) {
        self.channel = channel
        self.inbox = inbox
    }

    deinit { channel.close(promise: nil) }

    /// Connects and waits for the handshake's end.
    ///
    /// - Throws: ``HandshakeRefused``.
    static func connect(
        to port: Int,
        token: String?,
        dialect: Dialect = .guide,
        tokenIn place: TokenPlace = .query,
        answersPings: Bool = true,
        records: Bool = false,
        path: String = "/ws/chat",
        headers more: [String] = []
    ) async throws -> WebSocketClient {
        var subprotocols = dialect == .full ? ["chat.v2"] : []
        var target = path
        var headers = more.map { "\($0)\r\n" }.joined()
        if let token {
            switch place {
            case .query: target += "?token=\(token)"
            case .header: headers += "Authorization: Bearer \(token)\r\n"
            case .subprotocol: subprotocols.append("token.\(token)")
            }
        }
        if !subprotocols.isEmpty {
            headers += "Sec-WebSocket-Protocol: \(subprotocols.joined(separator: ", "))\r\n"
        }
        let request =
            "GET \(target) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\(headers)\r\n"

        var state = State()
        state.answersPings = answersPings
        if records { state.record = [] }
        let inbox = Watched(state)
        let channel = try await ClientBootstrap(group: Attacker.sockets)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(WebSocketClientHandler(inbox: inbox))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        let client = WebSocketClient(channel: channel, inbox: inbox)
        try await channel.writeAndFlush(ByteBuffer(string: request))
        let response = try await inbox.wait(for: "the handshake's answer") { $0.handshake }.get()
        guard response.status == 101 else { throw HandshakeRefused(response: response) }
        return client
    }

    // MARK: Sending

    func send(_ text: String) async throws {
        try await send(frame: .text, Array(text.utf8))
    }

    func send(
        frame opcode: Opcode,
        _ payload: [UInt8],
        isLast: Bool = true,
        isMasked: Bool = true,
        reservedBits: UInt8 = 0
    ) async throws {
        try await send(
            bytes: Self.frame(opcode, payload, isLast: isLast, isMasked: isMasked, reservedBits: reservedBits)
        )
    }

    func send(bytes: [UInt8]) async throws {
        try await channel.writeAndFlush(ByteBuffer(bytes: bytes))
    }

    enum Opcode: UInt8 { case continuation = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 }

    /// RFC 6455 §5.2.
    static func frame(
        _ opcode: Opcode,
        _ payload: [UInt8],
        isLast: Bool = true,
        isMasked: Bool = true,
        reservedBits: UInt8 = 0,
        claimedLength: Int? = nil
    ) -> [UInt8] {
        let length = claimedLength ?? payload.count
        let maskBit: UInt8 = isMasked ? 0x80 : 0
        var bytes: [UInt8] = [(isLast ? 0x80 : 0) | reservedBits << 4 | opcode.rawValue]
        switch length {
        case ..<126: bytes.append(maskBit | UInt8(length))
        case ..<65_536: bytes += [maskBit | 126, UInt8(length >> 8), UInt8(length & 255)]
        default: bytes += [maskBit | 127] + (0..<8).reversed().map { UInt8(truncatingIfNeeded: length >> ($0 * 8)) }
        }
        guard isMasked else { return bytes + payload }
        let mask: [UInt8] = (0..<4).map { _ in .random(in: .min ... .max) }
        bytes += mask
        bytes.reserveCapacity(bytes.count + payload.count)
        for (index, byte) in payload.enumerated() { bytes.append(byte ^ mask[index & 3]) }
        return bytes
    }

    // MARK: What arrives

    /// The next text frame that fits, taken out of what has arrived; others stay, in their order.
    @discardableResult
    func next(
        _ what: String = "a message",
        timeout: Duration = .seconds(30),
        where fits: @escaping @Sendable (Text) -> Bool = { _ in true }
    ) async throws -> Text {
        try await inbox.wait(for: what, timeout: timeout, describe: Self.describe) { state in
            guard let index = state.texts.firstIndex(where: fits) else { return nil }
            return state.texts.remove(at: index)
        }
    }

    /// Waits for the server's close frame, or for the connection's end without one.
    func closing(timeout: Duration = .seconds(30)) async throws -> Closing {
        try await inbox.wait(for: "the end of a WebSocket", timeout: timeout, describe: Self.describe) { $0.closing }
    }

    /// What has arrived and was not asked for yet.
    var unread: [Text] { inbox.current.texts }

    /// Waits until the server has handled all that was sent before, and what it sent before it says so has arrived.
    func synchronize() async throws {
        let payload = "sync \(UInt64.random(in: .min ... .max))"
        try await send(frame: .ping, Array(payload.utf8))
        _ = try await inbox.wait(for: "the pong to \(payload)", describe: Self.describe) { state in
            state.pongs.contains(payload) ? true : nil
        }
    }

    private static func describe(_ state: State) -> String {
        let last = state.texts.suffix(5).map(\.text).joined(separator: "\n")
        return
            "closing \(String(describing: state.closing)), \(state.texts.count) texts unread, the last:\n\(last)"
    }

    // MARK: Ending

    /// As `ws.close()` does, and waits for the server's part of it.
    @discardableResult
    func close() async throws -> Closing {
        try await send(frame: .close, [0x03, 0xE8])
        return try await closing()
    }

    /// Ends the TCP connection without a word, as when power fails.
    func vanish() async throws {
        try? await channel.close()
        _ = try await inbox.wait(for: "the connection's end") { $0.hasEnded ? true : nil }
    }

    /// Reads nothing from now on, not even from the kernel.
    func stopReading() async throws {
        try await channel.setOption(.autoRead, value: false).get()
    }

    func resumeReading() async throws {
        try await channel.setOption(.autoRead, value: true).get()
    }
}

/// The server did not want this WebSocket.
struct HandshakeRefused: Error {
    let response: HTTPResponse
}
