import NIOCore
import NIOPosix

/// A client's connection to whichever gateway takes it; it returns for ever, with jitter.
///
/// The pauses are shorter than those that clients should keep, so that a run of seconds sees many of them.
///
/// Owner: its event loop.
// @unchecked: all state is read and written on the event loop only.
final class ClientConnection: @unchecked Sendable {
    let eventLoop: any EventLoop
    /// Where to connect: to one of these, by chance.
    private let ports: [Int]
    private let token: String
    private let isFull: Bool
    private let receiveBuffer: Int?
    private var generator: SeededGenerator

    private var socket: ClientSocket?
    /// Sockets that were left without a word.
    private var abandoned: [ObjectIdentifier: (socket: ClientSocket, ended: (Int?) -> Void)] = [:]
    private var isConnecting = false
    private var isStopped = false
    private var attempts = 0
    private var pause: TimeAmount?
    private(set) var isOpen = false
    /// How many handshakes have succeeded.
    private(set) var opened = 0
    private var closeCode: Int?

    var onOpen: () -> Void = {}
    var onText: (ByteBuffer) -> Void = { _ in }
    /// Told the server's close code, if it said one.
    var onClose: (Int?) -> Void = { _ in }

    static let firstPause = TimeAmount.milliseconds(100)
    static let longestPause = TimeAmount.seconds(2)

    /// - Parameter receiveBuffer: bytes that the system may hold for this client; as many as it likes if `nil`.
    init(
        eventLoop: any EventLoop,
        ports: [Int],
        token: String,
        isFull: Bool,
        receiveBuffer: Int?,
        seed: UInt64
    ) {
        self.eventLoop = eventLoop
        self.ports = ports
        self.token = token
        self.isFull = isFull
        self.receiveBuffer = receiveBuffer
        generator = SeededGenerator(seed: seed)
    }

    func connect() {
        guard !isStopped, !isConnecting, socket == nil, let port = ports.randomElement(using: &generator) else {
            return
        }
        isConnecting = true
        var bootstrap = ClientBootstrap(group: eventLoop)
            .connectTimeout(.seconds(2))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
        if let receiveBuffer {
            bootstrap = bootstrap.channelOption(.socketOption(.so_rcvbuf), value: receiveBuffer)
        }
        bootstrap
            .channelInitializer { [self] channel in
                channel.eventLoop.makeCompletedFuture {
                    let socket = ClientSocket(token: token, isFull: isFull) { [self] in handle($1, of: $0) }
                    self.socket = socket
                    try channel.pipeline.syncOperations.addHandler(socket)
                }
            }
            .connect(host: "127.0.0.1", port: port)
            .whenComplete { [self] result in
                isConnecting = false
                if case .failure = result {
                    socket = nil
                    comeBack()
                }
            }
    }

    private func handle(_ event: ClientSocket.Event, of socket: ClientSocket) {
        guard socket === self.socket else { return handleAbandoned(event, of: socket) }
        switch event {
        case .opened:
            isOpen = true
            opened += 1
            if !isFull { attempts = 0 }
            onOpen()
        case .text(let text): onText(text)
        case .goodbye(let code): closeCode = code
        case .closed: lost()
        }
    }

    private func handleAbandoned(_ event: ClientSocket.Event, of socket: ClientSocket) {
        guard let ended = abandoned[ObjectIdentifier(socket)]?.ended else { return }
        switch event {
        case .goodbye(let code):
            abandoned[ObjectIdentifier(socket)] = nil
            ended(code)
        case .closed:
            abandoned[ObjectIdentifier(socket)] = nil
            ended(nil)
        case .opened, .text: break
        }
    }

    private func lost() {
        if isOpen { onClose(closeCode) }
        closeCode = nil
        isOpen = false
        socket = nil
        comeBack()
    }

    private func comeBack() {
        let ceiling = min(Self.longestPause, Self.firstPause * (1 << min(attempts, 10)))
        attempts += 1
        let jitter = TimeAmount.nanoseconds(.random(in: 0...ceiling.nanoseconds, using: &generator))
        eventLoop.scheduleTask(in: pause ?? jitter) { [self] in connect() }
        pause = nil
    }

    /// The server welcomed this client: the next pause is a short one.
    func welcomed() { attempts = 0 }

    /// When this connection ends, return after exactly this time.
    func goingAway(_ milliseconds: Int) { pause = .milliseconds(Int64(milliseconds)) }

    func send(_ text: String) {
        if isOpen { socket?.send(text) }
    }

    /// Loses the network for a while.
    func cut(for duration: TimeAmount) {
        pause = duration
        // What it still says is not heard.
        if isOpen { onClose(nil) }
        isOpen = false
        socket?.vanish()
    }

    /// Loses the network without a word to the other side, and has another one in a second. The old socket stays, silent.
    ///
    /// - Parameter ended: told when the other side gave the old socket up, and with which code.
    func changeNetwork(ended: @escaping (Int?) -> Void) {
        guard isOpen, let old = socket else { return ended(nil) }
        old.fallSilent()
        abandoned[ObjectIdentifier(old)] = (old, ended)
        pause = .seconds(1)
        lost()
    }

    /// Stops to read, or reads again. Nobody is told.
    func setReading(_ reads: Bool) { socket?.setReading(reads) }

    /// Stays away until ``comeBackAgain()``.
    func stop() {
        isStopped = true
        if isOpen { onClose(nil) }
        isOpen = false
        socket?.vanish()
        for (socket, _) in abandoned.values { socket.vanish() }
    }

    func comeBackAgain() {
        isStopped = false
        attempts = 0
        connect()
    }
}
