import Foundation
@testable import Gateway
@testable import Messaging
import NIOCore
import NIOEmbedded
import NIOHTTP1

/// Two bytes that say how, then what a client sends: from its HTTP request on, or from its first frame on.
///
/// The same bytes at once and in pieces must come to the same: the same messages, the same answers. What is answered is HTTP
/// and WebSocket by the book, and the messages are those of ``PlainWebSocket``.
enum WebSocketTarget: FuzzTarget {
    static func run(_ input: UnsafeRawBufferPointer) {
        guard input.count >= 2 else { return }
        let (plan, bytes) = (WebSocketPlan(input[0]), Array(input.dropFirst(2)))
        let whole = WebSocketSession(plan).play([bytes[...]])
        let pieces = WebSocketSession(plan).play(Pieces(of: bytes, seed: input[1]))
        check(whole, bytes, plan)
        guard !plan.beginsLate || bytes.count <= WebSocketPlan.bytesLeft else {
            // In pieces what came before the limit is answered.
            promise(
                whole.events.isEmpty && ServerBytes(whole.sent, isUpgraded: false).answers.map(\.status) == [431],
                "too long"
            )
            check(pieces, bytes, plan)
            return
        }
        promise(whole.events == pieces.events, "pieces tell the same: \(whole.events) or \(pieces.events)")
        promise(whole.sent == pieces.sent, "pieces are answered the same")
        promise(whole.isOpen == pieces.isOpen, "pieces end the same")
    }

    private static func check(_ outcome: WebSocketSession.Outcome, _ bytes: [UInt8], _ plan: WebSocketPlan) {
        let sent = ServerBytes(outcome.sent, isUpgraded: !plan.beginsWithHTTP)
        let events = outcome.events
        promise(events.count { $0 == .connected } <= 1 && events.count { $0 == .disconnected } <= 1, "once each")
        promise(events.isEmpty || events.first == .connected && events.last == .disconnected, "first and last")
        let texts = events.compactMap { event -> String? in if case .text(let text) = event { text } else { nil } }
        promise(texts.allSatisfy { $0.utf8.count <= plan.maxMessageBytes }, "no message is longer than allowed")
        promise(sent.frames.count { $0.opcode == 1 } <= texts.count, "nobody is answered who said nothing")

        if !plan.beginsWithHTTP, !texts.contains(where: WebSocketSession.commands.contains) {
            let expected = PlainWebSocket.messages(in: bytes, maxMessageBytes: plan.maxMessageBytes)
            promise(texts.map { Array($0.utf8) } == expected, "the messages are those that were sent")
        }
        promise(
            sent.answers.dropLast().allSatisfy { $0.headers["connection"] != "close" },
            "nothing is answered after the end, as in \(sent.answers.map(\.status))"
        )
        for answer in sent.answers {
            promise(
                [101, 200, 400, 401, 403, 404, 405, 426, 429, 431, 503].contains(answer.status),
                "\(answer.status) is an answer"
            )
            promise(!String(decoding: answer.body, as: UTF8.self).contains("cust_"), "no answer shows a token")
            if answer.status == 101 {
                promise(answer.headers["sec-websocket-accept"]?.count == 28, "the handshake is answered")
                promise(events.first == .connected, "who is upgraded is connected")
            } else if plan.beginsLate {
                promise(answer.headers["connection"] == "close", "who has sent much begins anew")
            }
        }
    }
}

/// How one connection is played.
struct WebSocketPlan {
    let beginsWithHTTP: Bool
    let maxMessageBytes: Int
    /// Whether the token's check fails, as when nobody has it.
    let refuses: Bool
    /// Whether the connection has sent so much before that only ``bytesLeft`` may come until the upgrade.
    let beginsLate: Bool
    static let bytesLeft = 1024
    /// Whether the client ends its half, in place of the whole connection being lost.
    let endsHalf: Bool
    /// Whether time passes before the end.
    let waits: Bool

    init(_ flags: UInt8) {
        beginsWithHTTP = flags & 1 != 0
        maxMessageBytes = [125, 1000, 65_536, 7][Int(flags >> 1 & 3)]
        refuses = flags & 0x38 == 0x38
        beginsLate = flags & 0x39 == 0x21
        endsHalf = flags & 0x40 != 0
        waits = flags & 0x80 != 0
    }
}

/// One connection in memory, from its first byte to its end, with an echo behind it.
final class WebSocketSession {
    enum Event: Equatable {
        case connected, disconnected
        case text(String)
        case pong([UInt8])
    }

    struct Outcome {
        var events: [Event] = []
        var sent: [UInt8] = []
        /// Whether the server still took bytes when all were there.
        var isOpen = false
    }

    /// Texts that make the server act, in place of an echo.
    static let commands = ["close", "linger", "ping", "pause", "resume"]

    private final class Echo: WebSocketDelegate {
        var events: [Event] = []
        private var socket: WebSocketHandler?

        func connected(_ socket: WebSocketHandler) {
            self.socket = socket
            events.append(.connected)
        }
        func received(text: ByteBuffer) {
            let bytes = String(validating: text.readableBytesView, as: UTF8.self)
            promise(bytes != nil, "a message is UTF-8")
            events.append(.text(bytes!))
            switch bytes! {
            case "close": socket?.close(.rateLimited)
            case "linger": socket?.closeAfterReading(.draining)
            case "ping": socket?.sendPing(ByteBuffer(string: "1"))
            case "pause": socket?.pauseReading()
            case "resume": socket?.resumeReading()
            default: socket?.send(text: text)
            }
        }
        func receivedPong(_ payload: ByteBuffer) {
            promise(payload.readableBytes <= 125, "a pong is short")
            events.append(.pong(Array(payload.readableBytesView)))
        }
        func readCompleted() {}
        func writabilityChanged(isWritable: Bool) {}
        func disconnected() {
            socket = nil
            events.append(.disconnected)
        }
    }

    /// Refuses what is written to a closed connection, as a socket does; an `EmbeddedChannel` takes it.
    private final class SocketEnd: ChannelOutboundHandler {
        typealias OutboundIn = ByteBuffer

        func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
            guard context.channel.isActive else {
                promise?.fail(ChannelError.ioOnClosedChannel)
                return
            }
            context.write(data, promise: promise)
        }
    }

    private let plan: WebSocketPlan
    private let channel = EmbeddedChannel()
    private let echo = Echo()

    init(_ plan: WebSocketPlan) {
        self.plan = plan
        do {
            try channel.pipeline.syncOperations.addHandler(SocketEnd())
            if plan.beginsWithHTTP {
                try installHTTP()
            } else {
                try channel.pipeline.syncOperations.addHandler(makeHandler())
            }
            try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        } catch {
            fatalError("\(error)")
        }
    }

    private func makeHandler() -> WebSocketHandler {
        WebSocketHandler(delegate: echo, eventLoop: channel.eventLoop, maxMessageBytes: plan.maxMessageBytes)
    }

    /// As the gateway's `ConnectionSetup` does, but for the question to Redis, which is answered at once.
    private func installHTTP() throws {
        let endpoints = HTTPEndpoints(unreadiness: { nil }) { [unowned self] handshake, _, verdict in
            guard handshake.token.flatMap(Token.init) != nil, !plan.refuses else {
                return verdict(.refused(.unauthenticated))
            }
            verdict(.accepted { self.makeHandler() })
        }
        try channel.pipeline.syncOperations.addHandlers(endpoints.bytes, endpoints.decoder, endpoints)
    }

    func play(_ pieces: some Sequence<ArraySlice<UInt8>>) -> Outcome {
        if plan.beginsLate {
            // Empty lines before a request are passed over (RFC 9112 §2.2).
            let lines = String(repeating: "\r\n", count: (RequestBytes.limit - WebSocketPlan.bytesLeft) / 2)
            _ = try? channel.writeInbound(ByteBuffer(string: lines))
        }
        for piece in pieces where channel.isActive {
            // What nobody handles falls out of the pipeline, as it would from a real one.
            _ = try? channel.writeInbound(ByteBuffer(bytes: piece))
            channel.embeddedEventLoop.run()
        }
        var outcome = Outcome(isOpen: channel.isActive)
        if plan.endsHalf, channel.isActive {
            channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
            channel.embeddedEventLoop.run()
        }
        if plan.waits { channel.embeddedEventLoop.advanceTime(by: .seconds(11)) }
        while let buffer = try? channel.readOutbound(as: ByteBuffer.self) { outcome.sent += buffer.readableBytesView }
        _ = try? channel.finish(acceptAlreadyClosed: true)
        channel.embeddedEventLoop.run()
        outcome.events = echo.events
        return outcome
    }
}
