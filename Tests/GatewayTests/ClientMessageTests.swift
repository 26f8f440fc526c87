import Foundation
import Gateway
import Messaging
import NIOCore
import Testing

@Suite("Client messages")
struct ClientMessageTests {
    private static let id = "550e8400-e29b-41d4-a716-446655440000"
    private let id = UniqueID(ClientMessageTests.id)!

    private func read(_ text: String, _ dialect: Dialect = .full) -> Result<ClientMessage, ClientMessageError> {
        // Behind other bytes, as a slice of a read buffer is.
        var buffer = ByteBuffer(string: "xyz" + text + "tail")
        buffer.moveReaderIndex(forwardBy: 3)
        let slice = buffer.readSlice(length: text.utf8.count) ?? ByteBuffer()
        return Result { () throws(ClientMessageError) in try ClientMessage.decode(slice, dialect: dialect) }
    }

    private func accepted(_ text: String, _ dialect: Dialect = .guide) -> Draft? {
        guard case .success(.message(let draft)) = read(text, dialect) else { return nil }
        return draft
    }

    private func refusal(_ text: String, _ dialect: Dialect = .full) -> ClientMessageError? {
        guard case .failure(let error) = read(text, dialect) else { return nil }
        return error
    }

    // MARK: Messages

    @Test("The guide's own frames are messages")
    func guideFrames() throws {
        let first = try #require(
            accepted(
                #"{"conversationId":"session-123","senderId":"web_user_123456","content":"你好，我需要帮助","metadata":{}}"#
            )
        )
        #expect(first.conversationReference == "session-123")
        #expect(first.content == ByteBuffer(string: #""你好，我需要帮助""#))
        #expect(first.metadata == ByteBuffer(string: "{}"))
        #expect(first.senderNote == ByteBuffer(string: #""web_user_123456""#))
        #expect(first.clientMessageID == nil)

        let second = try #require(
            accepted(#"{ "senderId": "u", "content": "x", "metadata": {"type":"text","attachments":[]} }"#)
        )
        #expect(second.conversationReference == "")
        #expect(second.metadata == ByteBuffer(string: #"{"type":"text","attachments":[]}"#))

        let third = try #require(accepted(#"{"senderId":"web_user_123","content":"我想咨询产品价格"}"#))
        #expect(third.metadata == nil)
    }

    @Test("In the guide dialect every object is a message, whatever its type says; clientMessageId is not looked at")
    func guideIgnores() throws {
        let draft = try #require(
            accepted(#"{"type":"typing","clientMessageId":42,"content":"a","unknown":[{}],"isTyping":1}"#)
        )
        #expect(draft.content == ByteBuffer(string: #""a""#))
        #expect(draft.clientMessageID == nil)
    }

    @Test("A message in the full dialect may have a clientMessageId")
    func fullMessage() throws {
        let draft = try #require(accepted(#"{"type":"message","content":"a","clientMessageId":"m-1"}"#, .full))
        #expect(draft.clientMessageID == ByteBuffer(string: #""m-1""#))
        #expect(accepted(#"{"type":"message","content":"a"}"#, .full)?.clientMessageID == nil)
        #expect(accepted(#"{"type":"message","content":"a","clientMessageId":null}"#, .full) != nil)
    }

    @Test("No conversationId, null and the empty string all mean none")
    func noConversation() {
        for text in [
            #"{"content":"a"}"#, #"{"conversationId":null,"content":"a"}"#, #"{"conversationId":"","content":"a"}"#,
        ] {
            #expect(accepted(text)?.conversationReference == "")
        }
        #expect(accepted(#"{"conversationId":"\u4f1a\u8bdd\n1","content":"a"}"#)?.conversationReference == "会话\n1")
    }

    @Test("Of a field that occurs twice the last counts, and a name may be escaped")
    func duplicates() {
        #expect(accepted(#"{"content":"a","content":"b"}"#)?.content == ByteBuffer(string: #""b""#))
        #expect(accepted(#"{"content":"a","c\u006fntent":"b"}"#)?.content == ByteBuffer(string: #""b""#))
        #expect(refusal(#"{"content":"a","content":null}"#, .guide)?.code == .missingField)
    }

    @Test("The content literal is kept byte for byte, lone surrogates too")
    func contentKept() {
        for literal in [#""a\"b\\""#, #""\ud800""#, #""\u0000""#, "\"a\u{2028}\"", #""\/""#] {
            #expect(accepted(#"{"content":\#(literal)}"#)?.content == ByteBuffer(string: literal))
        }
    }

    @Test("A sender's note that is no string or too long is not kept, and no reason to refuse")
    func senderNote() {
        #expect(accepted(#"{"content":"a","senderId":42}"#)?.senderNote == nil)
        #expect(accepted(#"{"content":"a","senderId":null}"#)?.senderNote == nil)
        let longest = String(repeating: "a", count: 256)
        #expect(accepted(#"{"content":"a","senderId":"\#(longest)"}"#)?.senderNote?.readableBytes == 258)
        let message = accepted(#"{"content":"a","senderId":"\#(longest)b"}"#)
        #expect(message != nil)
        #expect(message?.senderNote == nil)
    }

    // MARK: Refusals

    @Test(
        "What is no message is refused with its code and field",
        arguments: [
            ("", "malformed_json", nil), ("hello", "malformed_json", nil), ("[]", "malformed_json", nil),
            (#""a""#, "malformed_json", nil), (#"{"content":"a"}x"#, "malformed_json", nil),
            (#"{"content":"a",}"#, "malformed_json", nil), ("{\"content\":\"a\nb\"}", "malformed_json", nil),
            ("{}", "missing_field", "content"), (#"{"content":null}"#, "missing_field", "content"),
            (#"{"content":1}"#, "invalid_value", "content"), (#"{"content":{}}"#, "invalid_value", "content"),
            (#"{"content":""}"#, "invalid_value", "content"), (#"{"content":" \n\t　"}"#, "invalid_value", "content"),
            (#"{"content":"\u3000\u00a0\ufeff\r"}"#, "invalid_value", "content"),
            (#"{"content":"a","metadata":[]}"#, "invalid_value", "metadata"),
            (#"{"content":"a","metadata":"{}"}"#, "invalid_value", "metadata"),
            (#"{"content":"a","conversationId":1}"#, "invalid_value", "conversationId"),
            (#"{"content":"a","conversationId":{}}"#, "invalid_value", "conversationId"),
        ] as [(String, String, String?)]
    )
    func refused(text: String, code: String, field: String?) {
        let error = refusal(text, .guide)
        #expect(error?.code.rawValue == code, "\(text)")
        #expect(error?.field == field, "\(text)")
        #expect(error?.message.isEmpty == false)
    }

    @Test("Names and ids may be as long as they may, and no longer")
    func lengths() {
        let name = String(repeating: "名", count: 42) + "ab"
        #expect(accepted(#"{"content":"a","conversationId":"\#(name)"}"#)?.conversationReference == name)
        #expect(refusal(#"{"content":"a","conversationId":"\#(name)c"}"#, .guide)?.code == .tooLong)
        // The decoded length counts, not the literal's.
        let escaped = String(repeating: #"\u0061"#, count: 64)
        #expect(accepted(#"{"type":"message","content":"a","clientMessageId":"\#(escaped)"}"#, .full) != nil)
        let error = refusal(#"{"type":"message","content":"a","clientMessageId":"\#(escaped)b"}"#)
        #expect(error?.code == .tooLong)
        #expect(error?.field == "clientMessageId")
    }

    @Test(
        "The full dialect's frames must be typed and complete",
        arguments: [
            (#"{"content":"a"}"#, "missing_field", "type"), (#"{"type":1}"#, "invalid_value", "type"),
            (#"{"type":"Message","content":"a"}"#, "unknown_type", "type"),
            (#"{"type":"message"}"#, "missing_field", "content"),
            (#"{"type":"message","content":"a","clientMessageId":1}"#, "invalid_value", "clientMessageId"),
            (#"{"type":"message","content":"a","clientMessageId":""}"#, "invalid_value", "clientMessageId"),
            (#"{"type":"typing"}"#, "missing_field", "conversationId"),
            (#"{"type":"typing","conversationId":"session-123"}"#, "invalid_value", "conversationId"),
            (
                #"{"type":"typing","conversationId":"\#(ClientMessageTests.id)","isTyping":1}"#, "invalid_value",
                "isTyping"
            ),
            (#"{"type":"read","conversationId":"\#(ClientMessageTests.id)"}"#, "missing_field", "seq"),
            (#"{"type":"ack","conversationId":"\#(ClientMessageTests.id)","seq":-1}"#, "invalid_value", "seq"),
            (#"{"type":"ack","conversationId":"\#(ClientMessageTests.id)","seq":1.5}"#, "invalid_value", "seq"),
            (#"{"type":"ack","conversationId":"\#(ClientMessageTests.id)","seq":"1"}"#, "invalid_value", "seq"),
            (
                #"{"type":"ack","conversationId":"\#(ClientMessageTests.id)","seq":9007199254740992}"#, "invalid_value",
                "seq"
            ),
            (
                #"{"type":"ack","conversationId":"\#(ClientMessageTests.id)","seq":99999999999999999999999}"#,
                "invalid_value", "seq"
            ),
            (
                #"{"type":"ack","conversationId":"\#(ClientMessageTests.id)","seq":1,"generation":true}"#,
                "invalid_value", "generation"
            ),
            (#"{"type":"resume","conversationId":"\#(ClientMessageTests.id)","seq":1}"#, "missing_field", "generation"),
            (#"{"type":"history","conversationId":"\#(ClientMessageTests.id)","limit":0}"#, "invalid_value", "limit"),
            (#"{"type":"history","conversationId":"\#(ClientMessageTests.id)","limit":101}"#, "invalid_value", "limit"),
            (
                #"{"type":"history","conversationId":"\#(ClientMessageTests.id)","before":1,"after":1}"#,
                "invalid_value", "before"
            ),
        ]
    )
    func refusedInFull(text: String, code: String, field: String) {
        let error = refusal(text)
        #expect(error?.code.rawValue == code, "\(text)")
        #expect(error?.field == field, "\(text)")
    }

    @Test("A refusal names the client's frame as far as it can")
    func refusalNamesFrame() {
        func frame(_ text: String) -> FrameReference? { refusal(text)?.frame }
        #expect(
            frame(#"{"type":"message","conversationId":"mine","clientMessageId":"m1","content":""}"#)
                == FrameReference(type: "message", conversation: "mine", clientMessageID: ByteBuffer(string: #""m1""#))
        )
        #expect(
            frame(#"{"type":"message","conversationId":7,"clientMessageId":7,"content":""}"#)
                == FrameReference(type: "message")
        )
        #expect(
            frame(#"{"type":"nope","clientMessageId":"m2"}"#)
                == FrameReference(clientMessageID: ByteBuffer(string: #""m2""#))
        )
        #expect(
            frame(#"{"type":"history","conversationId":"\#(Self.id)","limit":0}"#)
                == FrameReference(type: "history", conversation: Self.id)
        )
        let long = String(repeating: "x", count: 129)
        #expect(frame(#"{"type":"typing","conversationId":"\#(long)"}"#) == FrameReference(type: "typing"))
        #expect(frame("[]") == FrameReference())
    }

    @Test("Every frame can be named", arguments: ["message", "typing", "read", "ack", "history", "resume"])
    func frames(type: String) throws {
        let text =
            #"{"type":"\#(type)","conversationId":"\#(Self.id)","content":"a","seq":1,"generation":1,"#
            + #""clientMessageId":"m1"}"#
        let frame = try ClientMessage.decode(ByteBuffer(string: text), dialect: .full).frame
        #expect(frame.type == type)
        #expect(frame.conversation == Self.id)
        #expect((frame.clientMessageID != nil) == (type == "message"))
    }

    // MARK: The other frames

    @Test("The full dialect's other frames")
    func others() {
        let conversation = #""conversationId":"\#(ClientMessageTests.id)""#
        let expected: [(String, ClientMessage)] = [
            (#"{"type":"typing",\#(conversation)}"#, .typing(conversationID: id, isTyping: true)),
            (#"{"type":"typing",\#(conversation),"isTyping":false}"#, .typing(conversationID: id, isTyping: false)),
            (#"{"type":"read",\#(conversation),"seq":0}"#, .read(conversationID: id, seq: 0)),
            (
                #"{"type":"ack",\#(conversation),"seq":9007199254740991}"#,
                .ack(conversationID: id, seq: 9_007_199_254_740_991, generation: nil)
            ),
            (
                #"{"type":"ack",\#(conversation),"seq":5,"generation":2}"#,
                .ack(conversationID: id, seq: 5, generation: 2)
            ),
            (#"{"type":"history",\#(conversation)}"#, .history(conversationID: id, before: nil, after: nil, limit: 50)),
            (
                #"{"type":"history",\#(conversation),"before":9,"limit":100}"#,
                .history(conversationID: id, before: 9, after: nil, limit: 100)
            ),
            (
                #"{"type":"history",\#(conversation),"after":0,"limit":1}"#,
                .history(conversationID: id, before: nil, after: 0, limit: 1)
            ),
            (
                #"{"type":"resume",\#(conversation),"generation":1,"seq":3}"#,
                .resume(conversationID: id, generation: 1, seq: 3)
            ),
        ]
        for (text, message) in expected {
            guard case .success(let decoded) = read(text) else {
                Issue.record("refused: \(text)")
                continue
            }
            #expect(decoded == message, "\(text)")
        }
    }

    // MARK: At random

    @Test("What Foundation finds in 20,000 random frames, it finds too")
    func random() throws {
        var random = RandomJSON(seed: 51)
        var messages = 0
        for _ in 0..<20_000 {
            // A random object with the fields mixed in; their values are random too, mostly of the right type.
            var members = ["content", "metadata", "conversationId", "senderId", "x"].shuffled(using: &random.generator)
                .map { name in
                    let value =
                        switch Int.random(in: 0..<8, using: &random.generator) {
                        case 0: random.value(depth: 2)
                        default: name == "metadata" ? random.object(depth: 2) : random.string()
                        }
                    return random.space() + "\"\(name)\"" + random.space() + ":" + random.space() + value
                        + random.space()
                }
            if Bool.random(using: &random.generator) { members.removeLast() }
            let text = "{" + members.joined(separator: ",") + "}"
            let reference = try #require(
                try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any],
                "\(text)"
            )

            let trimmed = (reference["content"] as? String)?.trimmingCharacters(
                in: CharacterSet(charactersIn: " \n\r\t\u{0c}\u{2028}")
            )
            let metadataIsRight =
                reference["metadata"] == nil || reference["metadata"] is [String: Any]
                || reference["metadata"] is NSNull
            let conversation = reference["conversationId"] ?? ""
            let isMessage =
                trimmed?.isEmpty == false && metadataIsRight
                && (conversation is NSNull || (conversation as? String).map { $0.utf8.count <= 128 } == true)
            guard let draft = accepted(text) else {
                if isMessage { Issue.record("refused: \(text)") }
                continue
            }
            guard isMessage else {
                Issue.record("accepted: \(text)")
                continue
            }
            messages += 1
            #expect(try decoded(draft.content) as? String == reference["content"] as? String)
            #expect(draft.conversationReference == (conversation as? String ?? ""))
            #expect(
                try draft.metadata.flatMap { try decoded($0) as? NSDictionary }
                    == (reference["metadata"] as? NSDictionary)
            )
            #expect(try draft.senderNote.flatMap { try decoded($0) as? String } == (reference["senderId"] as? String))
        }
        #expect(5000...19_000 ~= messages)
    }

    private func decoded(_ json: ByteBuffer) throws -> Any {
        try JSONSerialization.jsonObject(with: Data(json.readableBytesView), options: .fragmentsAllowed)
    }
}
