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
    private let ports: [Int]
    private let token: String
    private let isFull: Bool
    private var generator: SeededGenerator

    private var socket: ClientSocket?
    private var isConnecting = false
    private var isStopped = false
    private var attempts = 0
    private var pause: TimeAmount?
    private(set) var isOpen = false
    /// How many handshakes have succeeded.
    private(set) var opened = 0

    var onOpen: () -> Void = {}
    var onText: (ByteBuffer) -> Void = { _ in }

    static let firstPause = TimeAmount.milliseconds(100)
    static let longestPause = TimeAmount.seconds(2)

    init(eventLoop: any EventLoop, ports: [Int], token: String, isFull: Bool, seed: UInt64) {
        self.eventLoop = eventLoop
        self.ports = ports
        self.token = token
        self.isFull = isFull
        generator = SeededGenerator(seed: seed)
    }

    func connect() {
        guard !isStopped, !isConnecting, socket == nil, let port = ports.randomElement(using: &generator) else {
            return
        }
        isConnecting = true
        ClientBootstrap(group: eventLoop)
            .connectTimeout(.seconds(2))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
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
        guard socket === self.socket else { return }
        switch event {
        case .opened:
            isOpen = true
            opened += 1
            if !isFull { attempts = 0 }
            onOpen()
        case .text(let text): onText(text)
        case .closed:
            isOpen = false
            self.socket = nil
            comeBack()
        }
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
        isOpen = false
        socket?.vanish()
    }

    func stop() {
        isStopped = true
        isOpen = false
        socket?.vanish()
    }
}
