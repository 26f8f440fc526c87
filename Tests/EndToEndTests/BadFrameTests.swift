import Foundation
import Testing

/// What a WebSocket may not send: what ends the connection, with which code, and what only gets an error.
@Suite("Bad frames")
struct BadFrameTests {
    struct Fatal: Sendable, CustomTestStringConvertible {
        let name: String
        let bytes: [[UInt8]]
        let code: Int
        let reason: String

        var testDescription: String { name }
    }

    private static let whole = Array(#"{"content":"a"}"#.utf8)

    private static let fatalFrames: [Fatal] = [
        Fatal(
            name: "a binary frame",
            bytes: [WebSocketClient.frame(.binary, whole)],
            code: 1003,
            reason: "only text frames are accepted"
        ),
        Fatal(
            name: "text that is not UTF-8",
            bytes: [WebSocketClient.frame(.text, [0x22, 0xFF, 0xFE, 0x22])],
            code: 1007,
            reason: "the text is not valid UTF-8"
        ),
        Fatal(
            name: "half a character at the end of the last fragment",
            bytes: [
                WebSocketClient.frame(.text, [0x22, 0xE4], isLast: false), WebSocketClient.frame(.continuation, [0xBD]),
            ],
            code: 1007,
            reason: "the text is not valid UTF-8"
        ),
        Fatal(
            name: "a message of 64 KiB and one byte",
            bytes: [WebSocketClient.frame(.text, Array(repeating: 0x20, count: 65_537))],
            code: 1009,
            reason: "the message is too large"
        ),
        Fatal(
            name: "fragments that are longer together",
            bytes: [
                WebSocketClient.frame(.text, Array(repeating: 0x20, count: 40_000), isLast: false),
                WebSocketClient.frame(.continuation, Array(repeating: 0x20, count: 40_000)),
            ],
            code: 1009,
            reason: "messages may have at most 65536 bytes"
        ),
        Fatal(
            name: "the head of a frame that says 2^63 bytes",
            bytes: [WebSocketClient.frame(.text, [], claimedLength: .max)],
            code: 1009,
            reason: "the message is too large"
        ),
        Fatal(
            name: "a frame without a mask",
            bytes: [WebSocketClient.frame(.text, whole, isMasked: false)],
            code: 1002,
            reason: "frames of a client must be masked"
        ),
        Fatal(
            name: "a reserved bit",
            bytes: [WebSocketClient.frame(.text, whole, reservedBits: 4)],
            code: 1002,
            reason: "reserved bits are set"
        ),
        Fatal(
            name: "a continuation of nothing",
            bytes: [WebSocketClient.frame(.continuation, whole)],
            code: 1002,
            reason: "a continuation of nothing"
        ),
        Fatal(
            name: "a ping in fragments",
            bytes: [WebSocketClient.frame(.ping, [], isLast: false)],
            code: 1002,
            reason: "control frames must be whole and short"
        ),
        Fatal(
            name: "a ping of 126 bytes",
            bytes: [WebSocketClient.frame(.ping, Array(repeating: 0, count: 126))],
            code: 1002,
            reason: "control frames must be whole and short"
        ),
        Fatal(
            name: "a new message inside another",
            bytes: [WebSocketClient.frame(.text, whole, isLast: false), WebSocketClient.frame(.text, whole)],
            code: 1002,
            reason: "a message began inside another"
        ),
    ]

    @Test(
        "The connection is closed, the customer's other one stays, and nothing of it was said",
        arguments: fatalFrames
    )
    func ends(bad: Fatal) async throws {
        let stack = try await Stack.shared()
        let customer = try await stack.newCustomer()
        let good = try await stack.connect(customer.token)
        let socket = try await stack.connect(customer.token)
        for bytes in bad.bytes { try await socket.send(bytes: bytes) }
        let closing = try await socket.closing()
        #expect(closing.code == bad.code)
        #expect(closing.reason.contains(bad.reason))
        _ = try await socket.inbox.wait(for: "the connection's end") { $0.hasEnded ? true : nil }
        try await good.synchronize()
        #expect(good.inbox.current.closing == nil)
        let found = try await stack.demand(
            "GET",
            "/api/v1/conversations?customer=\(customer.id)",
            token: try await stack.signInAdmin()
        )
        #expect(found["totalElements"].int == 0)
    }

    struct Refused: Sendable, CustomTestStringConvertible {
        let text: String
        let code: String
        var field: String?

        var testDescription: String { text.prefix(60).description }
    }

    private static let refusedTexts: [Refused] = [
        Refused(text: "", code: "malformed_json"),
        Refused(text: "你好", code: "malformed_json"),
        Refused(text: #"{"content":"a""#, code: "malformed_json"),
        Refused(text: #"["content"]"#, code: "malformed_json"),
        Refused(text: String(repeating: #"{"a":"#, count: 200), code: "malformed_json"),
        Refused(text: "{}", code: "missing_field", field: "content"),
        Refused(text: #"{"content":null}"#, code: "missing_field", field: "content"),
        Refused(text: #"{"content":"  \n "}"#, code: "invalid_value", field: "content"),
        Refused(text: #"{"content":5}"#, code: "invalid_value", field: "content"),
        Refused(text: #"{"content":"a","metadata":[]}"#, code: "invalid_value", field: "metadata"),
        Refused(
            text: #"{"content":"a","conversationId":"\#(String(repeating: "x", count: 129))"}"#,
            code: "too_long",
            field: "conversationId"
        ),
    ]

    @Test(
        "A frame that is no message gets an error in the form of a message, and the connection goes on",
        arguments: refusedTexts
    )
    func goesOn(bad: Refused) async throws {
        let stack = try await Stack.shared()
        let socket = try await stack.connect(try await stack.newCustomer().token)
        try await socket.send(bad.text)
        let answer = try await socket.next("the error")
        #expect(answer.json["senderId"] == .string("system"))
        #expect(answer.json["channel"] == .string("WEB"))
        #expect(answer.json["error"]["code"] == .string(bad.code))
        #expect(answer.json["error"]["field"].string == bad.field)
        let message = try #require(answer.json["error"]["message"].string)
        #expect(answer.content.hasSuffix(message))
        #expect(answer.json.keys.isSuperset(of: ["channel", "conversationId", "senderId", "content", "timestamp"]))
        // The same in the full dialect.
        let full = try await stack.connect(try await stack.newCustomer().token, dialect: .full)
        let typed = bad.text.hasPrefix("{") ? #"{"type":"message","# + bad.text.dropFirst() : bad.text
        try await full.send(bad.text == "{}" ? #"{"type":"message"}"# : typed)
        let error = try await full.next("the error") { $0.type == "error" }
        #expect(error.json["code"] == .string(bad.code))
        #expect(error.json["message"] == .string(message))
        #expect(error.json["retry"] == .bool(false))
        try await socket.synchronize()
        try await full.synchronize()
        #expect(socket.inbox.current.closing == nil)
    }

    @Test("A message of exactly 64 KiB, and one in many fragments with pings between, arrive")
    func allowed() async throws {
        let stack = try await Stack.shared()
        let pair = try await stack.conversation()
        let envelope = #"{"content":""}"#.utf8.count
        let content = String(repeating: "x", count: 65_536 - envelope)
        try await pair.customerSocket.send(#"{"content":"\#(content)"}"#)
        #expect(try await pair.agentSocket.next { $0.conversation == pair.conversation }.content == content)

        let bytes = Array(#"{"content":"碎片 😀"}"#.utf8)
        for (index, byte) in bytes.enumerated() {
            try await pair.customerSocket.send(
                frame: index == 0 ? .text : .continuation,
                [byte],
                isLast: index == bytes.count - 1
            )
            if index == 5 { try await pair.customerSocket.synchronize() }
        }
        #expect(try await pair.agentSocket.next { $0.conversation == pair.conversation }.content == "碎片 😀")
    }
}
