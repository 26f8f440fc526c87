import NIOCore

/// The client's end of one WebSocket: the handshake, then frames. It answers pings and closes by itself.
///
/// Owned by its channel's event loop.
final class ClientSocket: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    enum Event {
        /// The handshake succeeded.
        case opened
        case text(ByteBuffer)
        /// The server says goodbye. `closed` follows.
        case goodbye(code: Int?)
        /// The socket is gone. Said once, also for one that never opened.
        case closed
    }

    private enum Opcode {
        static let text: UInt8 = 1
        static let close: UInt8 = 8
        static let ping: UInt8 = 9
        static let pong: UInt8 = 10
    }

    private let request: String
    private let onEvent: (ClientSocket, Event) -> Void
    private var context: ChannelHandlerContext?
    private var received = ByteBuffer()
    private var isOpen = false
    private var isSilent = false
    private var deadline: Scheduled<Void>?

    /// - Parameter onEvent: Called on the event loop.
    init(token: String, isFull: Bool, onEvent: @escaping (ClientSocket, Event) -> Void) {
        request =
            "GET /ws/chat HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            + "Authorization: Bearer \(token)\r\n\(isFull ? "Sec-WebSocket-Protocol: chat.v2\r\n" : "")\r\n"
        self.onEvent = onEvent
    }

    func send(_ text: String) { write(Opcode.text, ByteBuffer(string: text)) }

    /// Ends the TCP connection without a word, as when a network goes away.
    func vanish() { context?.close(promise: nil) }

    /// Says nothing more, whatever comes, as a client does that lost its network without a word: the other side sees an open
    /// connection on which nothing comes.
    func fallSilent() { isSilent = true }

    /// Whether what comes is taken from the system. What is not, fills the buffers on the way.
    func setReading(_ reads: Bool) { context?.channel.setOption(.autoRead, value: reads).whenFailure { _ in } }

    /// RFC 6455 §5.2. The mask is all zeros: what it protects against, caches in between, is not here.
    private func write(_ opcode: UInt8, _ payload: ByteBuffer) {
        guard let context, !isSilent else { return }
        var frame = context.channel.allocator.buffer(capacity: payload.readableBytes + 14)
        frame.writeInteger(0x80 | opcode)
        switch payload.readableBytes {
        case ..<126: frame.writeInteger(0x80 | UInt8(payload.readableBytes))
        case ..<65_536:
            frame.writeInteger(UInt8(0x80 | 126))
            frame.writeInteger(UInt16(payload.readableBytes))
        default:
            frame.writeInteger(UInt8(0x80 | 127))
            frame.writeInteger(UInt64(payload.readableBytes))
        }
        frame.writeInteger(UInt32(0))
        frame.writeImmutableBuffer(payload)
        context.writeAndFlush(Self.wrapOutboundOut(frame), promise: nil)
    }

    // MARK: ChannelInboundHandler

    func channelActive(context: ChannelHandlerContext) {
        self.context = context
        // A gateway whose Redis is stuck may take its time.
        deadline = context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(5)) { context.close(promise: nil) }
        context.writeAndFlush(Self.wrapOutboundOut(ByteBuffer(string: request)), promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        deadline?.cancel()
        self.context = nil
        onEvent(self, .closed)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        received.writeImmutableBuffer(Self.unwrapInboundIn(data))
        if !isOpen {
            let bytes = received.readableBytesView
            guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8))?.upperBound else { return }
            guard bytes.starts(with: "HTTP/1.1 101 ".utf8) else { return context.close(promise: nil) }
            received.moveReaderIndex(to: end)
            isOpen = true
            deadline?.cancel()
            onEvent(self, .opened)
        }
        while self.context != nil, readFrame() {}
        received.discardReadBytes()
    }

    /// A server's frames have no mask, and a gateway's are never fragments.
    private func readFrame() -> Bool {
        let start = received.readerIndex
        guard let first: UInt8 = received.getInteger(at: start), let second: UInt8 = received.getInteger(at: start + 1)
        else { return false }
        var (length, head) = (Int(second), 2)
        if second == 126 {
            guard let long: UInt16 = received.getInteger(at: start + 2) else { return false }
            (length, head) = (Int(long), 4)
        } else if second == 127 {
            guard let long: UInt64 = received.getInteger(at: start + 2) else { return false }
            (length, head) = (Int(long), 10)
        }
        guard let payload = received.getSlice(at: start + head, length: length) else { return false }
        received.moveReaderIndex(forwardBy: head + length)
        switch first & 15 {
        case Opcode.text: onEvent(self, .text(payload))
        case Opcode.ping: write(Opcode.pong, payload)
        case Opcode.close:
            onEvent(self, .goodbye(code: payload.getInteger(at: payload.readerIndex, as: UInt16.self).map { Int($0) }))
            write(Opcode.close, payload)
            context?.close(promise: nil)
        default: break
        }
        return true
    }
}
