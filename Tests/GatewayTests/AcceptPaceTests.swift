import Gateway
import NIOCore
import NIOEmbedded
import Testing

@Suite("The pace of newcomers")
struct AcceptPaceTests {
    /// How often the socket was asked for more newcomers.
    private final class Socket: ChannelOutboundHandler {
        typealias OutboundIn = Never
        var reads = 0

        func read(context: ChannelHandlerContext) { reads += 1 }
    }

    private let pace = AcceptPace(refusalsPerSecond: 2000)
    private let socket = Socket()
    private let channel = EmbeddedChannel()
    private var loop: EmbeddedEventLoop { channel.embeddedEventLoop }

    init() throws {
        try channel.pipeline.syncOperations.addHandlers([socket, AcceptPace.Handler(pace)])
        loop.advanceTime(by: .seconds(1))
    }

    private func refuse(_ count: Int) { for _ in 0..<count { pace.refused(at: loop.now) } }

    @Test("While nobody is refused, newcomers come as fast as they can be let in")
    func free() throws {
        for _ in 0..<1000 { channel.read() }
        #expect(socket.reads == 1000)
        _ = try channel.finish()
    }

    @Test("Some may be refused at once; then the next is let in when the time of the last is over")
    func flood() throws {
        refuse(10)
        channel.read()
        #expect(socket.reads == 1)
        for number in 2...50 {
            refuse(1)
            channel.read()
            #expect(socket.reads == number - 1)
            loop.advanceTime(by: .microseconds(500))
            #expect(socket.reads == number)
        }
        _ = try channel.finish()
    }

    @Test("However many are refused, nobody waits for longer than a tenth of a second")
    func most() throws {
        refuse(10_000)
        channel.read()
        loop.advanceTime(by: .milliseconds(99))
        #expect(socket.reads == 0)
        loop.advanceTime(by: .milliseconds(1))
        #expect(socket.reads == 1)
        _ = try channel.finish()
    }

    @Test("A socket that is closed while newcomers wait asks for nobody")
    func closed() throws {
        refuse(1000)
        channel.read()
        _ = try channel.finish()
        loop.advanceTime(by: .seconds(60))
        #expect(socket.reads == 0)
    }
}
