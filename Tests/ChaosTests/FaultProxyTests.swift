import NIOCore
import Testing

@Suite("The fault proxy's reading of Redis")
struct FaultProxyTests {
    private static func publication(_ payload: String) -> String {
        "*3\r\n$7\r\nmessage\r\n$4\r\nhere\r\n$\(payload.utf8.count)\r\n\(payload)\r\n"
    }

    @Test(
        "The length of a reply is known when it is complete, and not before",
        arguments: [
            "+PONG\r\n", ":1\r\n", "$-1\r\n", "$0\r\n\r\n", "$5\r\na\r\nbc\r\n", "*0\r\n",
            "*2\r\n$4\r\npong\r\n$0\r\n\r\n",
            "*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n", publication("m 1 x"),
        ]
    )
    func length(reply: String) {
        let bytes = ByteBuffer(string: reply + "+NEXT\r\n")
        for count in 0..<reply.utf8.count {
            #expect(RESPReply.length(in: bytes.readableBytesView.prefix(count)) == nil, "\(count)")
        }
        #expect(RESPReply.length(in: bytes.readableBytesView) == reply.utf8.count)
    }

    @Test("A message is told from what else is published")
    func kinds() {
        for (reply, isMessage) in [
            (Self.publication("m 7 and more"), true), (Self.publication("t 7 and more"), false),
            (Self.publication(""), false), ("*3\r\n$9\r\nsubscribe\r\n$1\r\nm\r\n:1\r\n", false), ("+m\r\n", false),
        ] {
            #expect(RESPReply.isMessage(ByteBuffer(string: reply).readableBytesView) == isMessage, "\(reply)")
        }
    }
}
