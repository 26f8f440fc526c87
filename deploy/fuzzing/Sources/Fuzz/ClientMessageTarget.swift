import Foundation
@testable import Gateway
@testable import Hiredis
@testable import Messaging
import NIOCore

/// One byte for the dialect, then the text of one frame.
///
/// The decoder is held against Foundation's reading of the same text: what is a message for one is for the other, with the
/// same contents. What was accepted is within its limits and comes back whole from a record and in what is sent; what was
/// refused is answered in JSON.
enum ClientMessageTarget: FuzzTarget {
    static func run(_ input: UnsafeRawBufferPointer) {
        guard let flags = input.first, let text = String(validating: input.dropFirst(), as: UTF8.self) else { return }
        let dialect = flags & 1 == 0 ? Dialect.guide : .full
        let frame = ByteBuffer(string: text)
        let object = JSONObject(text)
        checkTexts(text)
        do {
            let message = try ClientMessage.decode(frame, dialect: dialect)
            if let object {
                check(message, object)
            } else {
                promise(JSONObject.differs(text, isAccepted: true), "what is accepted is a JSON object")
            }
            if case .message(let draft) = message { checkRecord(of: draft) }
        } catch {
            check(error)
            guard let object, dialect == .guide, object.isGuideMessage else { return }
            promise(JSONObject.differs(text, isAccepted: false), "a guide message is accepted, not \(error)")
        }
    }

    private static func check(_ message: ClientMessage, _ object: JSONObject) {
        // Of equal names Foundation may keep another.
        guard !object.hasEqualNames else { return }
        func isID(_ id: UniqueID) -> Bool { object.text("conversationId")?.lowercased() == id.description }
        switch message {
        case .message(let draft):
            promise(isSame(object.text("content"), text(of: draft.content)), "the content is what was said")
            promise(
                draft.conversationReference == object.text("conversationId") ?? "",
                "the conversation is the one named"
            )
            promise(draft.conversationReference.utf8.count <= 128, "a conversation's name is short")
            promise((draft.metadata != nil) == (object["metadata"] is [String: Any]), "metadata is an object")
            if let id = draft.clientMessageID {
                promise(isSame(text(of: id), object.text("clientMessageId")), "the id is the client's")
                promise(1...64 ~= (text(of: id)?.utf8.count ?? 0), "the id is short")
            }
            if let note = draft.senderNote {
                promise(isSame(text(of: note), object.text("senderId")), "the note is the client's")
            }
        case .typing(let id, let isTyping):
            promise(isID(id) && isTyping == (object["isTyping"] as? Bool ?? true), "typing is read as written")
        case .read(let id, let seq):
            promise(isID(id) && object.number("seq") == seq, "read is read as written")
        case .ack(let id, let seq, let generation):
            promise(isID(id) && object.number("seq") == seq && object.number("generation") == generation, "so is ack")
        case .history(let id, let before, let after, let limit):
            promise(isID(id) && object.number("before") == before && object.number("after") == after, "so is history")
            promise(1...100 ~= limit && object.number("limit") ?? 50 == limit, "a page has 1 to 100 messages")
        case .resume(let id, let generation, let seq):
            promise(
                isID(id) && object.number("seq") == seq && object.number("generation") == generation,
                "so is resume"
            )
        }
    }

    /// Whether both are the same but for U+FEFF, which Foundation loses where it stands behind an escape.
    private static func isSame(_ a: String?, _ b: String?) -> Bool {
        a.map { $0.unicodeScalars.filter { $0 != "\u{feff}" } }.map(String.init)
            == b.map { $0.unicodeScalars.filter { $0 != "\u{feff}" } }.map(String.init)
    }

    /// What a JSON string literal says, to Foundation; `nil` where there is half a surrogate in it.
    private static func text(of literal: ByteBuffer) -> String? {
        let bytes = Data(literal.readableBytesView)
        return (try? JSONSerialization.jsonObject(with: bytes, options: .fragmentsAllowed)) as? String
    }

    private static func isJSON(_ bytes: ByteBuffer) -> Bool {
        bytes.withUnsafeReadableBytes { bytes in
            var scanner = JSONScanner(bytes)
            return (try? scanner.value()) == .object
        }
    }

    /// The way of a message: into a record, out of it, and to both kinds of clients.
    private static func checkRecord(of draft: Draft) {
        let id = UniqueID("01234567-89ab-4cde-8f01-23456789abcd")!
        var record = ByteBuffer(string: "\(id) c \(id) 1700000000000 - ")
        record.writeImmutableBuffer(
            Message.recordTail(
                content: draft.content,
                metadata: draft.metadata,
                clientMessageID: draft.clientMessageID,
                senderNote: draft.senderNote
            )
        )
        guard let message = Message(record: record, conversation: id, seq: 1, generation: 1, channel: .web) else {
            fatalError("Broken: a record is read back")
        }
        promise(message.content == draft.content, "the content is kept")
        promise(message.metadata == draft.metadata ?? ByteBuffer(), "the metadata is kept")
        promise(message.clientMessageID == draft.clientMessageID ?? ByteBuffer(), "the client's id is kept")
        promise(message.senderNote == draft.senderNote ?? ByteBuffer(), "the note is kept")
        for dialect in [Dialect.guide, .full] {
            let sent = ServerMessage.message(message, in: dialect)
            // Metadata that is nested as deep as allowed is sent one deeper.
            guard isJSON(sent) else {
                promise(draft.metadata != nil, "what is sent is JSON")
                continue
            }
            if let object = JSONObject(String(buffer: sent)) {
                promise(isSame(object.text("content"), text(of: draft.content)), "the content is sent as it came")
            }
        }
        if let id = draft.clientMessageID {
            let canonical = JSONStringLiteral.canonical(id)
            promise(JSONStringLiteral.canonical(canonical) == canonical, "one form stays as it is")
            promise(isSame(text(of: canonical), text(of: id)), "one form says the same")
        }
    }

    private static func check(_ error: ClientMessageError) {
        let full = ServerMessage.error(.init(error), about: error.frame)
        promise(isJSON(full), "an error is JSON")
        promise(error.frame.conversation.utf8.count <= 128, "an error quotes little")
        let guide = ServerMessage.guideError(
            .init(error),
            channel: nil,
            conversationID: nil,
            at: Timestamp(milliseconds: 0)
        )
        promise(isJSON(guide), "an error is JSON in the guide dialect")
    }

    /// Both writers of strings write what both readers read.
    private static func checkTexts(_ text: String) {
        var json = JSONWriter(capacity: 0)
        json.string(text)
        promise(isSame(self.text(of: json.buffer), text), "a text is written as itself")
        let literal = JSONText.literal(text)
        promise(isSame(self.text(of: ByteBuffer(string: literal)), text), "a literal is written as the text")
        let characters = String(String.UnicodeScalarView(text.unicodeScalars.prefix(20)))
        let beginning = JSONText.beginning(ofLiteral: Array(literal.utf8), maxCharacters: 20)
        promise(beginning.unicodeScalars.elementsEqual(characters.unicodeScalars), "a beginning is the text's")
        // Whatever it is: no bytes may break what reads a log.
        _ = JSONText.beginning(ofLiteral: Array(text.utf8), maxCharacters: 20)
        _ = AttachmentReference.count(inMetadata: Array(text.utf8.prefix(2000)))
    }
}

/// A JSON object as Foundation reads it.
struct JSONObject {
    private let values: [String: Any]
    let hasEqualNames: Bool

    init?(_ text: String) {
        guard let values = (try? JSONSerialization.jsonObject(with: Data(text.utf8))) as? [String: Any] else {
            return nil
        }
        self.values = values
        var count = 0
        var copy = text
        copy.withUTF8 { bytes in
            var scanner = JSONScanner(UnsafeRawBufferPointer(bytes))
            try? scanner.object { _ in count += 1 }
        }
        hasEqualNames = count != values.count
    }

    subscript(name: String) -> Any? { values[name] }
    func text(_ name: String) -> String? { values[name] as? String }
    func number(_ name: String) -> Int? { (values[name] as? NSNumber)?.intValue }

    /// Whether the guide dialect takes it for a message.
    var isGuideMessage: Bool {
        func isNoneOr<Kind>(_ kind: Kind.Type, _ name: String) -> Bool {
            values[name] == nil || values[name] is NSNull || values[name] is Kind
        }
        guard !hasEqualNames, let content = text("content"), isNoneOr(String.self, "conversationId") else {
            return false
        }
        let blank = CharacterSet.whitespacesAndNewlines.union(.controlCharacters).union(.init(charactersIn: "\u{feff}"))
        return !content.trimmingCharacters(in: blank).isEmpty && (text("conversationId") ?? "").utf8.count <= 128
            && isNoneOr([String: Any].self, "metadata")
    }

    /// Where Foundation and RFC 8259 part ways. It refuses a lone surrogate and a number past Double's range, which the
    /// grammar allows; it accepts a comma before the end of a list, takes a NUL for a sign of UTF-16, passes over a byte order
    /// mark, and nests deeper.
    static func differs(_ text: String, isAccepted: Bool) -> Bool {
        let pattern = isAccepted ? #"\\u[dD][89a-fA-F]|[eE]\+?\d{3,}|\d{300}"# : #",\s*[\]}]|\x00|^\x{feff}"#
        if text.range(of: pattern, options: .regularExpression) != nil { return true }
        return !isAccepted
            && text.utf8.count { $0 == UInt8(ascii: "[") || $0 == UInt8(ascii: "{") } > JSONScanner.maxDepth
    }
}
