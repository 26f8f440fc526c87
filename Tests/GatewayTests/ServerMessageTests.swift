import Foundation
import Gateway
import Messaging
import NIOCore
import Testing

@Suite("Server messages")
struct ServerMessageTests {
    private let conversation = UniqueID("550e8400-e29b-41d4-a716-446655440000")!
    private let someone = UniqueID("0a1b2c3d-4e5f-4678-9abc-def012345678")!
    private let other = UniqueID("ffffffff-ffff-4fff-bfff-ffffffffffff")!
    private let time = Timestamp(milliseconds: 1_705_314_600_789)

    private func message(
        kind: Character = "a",
        content: String = #""客服回复内容""#,
        metadata: String? = nil,
        clientMessageID: String? = nil
    ) throws -> Message {
        var record = ByteBuffer(string: "\(other) \(kind) \(someone) \(time.milliseconds) - ")
        record.writeImmutableBuffer(
            Message.recordTail(
                content: ByteBuffer(string: content),
                metadata: metadata.map { ByteBuffer(string: $0) },
                clientMessageID: clientMessageID.map { ByteBuffer(string: $0) },
                senderNote: ByteBuffer(string: #""note""#)
            )
        )
        return try #require(
            Message(record: record, conversation: conversation, seq: 7, generation: 3, channel: .weChat)
        )
    }

    /// The frame must be this text, and JSON.
    private func expect(_ frame: ByteBuffer, is text: String, _ location: SourceLocation = #_sourceLocation) {
        #expect(String(buffer: frame) == text, sourceLocation: location)
        #expect((try? JSONSerialization.jsonObject(with: Data(text.utf8))) != nil, sourceLocation: location)
    }

    // MARK: Messages

    @Test("A message in the guide dialect has the guide's fields in its order, then id, seq and metadata")
    func guideMessage() throws {
        expect(
            ServerMessage.message(try message(clientMessageID: #""m1""#), in: .guide),
            is: #"{"channel":"WECHAT","conversationId":"550e8400-e29b-41d4-a716-446655440000","#
                + #""senderId":"0a1b2c3d-4e5f-4678-9abc-def012345678","content":"客服回复内容","timestamp":"2024-01-15T10:30:00Z","#
                + #""id":"ffffffff-ffff-4fff-bfff-ffffffffffff","seq":7}"#
        )
        let withMetadata = ServerMessage.message(try message(metadata: #"{"type":"text","n":[1, 2]}"#), in: .guide)
        #expect(String(buffer: withMetadata).hasSuffix(#","seq":7,"metadata":{"type":"text","n":[1, 2]}}"#))
    }

    @Test(
        "A message in the full dialect is typed and says who and which generation",
        arguments: [("c", "customer"), ("a", "agent"), ("b", "bot"), ("s", "system")] as [(Character, String)]
    )
    func fullMessage(kind: Character, name: String) throws {
        expect(
            ServerMessage.message(
                try message(kind: kind, content: #""a\n\u4f60""#, metadata: "{}", clientMessageID: #""m\"1""#),
                in: .full
            ),
            is: #"{"type":"message","channel":"WECHAT","conversationId":"550e8400-e29b-41d4-a716-446655440000","#
                + #""senderId":"0a1b2c3d-4e5f-4678-9abc-def012345678","content":"a\n\u4f60","timestamp":"2024-01-15T10:30:00Z","#
                + #""id":"ffffffff-ffff-4fff-bfff-ffffffffffff","seq":7,"metadata":{},"senderType":"\#(name)","generation":3,"#
                + #""clientMessageId":"m\"1"}"#
        )
        let plain = String(buffer: ServerMessage.message(try message(), in: .full))
        #expect(plain.hasSuffix(#","seq":7,"senderType":"agent","generation":3}"#))
    }

    @Test("An acknowledgement names the client's id, when there is one, and the place in the log")
    func ack() {
        let place =
            #""conversationId":"550e8400-e29b-41d4-a716-446655440000","id":"ffffffff-ffff-4fff-bfff-ffffffffffff","seq":12,"#
            + #""generation":1,"timestamp":"2024-01-15T10:30:00Z"}"#
        expect(
            ServerMessage.ack(
                clientMessageID: ByteBuffer(string: #""m1""#),
                conversationID: conversation,
                id: other,
                seq: 12,
                generation: 1,
                at: time
            ),
            is: #"{"type":"ack","clientMessageId":"m1","# + place
        )
        expect(
            ServerMessage.ack(
                clientMessageID: nil,
                conversationID: conversation,
                id: other,
                seq: 12,
                generation: 1,
                at: time
            ),
            is: #"{"type":"ack","# + place
        )
    }

    @Test("A page of history holds full messages")
    func history() throws {
        let one = String(buffer: ServerMessage.message(try message(), in: .full))
        expect(
            ServerMessage.history(
                conversationID: conversation,
                generation: 3,
                messages: [try message(), try message()],
                hasMore: true
            ),
            is:
                #"{"type":"history","conversationId":"550e8400-e29b-41d4-a716-446655440000","generation":3,"messages":["#
                + "\(one),\(one)" + #"],"hasMore":true}"#
        )
        expect(
            ServerMessage.history(conversationID: conversation, generation: 0, messages: [], hasMore: false),
            is:
                #"{"type":"history","conversationId":"550e8400-e29b-41d4-a716-446655440000","generation":0,"messages":[],"#
                + #""hasMore":false}"#
        )
    }

    // MARK: Signals

    @Test("Welcome says who the client is and where its conversations stand")
    func welcome() {
        let agent = Principal.agent(id: someone, role: .admin, name: #"Li "小" Ming"#)
        expect(
            ServerMessage.welcome(
                connectionID: "g1.0:5",
                principal: agent,
                expiresAt: time,
                heartbeatSeconds: 25,
                conversations: [
                    .init(
                        id: conversation,
                        state: "assigned",
                        assignee: someone,
                        generation: 2,
                        seq: 9,
                        cursor: 4,
                        unread: 3
                    ),
                    .init(id: other, state: "waiting", assignee: nil, generation: 0, seq: 1, cursor: 0, unread: 1),
                ]
            ),
            is: #"{"type":"welcome","connectionId":"g1.0:5","principal":{"type":"agent","#
                + #""id":"0a1b2c3d-4e5f-4678-9abc-def012345678","name":"Li \"小\" Ming","role":"admin"},"#
                + #""expiresAt":"2024-01-15T10:30:00Z","heartbeatSeconds":25,"conversations":["#
                + #"{"conversationId":"550e8400-e29b-41d4-a716-446655440000","state":"assigned","#
                + #""assigneeId":"0a1b2c3d-4e5f-4678-9abc-def012345678","generation":2,"seq":9,"cursor":4,"unread":3},"#
                + #"{"conversationId":"ffffffff-ffff-4fff-bfff-ffffffffffff","state":"waiting","generation":0,"#
                + #""seq":1,"cursor":0,"unread":1}"#
                + "]}"
        )
        expect(
            ServerMessage.welcome(
                connectionID: "g1.0:6",
                principal: .customer(id: someone, channel: .web),
                expiresAt: time,
                heartbeatSeconds: 25,
                conversations: []
            ),
            is: #"{"type":"welcome","connectionId":"g1.0:6","principal":{"type":"customer","#
                + #""id":"0a1b2c3d-4e5f-4678-9abc-def012345678"},"expiresAt":"2024-01-15T10:30:00Z","heartbeatSeconds":25,"#
                + #""conversations":[]}"#
        )
    }

    @Test("Typing, receipt, presence, assignment, reset and going_away")
    func signals() {
        let prefix = #""conversationId":"550e8400-e29b-41d4-a716-446655440000","#
        expect(
            ServerMessage.typing(conversationID: conversation, senderID: someone, senderKind: .bot, isTyping: true),
            is: #"{"type":"typing","# + prefix
                + #""senderId":"0a1b2c3d-4e5f-4678-9abc-def012345678","senderType":"bot","isTyping":true}"#
        )
        let reader = #""readerId":"0a1b2c3d-4e5f-4678-9abc-def012345678","readerType":"customer""#
        expect(
            ServerMessage.receipt(
                conversationID: conversation,
                readerID: someone,
                readerKind: .customer,
                delivered: 5,
                read: nil
            ),
            is: #"{"type":"receipt","# + prefix + reader + #","delivered":5}"#
        )
        expect(
            ServerMessage.receipt(
                conversationID: conversation,
                readerID: someone,
                readerKind: .customer,
                delivered: 5,
                read: 4
            ),
            is: #"{"type":"receipt","# + prefix + reader + #","delivered":5,"read":4}"#
        )
        expect(
            ServerMessage.presence(id: someone, kind: .agent, online: false),
            is:
                #"{"type":"presence","id":"0a1b2c3d-4e5f-4678-9abc-def012345678","principalType":"agent","online":false}"#
        )
        expect(
            ServerMessage.assignment(
                conversationID: conversation,
                state: "assigned",
                assignee: someone,
                assigneeName: ByteBuffer(string: #""小\\李""#),
                fence: 3
            ),
            is: #"{"type":"assignment","# + prefix
                + #""state":"assigned","assigneeId":"0a1b2c3d-4e5f-4678-9abc-def012345678","assigneeName":"小\\李","fence":3}"#
        )
        expect(
            ServerMessage.assignment(
                conversationID: conversation,
                state: "waiting",
                assignee: nil,
                assigneeName: ByteBuffer(),
                fence: 4
            ),
            is: #"{"type":"assignment","# + prefix + #""state":"waiting","fence":4}"#
        )
        expect(
            ServerMessage.reset(conversationID: conversation, generation: 4, from: 100),
            is: #"{"type":"reset","# + prefix + #""generation":4,"from":100}"#
        )
        expect(
            ServerMessage.goingAway(retryAfterMilliseconds: 1500),
            is: #"{"type":"going_away","retryAfterMs":1500}"#
        )
    }

    // MARK: Errors

    @Test("An error in the full dialect names the client's frame and says whether to try again")
    func fullError() {
        expect(
            ServerMessage.error(
                .init(code: "missing_field", message: #"content is "missing"."#, field: "content"),
                about: FrameReference(
                    type: "message",
                    conversation: #"my "own" name"#,
                    clientMessageID: ByteBuffer(string: #""m1""#)
                )
            ),
            is: #"{"type":"error","code":"missing_field","message":"content is \"missing\".","field":"content","#
                + #""requestType":"message","conversationId":"my \"own\" name","clientMessageId":"m1","retry":false}"#
        )
        expect(
            ServerMessage.error(.init(MessagingError(.storeUnavailable, "Away.")), about: FrameReference()),
            is: #"{"type":"error","code":"store_unavailable","message":"Away.","retry":true}"#
        )
    }

    @Test("An error in the guide dialect is a message from system, readable in Chinese and English")
    func guideError() {
        expect(
            ServerMessage.guideError(
                .init(code: "missing_field", message: "content is missing.", field: "content"),
                channel: .web,
                conversationID: conversation,
                at: time
            ),
            is: #"{"channel":"WEB","conversationId":"550e8400-e29b-41d4-a716-446655440000","senderId":"system","#
                + #""content":"消息缺少必填字段。 content is missing.","timestamp":"2024-01-15T10:30:00Z","#
                + #""error":{"code":"missing_field","message":"content is missing.","field":"content"}}"#
        )
        expect(
            ServerMessage.guideError(
                .init(code: "missing_field", message: "m", field: "conversationId"),
                channel: nil,
                conversationID: nil,
                at: time
            ),
            is: #"{"channel":"","conversationId":"","senderId":"system","#
                + #""content":"客服必须指明会话（conversationId）。 m","timestamp":"2024-01-15T10:30:00Z","#
                + #""error":{"code":"missing_field","message":"m","field":"conversationId"}}"#
        )
        expect(
            ServerMessage.guideError(.init(code: "new", message: "m"), channel: nil, conversationID: nil, at: time),
            is: #"{"channel":"","conversationId":"","senderId":"system","content":"消息未能处理。 m","#
                + #""timestamp":"2024-01-15T10:30:00Z","error":{"code":"new","message":"m"}}"#
        )
    }

    @Test("Every code that there is has words of its own in Chinese")
    func chinese() {
        let codes =
            [
                MessagingError.Code.invalidValue, .notFound, .conflict, .forbidden, .unauthenticated, .rateLimited,
                .limitReached, .storeUnavailable,
            ].map(\.rawValue)
            + [ClientMessageError.Code.malformedJSON, .missingField, .invalidValue, .tooLong, .unknownType].map(
                \.rawValue
            )
        for code in codes {
            let frame = ServerMessage.guideError(
                .init(code: code, message: ""),
                channel: .web,
                conversationID: nil,
                at: time
            )
            #expect(!String(buffer: frame).contains("消息未能处理"), "\(code)")
        }
    }
}

@Suite("The JSON writer")
struct JSONWriterTests {
    private func text(_ write: (inout JSONWriter) -> Void) -> String {
        var json = JSONWriter(capacity: 0)
        write(&json)
        return String(buffer: json.buffer)
    }

    @Test("What it writes, Foundation reads back: 20,000 random strings")
    func strings() throws {
        var generator = SeededGenerator(seed: 41)
        let alphabet = (0..<0x30).map { Character(Unicode.Scalar($0)) } + Array("\"\\/aé你🙂\u{7f}\u{2028}\u{ffff}")
        for _ in 0..<20_000 {
            let count = Int.random(in: 0...10, using: &generator)
            let string = String((0..<count).map { _ in alphabet.randomElement(using: &generator)! })
            let json = text { $0.string(string) }
            let read = try JSONSerialization.jsonObject(with: Data(json.utf8), options: .fragmentsAllowed) as? String
            #expect(read?.unicodeScalars.elementsEqual(string.unicodeScalars) == true, "\(json)")
        }
    }

    @Test("Numbers are written as Swift writes them", arguments: [0, 1, 9, 10, 99, 100, 1234567890, .max, -1, .min])
    func numbers(number: Int) {
        #expect(text { $0.number(number) } == String(number))
    }

    @Test("Ids and times are quoted")
    func quoted() {
        let id = UniqueID(in: .random())
        #expect(text { $0.id(id) } == "\"\(id)\"")
        #expect(text { $0.time(Timestamp(milliseconds: 0)) } == "\"1970-01-01T00:00:00Z\"")
    }
}
