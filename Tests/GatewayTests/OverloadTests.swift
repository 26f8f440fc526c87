import Gateway
import Hiredis
import Messaging
import RedisFixture
import Testing

@Suite("More requests than an event loop has under way at once")
struct OverloadTests {
    private static let clients = 16
    private static let messages = 200

    @Test("They wait, whoever sent them, and each is stored once and acknowledged in order")
    func burst() async throws {
        try await withRedis { server in
            try await RunningGateway.run(on: server.programsURL) { try await burst(on: $0, server) }
        }
    }

    private func burst(on running: RunningGateway, _ server: RedisServer) async throws {
        try #require(Self.clients * 128 > 1024)
        var sockets: [SocketClient] = []
        for number in 0..<Self.clients {
            let identity = ChannelIdentity(channel: .web, channelID: "client-\(number)")
            let token = try await running.tokens.issueToken(named: "One", for: identity).token
            let socket = try await running.connect(token, "chat.v2")
            _ = try await socket.next(containing: #""type":"welcome""#)
            sockets.append(socket)
        }
        // All of them come while Redis takes nothing.
        _ = try server.command("CLIENT", "PAUSE", "700")
        for number in 1...Self.messages {
            for socket in sockets { try await socket.say("\(number)") }
        }
        for socket in sockets {
            for seq in 1...Self.messages {
                let answer = try await socket.next()
                try #require(
                    answer.contains(#""type":"ack""#) || answer.contains(#""type":"assignment""#),
                    "\(answer)"
                )
                if answer.contains(#""type":"assignment""#) {
                    _ = try await socket.next(containing: #""seq":\#(seq),"#)
                } else {
                    #expect(answer.contains(#""seq":\#(seq),"#))
                }
            }
            try await socket.close()
        }
    }
}
