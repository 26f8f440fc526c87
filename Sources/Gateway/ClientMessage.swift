package import Messaging
package import NIOCore

/// What a client says in one text frame.
///
/// In the guide dialect every object is a message. In the full dialect `type` tells which of these it is. Fields that are
/// not named here are ignored.
package enum ClientMessage: Equatable, Sendable {
    /// `message`: something to say in a conversation.
    case message(Draft)
    /// `typing {conversationId, isTyping = true}`.
    case typing(conversationID: UniqueID, isTyping: Bool)
    /// `read {conversationId, seq}`: a person has seen everything up to `seq`.
    case read(conversationID: UniqueID, seq: Int)
    /// `ack {conversationId, seq, generation?}`: the client has everything up to `seq`.
    case ack(conversationID: UniqueID, seq: Int, generation: Int?)
    /// `history {conversationId, before?, after?, limit = 50}`: at most one of `before` and `after`; `limit` is 1 to 100.
    case history(conversationID: UniqueID, before: Int?, after: Int?, limit: Int)
    /// `resume {conversationId, generation, seq}`: the position from which to deliver again.
    case resume(conversationID: UniqueID, generation: Int, seq: Int)
}

/// A message before it is stored. What JSON text of the client is kept is kept as it came, validated, as a slice of the
/// frame.
package struct Draft: Equatable, Sendable {
    /// The `conversationId` as the client wrote it, decoded: at most 128 bytes of UTF-8, empty when absent, `null` or `""`.
    package var conversationReference: String
    /// A JSON string literal, quotes included, with something other than white space in it.
    package var content: ByteBuffer
    /// A JSON object, or `nil` when absent or `null`.
    package var metadata: ByteBuffer?
    /// A JSON string literal of 1 to 64 bytes when decoded; only in the full dialect.
    package var clientMessageID: ByteBuffer?
    /// The `senderId` that the client wrote, a JSON string literal of at most 256 bytes. A note: never believed.
    package var senderNote: ByteBuffer?
}

/// Which frame of the client something is about, so that a client that has several under way can tell: as much of it as
/// there is and could be read.
package struct FrameReference: Equatable, Sendable {
    /// The frame's `type`; none in the guide dialect.
    package var type: String?
    /// The `conversationId` as the client wrote it; empty when there is none.
    package var conversation = ""
    /// A raw JSON string literal.
    package var clientMessageID: ByteBuffer?

    package init(type: String? = nil, conversation: String = "", clientMessageID: ByteBuffer? = nil) {
        self.type = type
        self.conversation = conversation
        self.clientMessageID = clientMessageID
    }
}

/// Why a text frame is no ``ClientMessage``. The connection goes on.
package struct ClientMessageError: Error, Equatable, Sendable {
    package enum Code: String, Sendable {
        /// Not JSON as RFC 8259 has it, not an object, or nested deeper than 32.
        case malformedJSON = "malformed_json"
        /// A field that must be there is not; `field` names it.
        case missingField = "missing_field"
        /// A field has the wrong type or range; `field` names it.
        case invalidValue = "invalid_value"
        /// A field is longer than allowed; `field` names it.
        case tooLong = "too_long"
        /// The full dialect knows no such `type`.
        case unknownType = "unknown_type"
    }

    package let code: Code
    /// One English sentence.
    package let message: String
    package let field: String?
    package let frame: FrameReference
}

extension ClientMessage {
    /// The frame that this came in.
    package var frame: FrameReference {
        switch self {
        case .message(let draft):
            FrameReference(
                type: "message",
                conversation: draft.conversationReference,
                clientMessageID: draft.clientMessageID
            )
        case .typing(let conversation, _): FrameReference(type: "typing", conversation: conversation.description)
        case .read(let conversation, _): FrameReference(type: "read", conversation: conversation.description)
        case .ack(let conversation, _, _): FrameReference(type: "ack", conversation: conversation.description)
        case .history(let conversation, _, _, _):
            FrameReference(type: "history", conversation: conversation.description)
        case .resume(let conversation, _, _): FrameReference(type: "resume", conversation: conversation.description)
        }
    }

    /// Decodes one text frame.
    ///
    /// One pass checks the whole text as RFC 8259 has it and notes where the known fields are; of a field that occurs
    /// several times the last counts, as with JSON.parse. `null` is as good as absent.
    ///
    /// - Parameter text: valid UTF-8. What is kept of it shares its memory.
    package static func decode(_ text: ByteBuffer, dialect: Dialect) throws(ClientMessageError) -> ClientMessage {
        var fields = ClientMessageFields(text)
        guard fields.scan() else {
            throw ClientMessageError(
                code: .malformedJSON,
                message: "The frame must be one JSON object, nested at most \(JSONScanner.maxDepth) deep.",
                field: nil,
                frame: FrameReference()
            )
        }
        guard dialect == .full else { return .message(try fields.draft(clientMessageID: nil)) }

        switch try fields.type() {
        case .message:
            return .message(try fields.draft(clientMessageID: try fields.clientMessageID()))
        case .typing:
            return .typing(conversationID: try fields.conversationID(), isTyping: try fields.flag(.isTyping) ?? true)
        case .read:
            return .read(conversationID: try fields.conversationID(), seq: try fields.number(.seq))
        case .ack:
            return .ack(
                conversationID: try fields.conversationID(),
                seq: try fields.number(.seq),
                generation: try fields.optionalNumber(.generation)
            )
        case .history:
            return try fields.history()
        case .resume:
            return .resume(
                conversationID: try fields.conversationID(),
                generation: try fields.number(.generation),
                seq: try fields.number(.seq)
            )
        }
    }
}
