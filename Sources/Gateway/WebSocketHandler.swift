package import NIOCore

/// Who stands behind a WebSocket. All calls come on the socket's event loop.
package protocol WebSocketDelegate: AnyObject {
    /// The handshake is over and the socket can be written to. Called once, first.
    func connected(_ socket: WebSocketHandler)
    /// A whole text message, valid UTF-8, of at most `MAX_MESSAGE_BYTES`.
    func received(text: ByteBuffer)
    /// A pong, at most 125 bytes.
    func receivedPong(_ payload: ByteBuffer)
    /// All that the socket had to read for now was handed over; what is sent in here still leaves in the same write.
    func readCompleted()
    /// Something was sent, and is to leave in a write at the end of this turn of the loop: ``WebSocketHandler/endTurn()``.
    func willEndTurn(_ socket: WebSocketHandler)
    /// The peer reads too slowly for what is sent (`false`), or has caught up (`true`).
    func writabilityChanged(isWritable: Bool)
    /// The socket takes and gives nothing any more: it is closed, or its close handshake has begun (but see
    /// ``WebSocketHandler/closeAfterReading(_:reason:)``). Called once, last, and never from inside
    /// ``WebSocketHandler/close(_:reason:)``.
    func disconnected()
}

extension WebSocketDelegate {
    package func willEndTurn(_ socket: WebSocketHandler) {
        socket.eventLoop.assumeIsolated().execute { socket.endTurn() }
    }
}

/// One WebSocket, from the bytes of its TCP connection: carries out what ``WebSocketStateMachine`` decides and hands messages
/// to its delegate.
///
/// Owned by its event loop; everything here must be called there. What is sent is gathered, and leaves in one write for each
/// turn of the loop: when the socket was read, or in a task at the turn's end.
package final class WebSocketHandler: ChannelInboundHandler, RemovableChannelHandler {
    package typealias InboundIn = ByteBuffer
    package typealias OutboundOut = ByteBuffer

    /// Past this many bytes what was gathered goes to the channel before the turn ends, so that ``isWritable`` knows of it.
    private static let maxGatheredBytes = 16 * 1024
    /// A client that sends faster than its rate for so long, though it is read no faster, is closed with 4029.
    package static let rateTolerance = TimeAmount.seconds(30)
    /// How long the peer may take to end the connection after our close frame.
    package static let closeTimeout = TimeAmount.seconds(5)

    package let eventLoop: any EventLoop
    /// `nil` once it was told that the socket is gone, which also ends the two objects' hold on each other.
    private var delegate: (any WebSocketDelegate)?
    private var context: ChannelHandlerContext?
    private var state: WebSocketStateMachine
    private var isConnected = false
    private var isReading = false
    private var isPaused = false
    /// Frames of this turn that the channel does not have yet; `nil` for none.
    private var gathered: ByteBuffer?
    private var hasUnflushedWrites = false
    private var isFlushScheduled = false
    /// The answer to the last ping, kept back while the peer does not read. RFC 6455 §5.5.3: the last one is enough.
    private var delayedPong: ByteBuffer?
    private var closeTimer: Scheduled<Void>?
    private var allowance: Allowance
    private let onRateExceeded: () -> Void
    /// The socket is not read because the peer sent too much: since when, with pauses of up to a second, and until when.
    private var isHeldBack = false
    private var heldBack = (since: NIODeadline.distantPast, until: NIODeadline.distantPast)

    /// - Parameters:
    ///   - maxMessageBytes: past it the connection is closed with 1009.
    ///   - onRateExceeded: called when it is closed for sending faster than `rate`.
    package init(
        delegate: any WebSocketDelegate,
        eventLoop: any EventLoop,
        maxMessageBytes: Int = 65536,
        rate: SendingRate = SendingRate(messagesPerSecond: 0, bytesPerSecond: 0),
        onRateExceeded: @escaping () -> Void = {}
    ) {
        self.delegate = delegate
        self.eventLoop = eventLoop
        self.onRateExceeded = onRateExceeded
        allowance = Allowance(rate, at: eventLoop.now)
        state = WebSocketStateMachine(maxMessageBytes: maxMessageBytes)
    }

    // MARK: For the delegate

    /// Whether the peer keeps up with what is sent: less than the high-water mark of bytes wait.
    package private(set) var isWritable = false
    /// As ``WebSocketStateMachine/hasOldFragments()``.
    package func hasOldFragments() -> Bool { state.hasOldFragments() }

    /// Bytes that were sent and that the system has not taken yet.
    package var bufferedBytes: Int {
        let written = (try? context?.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
        return written + (gathered?.readableBytes ?? 0)
    }

    /// Sends one text frame; dropped when the socket is closing. `text` must be valid UTF-8.
    package func send(text: consuming ByteBuffer) { write(WebSocketFrame.encode(.text, text)) }

    /// Sends a frame that ``WebSocketFrame/encode(_:_:)`` made, for this and maybe for others; dropped when the socket is
    /// closing.
    package func send(frame: ByteBuffer) { write(frame) }

    /// Sends a ping with a payload of at most 125 bytes; dropped when the socket is closing.
    package func sendPing(_ payload: consuming ByteBuffer) {
        precondition(payload.readableBytes <= WebSocketStateMachine.maxControlBytes)
        write(WebSocketFrame.encode(.ping, payload))
    }

    /// Lets what was sent leave now.
    package func flush() {
        writeGathered()
        guard hasUnflushedWrites else { return }
        hasUnflushedWrites = false
        context?.flush()
    }

    /// Sends a close frame, waits up to ``closeTimeout`` for the peer's, then closes the TCP connection. Only the first
    /// call counts. The delegate's `disconnected` follows in a later turn of the loop.
    ///
    /// - Parameter reason: cut to 123 bytes; by default the code's own.
    package func close(_ code: CloseCode, reason: String? = nil) {
        perform(state.close(code, reason: reason ?? code.defaultReason), isOwnWish: true)
    }

    /// As ``close(_:reason:)``, but messages that the peer sent before it saw the close frame are still delivered, and
    /// `disconnected` comes when the connection is closed. What is sent meanwhile is dropped.
    package func closeAfterReading(_ code: CloseCode, reason: String? = nil) {
        perform(state.closeAfterReading(code, reason: reason ?? code.defaultReason))
    }

    /// Takes nothing more from the peer until ``resumeReading()``, but for what was already read.
    package func pauseReading() {
        guard state.isOpen || state.isLingering else { return }
        setPaused(true)
    }

    package func resumeReading() { setPaused(false) }

    // MARK: Writing

    private func write(_ frame: consuming ByteBuffer) {
        guard state.isOpen, context != nil else { return }
        if var frames = gathered {
            gathered = nil
            frames.writeImmutableBuffer(frame)
            gathered = frames
        } else {
            gathered = frame
        }
        if gathered?.readableBytes ?? 0 >= Self.maxGatheredBytes { writeGathered() }
        guard !isReading, !isFlushScheduled else { return }
        isFlushScheduled = true
        if let delegate {
            delegate.willEndTurn(self)
        } else {
            eventLoop.assumeIsolated().execute { self.endTurn() }
        }
    }

    /// Lets what was sent in this turn of the loop leave.
    package func endTurn() {
        isFlushScheduled = false
        flush()
    }

    private func writeGathered() {
        guard let frames = gathered else { return }
        gathered = nil
        context?.write(Self.wrapOutboundOut(frames), promise: nil)
        hasUnflushedWrites = true
    }

    private func setPaused(_ paused: Bool) {
        setReading { isPaused = paused }
    }

    /// Does what changes whether the socket is to be read.
    private func setReading(_ change: () -> Void) {
        let was = isPaused || isHeldBack
        change()
        let now = isPaused || isHeldBack
        guard was != now, let context else { return }
        context.channel.setOption(.autoRead, value: !now).whenFailure { _ in }
    }

    /// The peer has sent more than it may: nothing is read until that is made good.
    private func holdBack() {
        let now = eventLoop.now
        guard state.isOpen, !isHeldBack, let wait = allowance.wait(at: now) else { return }
        if now - heldBack.until > .seconds(1) { heldBack.since = now }
        heldBack.until = now + wait
        guard now - heldBack.since < Self.rateTolerance else {
            onRateExceeded()
            return close(.rateLimited)
        }
        setReading { isHeldBack = true }
        eventLoop.assumeIsolated().scheduleTask(deadline: heldBack.until) { [weak self] in
            self?.setReading { self?.isHeldBack = false }
        }
    }

    // MARK: Acting

    private func perform(_ action: WebSocketStateMachine.Action, isOwnWish: Bool = false) {
        switch action {
        case .none: break
        case .deliver(let text): delegate?.received(text: text)
        case .deliverPong(let payload): delegate?.receivedPong(payload)
        case .sendPong(let payload):
            if isWritable { write(WebSocketFrame.encode(.pong, payload)) } else { delayedPong = payload }
        case .sendClose(let payload, let next):
            sendClose(payload, then: next)
            if !state.isLingering { endDelegate(later: isOwnWish) }
        case .closeConnection:
            context?.close(promise: nil)
            endDelegate(later: isOwnWish)
        }
    }

    private func sendClose(_ payload: ByteBuffer, then next: WebSocketStateMachine.AfterClose) {
        guard let context else { return }
        // The peer's close frame must get through.
        setReading {
            isPaused = false
            isHeldBack = false
        }
        writeGathered()
        hasUnflushedWrites = false
        let frame = WebSocketFrame.encode(.connectionClose, payload)
        let written = context.writeAndFlush(Self.wrapOutboundOut(frame)).assumeIsolated()
        closeTimer = eventLoop.assumeIsolated().scheduleTask(in: Self.closeTimeout) { [weak self] in
            self?.context?.close(promise: nil)
        }
        switch next {
        case .awaitClose: break
        case .closeConnection: written.whenComplete { _ in context.close(promise: nil) }
        case .awaitEnd: written.whenComplete { _ in context.close(mode: .output, promise: nil) }
        }
    }

    private func endDelegate(later: Bool) {
        guard let delegate else { return }
        self.delegate = nil
        guard isConnected else { return }
        if later {
            eventLoop.assumeIsolated().execute { delegate.disconnected() }
        } else {
            delegate.disconnected()
        }
    }

    // MARK: ChannelInboundHandler

    package func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        isWritable = context.channel.isWritable
        if context.channel.isActive { begin() }
    }

    package func channelActive(context: ChannelHandlerContext) {
        begin()
        context.fireChannelActive()
    }

    private func begin() {
        guard !isConnected else { return }
        isConnected = true
        delegate?.connected(self)
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = Self.unwrapInboundIn(data)
        isReading = true
        let count = bytes.readableBytes
        var messages = 0
        while let action = state.read(&bytes) {
            messages += 1
            perform(action)
        }
        if !allowance.take(messages: messages, bytes: count) { holdBack() }
    }

    package func channelReadComplete(context: ChannelHandlerContext) {
        isReading = true
        delegate?.readCompleted()
        isReading = false
        flush()
    }

    package func channelWritabilityChanged(context: ChannelHandlerContext) {
        isWritable = context.channel.isWritable
        if isWritable, let payload = delayedPong {
            delayedPong = nil
            write(WebSocketFrame.encode(.pong, payload))
        }
        delegate?.writabilityChanged(isWritable: isWritable)
    }

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event as? ChannelEvent == .inputClosed { perform(state.receiveEnd()) }
        context.fireUserInboundEventTriggered(event)
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        perform(state.receiveEnd())
    }

    package func channelInactive(context: ChannelHandlerContext) {
        perform(state.receiveEnd())
        closeTimer?.cancel()
        gathered = nil
        context.fireChannelInactive()
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        closeTimer?.cancel()
        endDelegate(later: false)
        self.context = nil
        isWritable = false
    }
}
