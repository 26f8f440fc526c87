import Messaging
import NIOCore

/// Where the known fields of a client's frame are in its text, and what they hold, checked against their limits.
struct ClientMessageFields {
    enum Field: String, CaseIterable {
        case type, conversationID = "conversationId", content, metadata, senderID = "senderId",
            clientMessageID = "clientMessageId", seq, generation, isTyping, before, after, limit
    }

    enum FrameType: String, CaseIterable { case message, typing, read, ack, history, resume }

    private static let maxConversationReferenceBytes = 128
    private static let maxClientMessageIDBytes = 64
    private static let maxSenderNoteBytes = 256
    private static let maxHistoryLimit = 100
    private static let defaultHistoryLimit = 50
    /// What every JSON implementation can hold: 2^53 - 1.
    private static let maxNumber = 9_007_199_254_740_991

    private let text: ByteBuffer
    private var values = ClientMessageValues()

    init(_ text: ByteBuffer) { self.text = text }

    /// - Returns: Whether the text is a JSON object.
    mutating func scan() -> Bool {
        let scanned: ClientMessageValues? = text.withUnsafeReadableBytes { bytes in
            var values = ClientMessageValues()
            var scanner = JSONScanner(bytes)
            do {
                try scanner.object { member in
                    let key = UnsafeRawBufferPointer(rebasing: bytes[member.key])
                    guard let field = Field(key: key, hasEscapes: member.keyHasEscapes) else { return }
                    values[field] = member.kind == .null ? nil : .init(kind: member.kind, range: member.value)
                }
            } catch {
                return nil
            }
            return values
        }
        guard let scanned else { return false }
        values = scanned
        return true
    }

    // MARK: Frames

    func draft(clientMessageID: ByteBuffer?) throws(ClientMessageError) -> Draft {
        guard let content = values[.content] else { throw missing(.content) }
        guard content.kind == .string else { throw error(.invalidValue, "content must be a string.", .content) }
        guard !literal(content, \.isBlank) else { throw error(.invalidValue, "content must not be empty.", .content) }
        if let metadata = values[.metadata], metadata.kind != .object {
            throw error(.invalidValue, "metadata must be an object.", .metadata)
        }
        return Draft(
            conversationReference: try conversationReference(),
            content: slice(content),
            metadata: values[.metadata].map(slice),
            clientMessageID: clientMessageID,
            senderNote: senderNote
        )
    }

    func history() throws(ClientMessageError) -> ClientMessage {
        let conversation = try conversationID()
        let before = try optionalNumber(.before)
        let after = try optionalNumber(.after)
        guard before == nil || after == nil else {
            throw error(.invalidValue, "before and after cannot be used together.", .before)
        }
        let limit = try optionalNumber(.limit) ?? Self.defaultHistoryLimit
        guard 1...Self.maxHistoryLimit ~= limit else {
            throw error(.invalidValue, "limit must be 1 to \(Self.maxHistoryLimit).", .limit)
        }
        return .history(conversationID: conversation, before: before, after: after, limit: limit)
    }

    // MARK: Fields

    func type() throws(ClientMessageError) -> FrameType {
        guard let value = values[.type] else { throw missing(.type) }
        guard value.kind == .string else { throw error(.invalidValue, "type must be a string.", .type) }
        guard let type = FrameType(rawValue: literal(value, \.string)) else {
            let known = FrameType.allCases.map(\.rawValue).joined(separator: ", ")
            throw error(.unknownType, "The type must be one of \(known).", .type)
        }
        return type
    }

    /// The id of a conversation that the server named.
    func conversationID() throws(ClientMessageError) -> UniqueID {
        guard values[.conversationID] != nil else { throw missing(.conversationID) }
        guard let id = UniqueID(try conversationReference()) else {
            throw error(.invalidValue, "conversationId must be the id of a conversation.", .conversationID)
        }
        return id
    }

    func number(_ field: Field) throws(ClientMessageError) -> Int {
        guard let number = try optionalNumber(field) else { throw missing(field) }
        return number
    }

    /// A whole number that is not negative, written in digits only.
    func optionalNumber(_ field: Field) throws(ClientMessageError) -> Int? {
        guard let value = values[field] else { return nil }
        if value.kind == .number {
            let number = text.withUnsafeReadableBytes { bytes -> Int? in
                guard value.range.count <= 16 else { return nil }
                var number = 0
                for byte in bytes[value.range] {
                    guard UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte else { return nil }
                    number = number * 10 + Int(byte - UInt8(ascii: "0"))
                }
                return number <= Self.maxNumber ? number : nil
            }
            if let number { return number }
        }
        throw error(.invalidValue, "\(field.rawValue) must be a whole number from 0 to \(Self.maxNumber).", field)
    }

    func flag(_ field: Field) throws(ClientMessageError) -> Bool? {
        switch values[field]?.kind {
        case nil: return nil
        case .true: return true
        case .false: return false
        default: throw error(.invalidValue, "\(field.rawValue) must be true or false.", field)
        }
    }

    func clientMessageID() throws(ClientMessageError) -> ByteBuffer? {
        guard let value = values[.clientMessageID] else { return nil }
        guard value.kind == .string, value.range.count > 2 else {
            throw error(.invalidValue, "clientMessageId must be a string and not empty.", .clientMessageID)
        }
        guard literal(value, \.decodedByteCount) <= Self.maxClientMessageIDBytes else {
            throw error(
                .tooLong,
                "clientMessageId must be at most \(Self.maxClientMessageIDBytes) bytes long.",
                .clientMessageID
            )
        }
        return slice(value)
    }

    private func conversationReference() throws(ClientMessageError) -> String {
        guard let value = values[.conversationID] else { return "" }
        guard value.kind == .string else {
            throw error(.invalidValue, "conversationId must be a string.", .conversationID)
        }
        guard literal(value, \.decodedByteCount) <= Self.maxConversationReferenceBytes else {
            throw error(
                .tooLong,
                "conversationId must be at most \(Self.maxConversationReferenceBytes) bytes long.",
                .conversationID
            )
        }
        return literal(value, \.string)
    }

    /// A note is no reason to refuse a message: what is no string, or too long, is not kept.
    private var senderNote: ByteBuffer? {
        guard let value = values[.senderID], value.kind == .string,
            literal(value, \.decodedByteCount) <= Self.maxSenderNoteBytes
        else { return nil }
        return slice(value)
    }

    // MARK: Errors

    func error(_ code: ClientMessageError.Code, _ message: String, _ field: Field) -> ClientMessageError {
        ClientMessageError(code: code, message: message, field: field.rawValue, frame: frame)
    }

    /// What is wrong is left out.
    private var frame: FrameReference {
        func text(_ field: Field) -> ClientMessageValues.Value? {
            values[field].flatMap { $0.kind == .string ? $0 : nil }
        }
        var frame = FrameReference()
        if let value = text(.type) { frame.type = FrameType(rawValue: literal(value, \.string))?.rawValue }
        if let value = text(.conversationID),
            literal(value, \.decodedByteCount) <= Self.maxConversationReferenceBytes
        {
            frame.conversation = literal(value, \.string)
        }
        if let value = text(.clientMessageID), value.range.count > 2,
            literal(value, \.decodedByteCount) <= Self.maxClientMessageIDBytes
        {
            frame.clientMessageID = slice(value)
        }
        return frame
    }

    private func missing(_ field: Field) -> ClientMessageError {
        error(.missingField, "\(field.rawValue) is missing.", field)
    }

    // MARK: Bytes

    private func slice(_ value: ClientMessageValues.Value) -> ByteBuffer {
        // The scanner's ranges lie in the readable bytes.
        text.getSlice(at: text.readerIndex + value.range.lowerBound, length: value.range.count) ?? ByteBuffer()
    }

    private func literal<Result>(_ value: ClientMessageValues.Value, _ read: (JSONStringLiteral) -> Result) -> Result {
        text.withUnsafeReadableBytes { bytes in
            let contents = bytes[(value.range.lowerBound + 1)..<(value.range.upperBound - 1)]
            return read(JSONStringLiteral(contents: UnsafeRawBufferPointer(rebasing: contents)))
        }
    }
}

extension ClientMessageFields.Field {
    /// The known fields by the length of their names.
    private static let byLength: [[Self]] = (0...16).map { length in
        allCases.filter { $0.rawValue.utf8.count == length }
    }

    fileprivate init?(key: UnsafeRawBufferPointer, hasEscapes: Bool) {
        if hasEscapes {
            self.init(rawValue: JSONStringLiteral(contents: key).string)
            return
        }
        guard key.count < Self.byLength.count,
            let field = Self.byLength[key.count].first(where: { $0.rawValue.utf8.elementsEqual(key) })
        else { return nil }
        self = field
    }
}

/// The last value of each known field; a dictionary without its allocation.
private struct ClientMessageValues {
    struct Value {
        var kind: JSONScanner.Kind
        var range: Range<Int>
    }

    private var type, conversationID, content, metadata, senderID, clientMessageID: Value?
    private var seq, generation, isTyping, before, after, limit: Value?

    subscript(field: ClientMessageFields.Field) -> Value? {
        get {
            switch field {
            case .type: type
            case .conversationID: conversationID
            case .content: content
            case .metadata: metadata
            case .senderID: senderID
            case .clientMessageID: clientMessageID
            case .seq: seq
            case .generation: generation
            case .isTyping: isTyping
            case .before: before
            case .after: after
            case .limit: limit
            }
        }
        set {
            switch field {
            case .type: type = newValue
            case .conversationID: conversationID = newValue
            case .content: content = newValue
            case .metadata: metadata = newValue
            case .senderID: senderID = newValue
            case .clientMessageID: clientMessageID = newValue
            case .seq: seq = newValue
            case .generation: generation = newValue
            case .isTyping: isTyping = newValue
            case .before: before = newValue
            case .after: after = newValue
            case .limit: limit = newValue
            }
        }
    }
}
