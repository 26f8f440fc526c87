package import Messaging
package import NIOCore

/// The JSON that this gateway sends, one function for each kind of frame, each a whole text frame.
///
/// A frame for many is encoded once. What clients wrote (`content`, `metadata`, `clientMessageId`) is spliced in as it came.
/// All but ``message(_:in:)`` and ``guideError(_:channel:conversationID:at:)`` are for the full dialect only.
package enum ServerMessage {
    /// A message of a conversation. Guide dialect: the guide's fields, then `id`, `seq` and `metadata`. Full dialect: with
    /// `type`, `senderType`, `generation` and, when the sender named it, `clientMessageId` as well.
    ///
    /// Source: access guide, "Message Returned by the Server".
    package static func message(_ message: Message, in dialect: Dialect) -> ByteBuffer {
        var json = JSONWriter(capacity: capacity(for: message))
        write(message, in: dialect, to: &json)
        return json.buffer
    }

    /// `ack`: the message is in the log, and this is its place there.
    package static func ack(
        clientMessageID: ByteBuffer?,
        conversationID: UniqueID,
        id: UniqueID,
        seq: Int,
        generation: Int,
        at: Timestamp
    ) -> ByteBuffer {
        var json = JSONWriter(capacity: 256 + (clientMessageID?.readableBytes ?? 0))
        json.raw(#"{"type":"ack""#)
        if let clientMessageID {
            json.raw(#","clientMessageId":"#)
            json.raw(clientMessageID)
        }
        json.raw(#","conversationId":"#)
        json.id(conversationID)
        json.raw(#","id":"#)
        json.id(id)
        json.raw(#","seq":"#)
        json.number(seq)
        json.raw(#","generation":"#)
        json.number(generation)
        json.raw(#","timestamp":"#)
        json.time(at)
        json.raw("}")
        return json.buffer
    }

    /// `typing`: somebody writes, or stopped.
    package static func typing(
        conversationID: UniqueID,
        senderID: UniqueID,
        senderKind: Message.SenderKind,
        isTyping: Bool
    ) -> ByteBuffer {
        var json = JSONWriter(capacity: 192)
        json.raw(#"{"type":"typing","conversationId":"#)
        json.id(conversationID)
        json.raw(#","senderId":"#)
        json.id(senderID)
        json.raw(#","senderType":""#)
        json.raw(senderKind.name)
        json.raw(#"","isTyping":"#)
        json.bool(isTyping)
        json.raw("}")
        return json.buffer
    }

    /// `receipt`: up to which seq a reader got the messages, and up to which they were read.
    package static func receipt(
        conversationID: UniqueID,
        readerID: UniqueID,
        readerKind: Message.SenderKind,
        delivered: Int?,
        read: Int?
    ) -> ByteBuffer {
        var json = JSONWriter(capacity: 224)
        json.raw(#"{"type":"receipt","conversationId":"#)
        json.id(conversationID)
        json.raw(#","readerId":"#)
        json.id(readerID)
        json.raw(#","readerType":""#)
        json.raw(readerKind.name)
        json.raw("\"")
        if let delivered {
            json.raw(#","delivered":"#)
            json.number(delivered)
        }
        if let read {
            json.raw(#","read":"#)
            json.number(read)
        }
        json.raw("}")
        return json.buffer
    }

    /// `presence`: somebody's first connection opened, or the last one closed.
    package static func presence(id: UniqueID, kind: Message.SenderKind, online: Bool) -> ByteBuffer {
        var json = JSONWriter(capacity: 112)
        json.raw(#"{"type":"presence","id":"#)
        json.id(id)
        // Which kind it is stands under the name of its own that `senderType` and `readerType` have elsewhere.
        json.raw(#","principalType":""#)
        json.raw(kind.name)
        json.raw(#"","online":"#)
        json.bool(online)
        json.raw("}")
        return json.buffer
    }

    /// `assignment`: whose conversation it is now. `state` is `waiting`, `assigned` or `resolved`; `assigneeName` is a raw
    /// JSON string literal, or empty.
    package static func assignment(
        conversationID: UniqueID,
        state: String,
        assignee: UniqueID?,
        assigneeName: ByteBuffer,
        fence: Int
    ) -> ByteBuffer {
        var json = JSONWriter(capacity: 224 + assigneeName.readableBytes)
        json.raw(#"{"type":"assignment","conversationId":"#)
        json.id(conversationID)
        json.raw(#","state":"#)
        json.string(state)
        if let assignee {
            json.raw(#","assigneeId":"#)
            json.id(assignee)
        }
        if assigneeName.readableBytes > 0 {
            json.raw(#","assigneeName":"#)
            json.raw(assigneeName)
        }
        json.raw(#","fence":"#)
        json.number(fence)
        json.raw("}")
        return json.buffer
    }

    /// `history`: a page of a conversation, ascending by seq. `hasMore`: there are more in the direction asked for.
    package static func history(
        conversationID: UniqueID,
        generation: Int,
        messages: [Message],
        hasMore: Bool
    ) -> ByteBuffer {
        var json = JSONWriter(capacity: 128 + messages.reduce(0) { $0 + capacity(for: $1) })
        json.raw(#"{"type":"history","conversationId":"#)
        json.id(conversationID)
        json.raw(#","generation":"#)
        json.number(generation)
        json.raw(#","messages":["#)
        for (index, message) in messages.enumerated() {
            if index > 0 { json.raw(",") }
            write(message, in: .full, to: &json)
        }
        json.raw(#"],"hasMore":"#)
        json.bool(hasMore)
        json.raw("}")
        return json.buffer
    }

    /// `reset`: the store lost the conversation's end; whoever holds messages from seq `from` on must forget them.
    package static func reset(conversationID: UniqueID, generation: Int, from seq: Int) -> ByteBuffer {
        var json = JSONWriter(capacity: 144)
        json.raw(#"{"type":"reset","conversationId":"#)
        json.id(conversationID)
        json.raw(#","generation":"#)
        json.number(generation)
        json.raw(#","from":"#)
        json.number(seq)
        json.raw("}")
        return json.buffer
    }

    /// `going_away`: this gateway drains; come back after that time, to another one.
    package static func goingAway(retryAfterMilliseconds: Int) -> ByteBuffer {
        var json = JSONWriter(capacity: 64)
        json.raw(#"{"type":"going_away","retryAfterMs":"#)
        json.number(retryAfterMilliseconds)
        json.raw("}")
        return json.buffer
    }

    /// `note`: an agent made a note about a conversation; for agents only.
    package static func note(_ note: Note) -> ByteBuffer {
        var json = ByteBuffer()
        note.writeJSON(type: "note", into: &json)
        return json
    }

    // MARK: Messages

    private static func write(_ message: Message, in dialect: Dialect, to json: inout JSONWriter) {
        switch dialect {
        case .guide: json.raw(#"{"channel":""#)
        case .full: json.raw(#"{"type":"message","channel":""#)
        }
        json.raw(message.channel.rawValue)
        json.raw(#"","conversationId":"#)
        json.id(message.conversation)
        json.raw(#","senderId":"#)
        json.id(message.sender)
        json.raw(#","content":"#)
        json.raw(message.content)
        json.raw(#","timestamp":"#)
        json.time(message.at)
        json.raw(#","id":"#)
        json.id(message.id)
        json.raw(#","seq":"#)
        json.number(message.seq)
        if message.metadata.readableBytes > 0 {
            json.raw(#","metadata":"#)
            json.raw(message.metadata)
        }
        if dialect == .full {
            json.raw(#","senderType":""#)
            json.raw(message.senderKind.name)
            json.raw(#"","generation":"#)
            json.number(message.generation)
            if message.clientMessageID.readableBytes > 0 {
                json.raw(#","clientMessageId":"#)
                json.raw(message.clientMessageID)
            }
        }
        json.raw("}")
    }

    /// Enough for a message in either dialect; what is not content, metadata or clientMessageId is 350 bytes at most.
    private static func capacity(for message: Message) -> Int {
        352 + message.content.readableBytes + message.metadata.readableBytes + message.clientMessageID.readableBytes
    }
}
