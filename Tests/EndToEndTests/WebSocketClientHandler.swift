import NIOCore

/// The receiving half of ``WebSocketClient``: the handshake's answer, then frames.
///
/// Owned by its channel's event loop.
final class WebSocketClientHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let inbox: Watched<WebSocketClient.State>
    private var received = ByteBuffer()
    private var isUpgraded = false
    private var pieces: [UInt8] = []

    init(inbox: Watched<WebSocketClient.State>) {
        self.inbox = inbox
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        received.writeImmutableBuffer(unwrapInboundIn(data))
        if !isUpgraded { readHandshake() }
        guard isUpgraded else { return }
        while let frame = nextFrame() { handle(frame, context: context) }
        received.discardReadBytes()
    }

    func channelInactive(context: ChannelHandlerContext) {
        inbox.update { [isUpgraded, received] state in
            if state.handshake == nil, !isUpgraded {
                state.handshake = Result { try HTTPResponse(parsing: String(buffer: received)) }
            }
            if state.closing == nil { state.closing = .init(code: 1006, reason: "") }
            state.hasEnded = true
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func readHandshake() {
        let bytes = received.readableBytesView
        guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8))?.upperBound else { return }
        let head = String(decoding: bytes[..<end], as: UTF8.self)
        guard let response = try? HTTPResponse(parsing: head) else { return }
        guard response.status == 101 else {
            // The body is complete with the length it was said to have.
            let body = bytes[end...]
            guard body.count >= response.headers["content-length"].flatMap({ Int($0) }) ?? .max else { return }
            let whole = try? HTTPResponse(parsing: String(decoding: bytes, as: UTF8.self))
            inbox.update { $0.handshake = .success(whole ?? response) }
            return
        }
        received.moveReaderIndex(to: received.readerIndex + (end - bytes.startIndex))
        isUpgraded = true
        inbox.update { $0.handshake = .success(response) }
    }

    // MARK: Frames

    private struct Frame {
        let opcode: UInt8
        let isLast: Bool
        let payload: [UInt8]
    }

    /// RFC 6455 §5.2; a server's frames have no mask.
    private func nextFrame() -> Frame? {
        let start = received.readerIndex
        guard let first: UInt8 = received.getInteger(at: start), let second: UInt8 = received.getInteger(at: start + 1)
        else { return nil }
        var length = Int(second)
        var head = 2
        if second == 126 {
            guard let long: UInt16 = received.getInteger(at: start + 2) else { return nil }
            (length, head) = (Int(long), 4)
        } else if second == 127 {
            guard let long: UInt64 = received.getInteger(at: start + 2) else { return nil }
            (length, head) = (Int(long), 10)
        }
        guard let payload = received.getBytes(at: start + head, length: length) else { return nil }
        received.moveReaderIndex(forwardBy: head + length)
        return Frame(opcode: first & 15, isLast: first & 0x80 != 0, payload: payload)
    }

    private func handle(_ frame: Frame, context: ChannelHandlerContext) {
        switch WebSocketClient.Opcode(rawValue: frame.opcode) {
        case .text, .continuation:
            pieces += frame.payload
            guard frame.isLast else { return }
            let text = String(decoding: pieces, as: UTF8.self)
            pieces = []
            let parsed = WebSocketClient.Text(text: text, json: (try? JSON(parsing: text)) ?? .null)
            inbox.update { state in
                state.texts.append(parsed)
                state.textCount += 1
                state.record?.append(text)
            }
        case .ping:
            let answers = inbox.update { state in
                state.pings.append(String(decoding: frame.payload, as: UTF8.self))
                return state.answersPings
            }
            if answers { write(.pong, frame.payload, context: context) }
        case .pong:
            inbox.update { $0.pongs.append(String(decoding: frame.payload, as: UTF8.self)) }
        case .close:
            let code = frame.payload.count >= 2 ? Int(frame.payload[0]) << 8 | Int(frame.payload[1]) : 1005
            let reason = String(decoding: frame.payload.dropFirst(2), as: UTF8.self)
            let isFirst = inbox.update { state in
                defer { if state.closing == nil { state.closing = .init(code: code, reason: reason) } }
                return state.closing == nil
            }
            if isFirst { write(.close, Array(frame.payload.prefix(2)), context: context) }
        case .binary, nil:
            inbox.update { $0.closing = .init(code: -1, reason: "the server sent opcode \(frame.opcode)") }
        }
    }

    private func write(_ opcode: WebSocketClient.Opcode, _ payload: [UInt8], context: ChannelHandlerContext) {
        let bytes = WebSocketClient.frame(opcode, payload)
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
    }
}
