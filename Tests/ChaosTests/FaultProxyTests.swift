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

    @Test("Publications are told from each other and from what else comes")
    func kinds() {
        for (reply, kind) in [
            (Self.publication("m 7 and more"), "m"), (Self.publication("k 7"), "k"),
            ("*3\r\n$9\r\nsubscribe\r\n$1\r\nm\r\n:1\r\n", nil), ("+m\r\n", nil),
        ] as [(String, Character?)] {
            #expect(RESPReply.kindOfPublication(ByteBuffer(string: reply).readableBytesView) == kind, "\(reply)")
        }
    }
}
