import Gateway
import NIOCore
import NIOEmbedded
import Testing

@Suite("A WebSocket in its pipeline")
struct WebSocketHandlerTests {
    /// Counts flushes next to the socket.
    private final class FlushCounter: ChannelOutboundHandler {
        typealias OutboundIn = ByteBuffer
        var flushes = 0

        func flush(context: ChannelHandlerContext) {
            flushes += 1
            context.flush()
        }
    }

    /// A WebSocket over an in-memory channel.
    private struct Fixture {
        let channel = EmbeddedChannel()
        let delegate = RecordingDelegate()
        let handler: WebSocketHandler
        let counter = FlushCounter()

        init(
            isActive: Bool = true,
            rate: SendingRate = SendingRate(messagesPerSecond: 0, bytesPerSecond: 0),
            onRateExceeded: @escaping () -> Void = {}
        ) throws {
            handler = WebSocketHandler(
                delegate: delegate,
                eventLoop: channel.eventLoop,
                rate: rate,
                onRateExceeded: onRateExceeded
            )
            try channel.pipeline.syncOperations.addHandlers([counter, handler])
            if isActive { try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait() }
        }

        /// One read of the socket.
        func receive(_ bytes: [UInt8]) throws { try channel.writeInbound(ByteBuffer(bytes: bytes)) }

        /// What was sent and flushed since the last call.
        func sent() throws -> [ServerFrame] {
            var bytes: [UInt8] = []
            while let buffer = try channel.readOutbound(as: ByteBuffer.self) { bytes += buffer.readableBytesView }
            let frames = try #require(ServerFrame.read(from: &bytes))
            #expect(bytes.isEmpty)
            return frames
        }

        func run() { channel.embeddedEventLoop.run() }
        func advance(_ seconds: Int64) { channel.embeddedEventLoop.advanceTime(by: .seconds(seconds)) }
    }

    @Test("The delegate hears of the connection when it is active, once")
    func connected() throws {
        let fixture = try Fixture(isActive: false)
        #expect(fixture.delegate.events.isEmpty)
        try fixture.channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        #expect(fixture.delegate.events == [.connected])
    }

    private final class Count { var value = 0 }

    @Test("A client that sends too much is read more slowly, loses nothing, and is let go on when it has waited")
    func heldBack() throws {
        let fixture = try Fixture(rate: .init(messagesPerSecond: 10, bytesPerSecond: 0))
        func reads() throws -> Bool {
            let option = fixture.channel.options.last { $0.option is ChannelOptions.Types.AutoReadOption }
            return option?.value as? Bool ?? true
        }
        try fixture.receive((0..<50).flatMap { textBytes("\($0)") })
        #expect(try reads())
        try fixture.receive((50..<60).flatMap { textBytes("\($0)") })
        #expect(try !reads())
        #expect(fixture.delegate.heard.count == 61)
        // What the delegate wants comes on top of it.
        fixture.handler.pauseReading()
        fixture.handler.resumeReading()
        #expect(try !reads())
        fixture.handler.pauseReading()
        fixture.advance(2)
        #expect(try !reads())
        fixture.handler.resumeReading()
        #expect(try reads())
        #expect(fixture.channel.isActive)
        #expect(try fixture.sent() == [])
    }

    @Test("A client that goes on for half a minute is closed with 4029; pings count as messages do")
    func rateExceeded() throws {
        let exceeded = Count()
        let fixture = try Fixture(rate: .init(messagesPerSecond: 10, bytesPerSecond: 0)) { exceeded.value += 1 }
        try fixture.receive((0..<50).flatMap { _ in frameBytes(.ping, []) })
        var seconds = 0
        while fixture.delegate.heard == [.connected], seconds < 100 {
            try fixture.receive((0..<10).flatMap { _ in frameBytes(.ping, []) })
            fixture.advance(1)
            seconds += 1
        }
        #expect((30...33).contains(seconds))
        #expect(exceeded.value == 1)
        #expect(try fixture.sent().last?.closeCode == CloseCode.rateLimited.rawValue)
        // Its close frame is to be read.
        #expect(try fixture.channel.getOption(.autoRead).wait())
        try fixture.receive(closeBytes(4029))
        #expect(!fixture.channel.isActive)
    }

    @Test("A client at its rate, and one that has bursts, are never closed")
    func withinRate() throws {
        let fixture = try Fixture(rate: .init(messagesPerSecond: 10, bytesPerSecond: 1000))
        for _ in 0..<200 {
            try fixture.receive((0..<9).flatMap { _ in textBytes("a") })
            fixture.advance(1)
        }
        for _ in 0..<20 {
            try fixture.receive((0..<60).flatMap { _ in textBytes("a") })
            fixture.advance(7)
        }
        #expect(fixture.channel.isActive)
        #expect(try fixture.channel.getOption(.autoRead).wait())
    }

    @Test("The same bytes mean the same, whether they come at once or one by one")
    func byteByByte() throws {
        let long = String(repeating: "长", count: 1000)
        let bytes =
            textBytes("hello") + frameBytes(.ping, "p1".utf8) + textBytes("你", fin: false) + frameBytes(.pong, "q".utf8)
            + frameBytes(.continuation, [0xe5], fin: false) + frameBytes(.continuation, [0xa5, 0xbd]) + textBytes(long)
            + textBytes("") + closeBytes(1000, "bye")
        let expected: [RecordingDelegate.Event] = [
            .connected, .text("hello"), .pong("q"), .text("你好"), .text(long), .text(""), .disconnected,
        ]
        let answers: [ServerFrame] = [.pong("p1"), .close(1000)]

        let atOnce = try Fixture()
        try atOnce.receive(bytes)
        #expect(atOnce.delegate.heard == expected)
        #expect(try atOnce.sent() == answers)
        #expect(!atOnce.channel.isActive)

        let oneByOne = try Fixture()
        for byte in bytes { try oneByOne.receive([byte]) }
        #expect(oneByOne.delegate.heard == expected)
        #expect(try oneByOne.sent() == answers)
        #expect(!oneByOne.channel.isActive)
    }

    @Test("All that is sent while reading leaves in one flush, after readCompleted")
    func oneFlushPerRead() throws {
        let fixture = try Fixture()
        fixture.delegate.onText = { socket, text in socket.send(text: ByteBuffer(string: "re " + text)) }
        try fixture.receive(textBytes("a") + textBytes("b") + frameBytes(.ping, "p".utf8) + textBytes("c"))
        #expect(fixture.counter.flushes == 1)
        #expect(try fixture.sent() == [.text("re a"), .text("re b"), .pong("p"), .text("re c")])
        #expect(fixture.delegate.events.last == .readCompleted)
        fixture.run()
        #expect(fixture.counter.flushes == 1)
    }

    @Test("All that is sent outside of reading leaves in one flush at the end of the turn")
    func oneFlushPerTurn() throws {
        let fixture = try Fixture()
        for text in ["a", "b", "c"] { fixture.handler.send(text: ByteBuffer(string: text)) }
        fixture.handler.sendPing(ByteBuffer(string: "now"))
        #expect(fixture.counter.flushes == 0)
        #expect(try fixture.sent().isEmpty)
        fixture.run()
        #expect(fixture.counter.flushes == 1)
        #expect(
            try fixture.sent() == [
                .text("a"), .text("b"), .text("c"), ServerFrame(opcode: 9, payload: Array("now".utf8)),
            ]
        )
        // An explicit flush makes the scheduled one unnecessary.
        fixture.handler.send(text: ByteBuffer(string: "d"))
        fixture.handler.flush()
        #expect(try fixture.sent() == [.text("d")])
        fixture.run()
        #expect(fixture.counter.flushes == 2)
    }

    @Test("Pings of a peer that does not read are answered once, when it reads again, with the last payload")
    func delayedPong() throws {
        let fixture = try Fixture()
        fixture.channel.isWritable = false
        fixture.channel.pipeline.fireChannelWritabilityChanged()
        #expect(!fixture.handler.isWritable)
        for payload in ["1", "2", "3"] { try fixture.receive(frameBytes(.ping, payload.utf8)) }
        #expect(try fixture.sent().isEmpty)
        fixture.channel.isWritable = true
        fixture.channel.pipeline.fireChannelWritabilityChanged()
        fixture.run()
        #expect(try fixture.sent() == [.pong("3")])
        #expect(fixture.delegate.heard == [.connected, .writability(false), .writability(true)])
    }

    // MARK: Close

    @Test("Our close sends the code and waits for the peer's; disconnected comes later, once")
    func ownClose() throws {
        let fixture = try Fixture()
        fixture.handler.send(text: ByteBuffer(string: "last"))
        fixture.handler.close(.revoked)
        #expect(fixture.delegate.events == [.connected])
        fixture.run()
        #expect(fixture.delegate.events == [.connected, .disconnected])
        let frames = try fixture.sent()
        #expect(frames.map(\.opcode) == [1, 8])
        #expect(frames.last?.closeCode == 4004)
        #expect(frames.last?.text.hasSuffix(CloseCode.revoked.defaultReason) == true)

        // Nothing goes out or in any more.
        fixture.handler.send(text: ByteBuffer(string: "too late"))
        fixture.handler.close(.normal)
        try fixture.receive(textBytes("too late") + frameBytes(.ping, []))
        fixture.run()
        #expect(try fixture.sent().isEmpty)
        #expect(fixture.channel.isActive)
        try fixture.receive(closeBytes(4004))
        #expect(!fixture.channel.isActive)
        #expect(fixture.delegate.heard == [.connected, .disconnected])
    }

    @Test("A peer that does not answer our close is cut off after 5 seconds, not before")
    func closeTimeout() throws {
        let fixture = try Fixture()
        fixture.handler.close(.draining)
        fixture.advance(4)
        #expect(fixture.channel.isActive)
        fixture.advance(1)
        #expect(!fixture.channel.isActive)
        #expect(fixture.delegate.heard == [.connected, .disconnected])
    }

    @Test("A socket that closes after reading hands over what comes before the peer's close; disconnected comes then")
    func closesAfterReading() throws {
        let fixture = try Fixture()
        fixture.handler.closeAfterReading(.draining)
        fixture.run()
        #expect(try fixture.sent().map(\.closeCode) == [1001])
        try fixture.receive(textBytes("on its way"))
        fixture.handler.send(text: ByteBuffer(string: "dropped"))
        fixture.run()
        #expect(try fixture.sent().isEmpty)
        #expect(fixture.delegate.heard == [.connected, .text("on its way")])
        try fixture.receive(closeBytes(1001))
        #expect(fixture.delegate.heard == [.connected, .text("on its way"), .disconnected])
        #expect(!fixture.channel.isActive)
    }

    @Test("A peer that does not answer the close after reading is cut off after 5 seconds")
    func closeAfterReadingEnds() throws {
        let fixture = try Fixture()
        fixture.handler.closeAfterReading(.draining)
        fixture.advance(4)
        #expect(fixture.channel.isActive)
        fixture.advance(1)
        #expect(!fixture.channel.isActive)
        #expect(fixture.delegate.heard == [.connected, .disconnected])
    }

    @Test("A delegate may close from inside a message; what follows in the same read is dropped")
    func closeWhileReading() throws {
        let fixture = try Fixture()
        fixture.delegate.onText = { socket, _ in socket.close(.rateLimited, reason: "慢一点") }
        try fixture.receive(textBytes("a") + textBytes("b"))
        fixture.run()
        #expect(fixture.delegate.heard == [.connected, .text("a"), .disconnected])
        let frames = try fixture.sent()
        #expect(frames.map(\.closeCode) == [4029])
        #expect(frames.first.map { String(decoding: $0.payload.dropFirst(2), as: UTF8.self) } == "慢一点")
    }

    @Test(
        "A violation is answered with its code, tells the delegate once and ends the connection",
        arguments: [
            (frameBytes(.text, "a".utf8, masked: false), 1002), (frameBytes(.text, "a".utf8, rsv: 4), 1002),
            (frameBytes(.text, [0xff]), 1007), (frameBytes(.binary, [1]), 1003), (frameBytes(.continuation, []), 1002),
            (closeBytes(1005), 1002),
        ] as [([UInt8], UInt16)]
    )
    func violations(bytes: [UInt8], code: UInt16) throws {
        let fixture = try Fixture()
        try fixture.receive(textBytes("before") + bytes + textBytes("after"))
        #expect(fixture.delegate.heard == [.connected, .text("before"), .disconnected])
        #expect(try fixture.sent().map(\.closeCode) == [code])
        #expect(fixture.channel.isActive)
        try fixture.receive(closeBytes(code))
        #expect(!fixture.channel.isActive)
        #expect(fixture.delegate.heard == [.connected, .text("before"), .disconnected])
    }

    @Test("A frame too long is refused at its header; what it brings is dropped and memory stays small")
    func frameTooLong() throws {
        let fixture = try Fixture()
        // 10 MiB announced: FIN and text, masked, 64-bit length, the key.
        try fixture.receive([0x81, 0xff, 0, 0, 0, 0, 0, 0xa0, 0, 0, 1, 2, 3, 4])
        #expect(try fixture.sent().map(\.closeCode) == [1009])
        #expect(fixture.delegate.heard == [.connected, .disconnected])
        for _ in 0..<160 { try fixture.receive([UInt8](repeating: 0, count: 65_536)) }
        fixture.advance(5)
        #expect(!fixture.channel.isActive)
        #expect(fixture.delegate.heard == [.connected, .disconnected])
    }

    @Test("A control frame too long or in pieces is a protocol error")
    func controlFrames() throws {
        for bytes in [frameBytes(.ping, [UInt8](repeating: 0, count: 126)), frameBytes(.ping, [], fin: false)] {
            let fixture = try Fixture()
            try fixture.receive(bytes)
            #expect(try fixture.sent().map(\.closeCode) == [1002])
            #expect(fixture.delegate.heard == [.connected, .disconnected])
        }
    }

    // MARK: Ends

    @Test("An abrupt end tells the delegate once, also in the middle of a frame or a message")
    func abruptEnd() throws {
        for bytes in [[], Array(textBytes("hello").dropLast()), textBytes("hel", fin: false)] {
            let fixture = try Fixture()
            if !bytes.isEmpty { try fixture.receive(bytes) }
            _ = try fixture.channel.finish(acceptAlreadyClosed: true)
            #expect(fixture.delegate.heard == [.connected, .disconnected])
        }
    }

    @Test("A peer that ends its half without a close frame is let go")
    func halfClose() throws {
        let fixture = try Fixture()
        try fixture.receive(textBytes("a"))
        fixture.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        #expect(!fixture.channel.isActive)
        #expect(fixture.delegate.heard == [.connected, .text("a"), .disconnected])
    }

    @Test("An I/O error ends the connection")
    func ioError() throws {
        let fixture = try Fixture()
        fixture.channel.pipeline.fireErrorCaught(IOError(errnoCode: 104, reason: "reset by peer"))
        #expect(!fixture.channel.isActive)
        #expect(fixture.delegate.heard == [.connected, .disconnected])
    }

    @Test("The socket lets go of its delegate at the end")
    func noCycle() throws {
        weak var delegate: RecordingDelegate?
        do {
            let fixture = try Fixture()
            delegate = fixture.delegate
            #expect(delegate != nil)
            _ = try fixture.channel.finish(acceptAlreadyClosed: true)
        }
        #expect(delegate == nil)
    }
}
