import Gateway
import Messaging
import NIOCore
import Testing

@Suite("A message whose end does not come")
struct UnfinishedMessageTests {
    @Test("The client that is heard all the time is closed with 1008 at the second heartbeat; one who finishes goes on")
    func neverFinished() async throws {
        try await RunningGateway.run {
            $0.heartbeatSeconds = 1
        } _: { running in
            let identity = ChannelIdentity(channel: .web, channelID: "one")
            let token = try await running.tokens.issueToken(named: "One", for: identity).token
            let client = try await running.connect(token, "chat.v2")
            // Slower than a heartbeat, but each message has its own time.
            for _ in 0..<5 {
                try await client.send(textBytes(#"{"type":"message","#, fin: false))
                try await Task.sleep(for: .milliseconds(300))
                try await client.send(frameBytes(.continuation, #""content":"slow"}"#.utf8))
                _ = try await client.next(containing: #""type":"ack""#)
            }
            try await client.send(textBytes(#"{"type":"message","#, fin: false))
            for _ in 0..<30 {
                // Fails once the gateway has closed.
                try? await client.send(frameBytes(.pong, []) + frameBytes(.continuation, " ".utf8, fin: false))
                try await Task.sleep(for: .milliseconds(100))
            }
            #expect(try await client.closeCode() == 1008)
        }
    }

    @Test("Fragments are old when they were there at the last look, and not those of the next message")
    func old() {
        var machine = WebSocketStateMachine(maxMessageBytes: 1024)
        func read(_ bytes: [UInt8]) {
            var input = ByteBuffer(bytes: bytes)
            while machine.read(&input) != nil {}
        }
        var wasOld = [machine.hasOldFragments()]
        for bytes in [
            textBytes("a", fin: false), frameBytes(.continuation, "b".utf8, fin: false) + frameBytes(.ping, []),
            frameBytes(.continuation, "c".utf8) + textBytes("a", fin: false), frameBytes(.continuation, []),
        ] {
            read(bytes)
            wasOld.append(machine.hasOldFragments())
        }
        #expect(wasOld == [false, false, true, false, false])
    }
}
