package import NIOCore

/// One thing said in a conversation, as the log holds it and as it is published.
///
/// The JSON a client sent is kept as it came: `content`, `metadata` and `clientMessageID` are slices of raw JSON text
/// that was validated when it was received and is spliced into what is sent, so that a message is never decoded into
/// strings on its way.
package struct Message: Sendable, Equatable {
    /// Who said it. The raw value is what records hold.
    package enum SenderKind: UInt8, Sendable {
        case customer = 0x63  // c
        case agent = 0x61  // a
        case bot = 0x62  // b
        case system = 0x73  // s

        /// As JSON shows it.
        package var name: String {
            switch self {
            case .customer: "customer"
            case .agent: "agent"
            case .bot: "bot"
            case .system: "system"
            }
        }
    }

    package let id: UniqueID
    package let conversation: UniqueID
    /// 1, 2, 3 … within the conversation.
    package let seq: Int
    /// The conversation's generation when this copy was read; see `design`: it changes when Redis may have lost a tail.
    package let generation: Int
    package let channel: CustomerChannel
    package let senderKind: SenderKind
    package let sender: UniqueID
    package let at: Timestamp
    /// The connection it came in on, `MAILBOX:NUMBER`; empty when it came by REST.
    package let origin: ByteBuffer
    /// A JSON string literal, quotes included.
    package let content: ByteBuffer
    /// A JSON object, or empty.
    package let metadata: ByteBuffer
    /// A JSON string literal, or empty.
    package let clientMessageID: ByteBuffer
    /// The `senderId` that the client wrote, a JSON string literal, or empty. A note: nobody believes it.
    package let senderNote: ByteBuffer

    /// Reads a record of the log: `ID KIND SENDER AT ORIGIN LC LM LK LN`, a line feed, then content, metadata,
    /// clientMessageId and sender note of LC, LM, LK and LN bytes. AT is in ms since 1970, ORIGIN `-` for none.
    ///
    /// - Returns: `nil` for bytes of another shape.
    package init?(
        record: ByteBuffer,
        conversation: UniqueID,
        seq: Int,
        generation: Int,
        channel: CustomerChannel
    ) {
        var words = WordReader(record)
        guard let id = words.nextID(),
            let kind = words.nextWord({ $0.count == 1 ? SenderKind(rawValue: $0[0]) : nil }),
            let sender = words.nextID(), let at = words.nextInt(), let origin = words.next(),
            let contentBytes = words.nextInt(), let metadataBytes = words.nextInt(),
            let clientMessageIDBytes = words.nextInt(), let noteBytes = words.nextInt(),
            let rest = words.rest(afterLineFeed: true),
            min(contentBytes, metadataBytes, clientMessageIDBytes, noteBytes) >= 0,
            rest.readableBytes == contentBytes &+ metadataBytes &+ clientMessageIDBytes &+ noteBytes
        else { return nil }
        var parts = rest
        self.id = id
        self.conversation = conversation
        self.seq = seq
        self.generation = generation
        self.channel = channel
        senderKind = kind
        self.sender = sender
        self.at = Timestamp(milliseconds: at)
        self.origin = origin == WordReader.dash ? ByteBuffer() : origin
        guard let content = parts.readSlice(length: contentBytes),
            let metadata = parts.readSlice(length: metadataBytes),
            let clientMessageID = parts.readSlice(length: clientMessageIDBytes),
            let senderNote = parts.readSlice(length: noteBytes)
        else { return nil }
        self.content = content
        self.metadata = metadata
        self.clientMessageID = clientMessageID
        self.senderNote = senderNote
    }

    /// The end of a record: the four lengths, a line feed and the four parts. The script puts the rest before it.
    package static func recordTail(
        content: ByteBuffer,
        metadata: ByteBuffer?,
        clientMessageID: ByteBuffer?,
        senderNote: ByteBuffer?
    ) -> ByteBuffer {
        func length(_ part: ByteBuffer?) -> Int { part?.readableBytes ?? 0 }
        let lengths = (length(content), length(metadata), length(clientMessageID), length(senderNote))
        var tail = ByteBufferAllocator().buffer(
            capacity: 32 + lengths.0 + lengths.1 + lengths.2 + lengths.3
        )
        tail.writeString("\(lengths.0) \(lengths.1) \(lengths.2) \(lengths.3)\n")
        tail.writeImmutableBuffer(content)
        if let metadata { tail.writeImmutableBuffer(metadata) }
        if let clientMessageID { tail.writeImmutableBuffer(clientMessageID) }
        if let senderNote { tail.writeImmutableBuffer(senderNote) }
        return tail
    }

    /// Appends the guide's message object: `channel`, `conversationId`, `senderId`, `senderType`, `content`,
    /// `timestamp`, `id`, `seq`, and `metadata` and `clientMessageId` where there is one.
    ///
    /// Source: access guide, "Message Returned by the Server".
    package func writeJSON(into json: inout [UInt8]) {
        func text(_ string: String) { json.append(contentsOf: string.utf8) }
        text(#"{"channel":"\#(channel.rawValue)","conversationId":"\#(conversation)","senderId":"\#(sender)""#)
        text(#","senderType":"\#(senderKind.name)","content":"#)
        json.append(contentsOf: content.readableBytesView)
        text(#","timestamp":"\#(at.iso8601)","id":"\#(id)","seq":\#(seq)"#)
        if metadata.readableBytes > 0 {
            text(#","metadata":"#)
            json.append(contentsOf: metadata.readableBytesView)
        }
        if clientMessageID.readableBytes > 0 {
            text(#","clientMessageId":"#)
            json.append(contentsOf: clientMessageID.readableBytesView)
        }
        text("}")
    }
}
