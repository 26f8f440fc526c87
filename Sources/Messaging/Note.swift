package import NIOCore

/// What an agent wrote about a conversation for other agents. The customer never sees it.
package struct Note: Sendable, Equatable {
    package let id: UniqueID
    package let conversation: UniqueID
    /// The conversation's last message when the note was made.
    package let afterSeq: Int
    package let sender: UniqueID
    /// As it was then; a JSON string literal, quotes included.
    package let senderName: ByteBuffer
    /// A JSON string literal, quotes included.
    package let content: ByteBuffer
    package let at: Timestamp

    /// 1 to so many Unicode scalars.
    package static let maxCharacters = 4000
    /// How many a conversation may have; one more is refused.
    package static let maxNotes = 500

    /// Reads a record: `ID SENDER AT AFTERSEQ LENGTH`, a line feed, then the sender's name of LENGTH bytes and the content.
    ///
    /// - Returns: `nil` for bytes of another shape.
    package init?(record: ByteBuffer, conversation: UniqueID) {
        var words = WordReader(record)
        guard let id = words.nextID(), let sender = words.nextID(), let at = words.nextInt(),
            let afterSeq = words.nextInt(), let length = words.nextInt(), var rest = words.rest(afterLineFeed: true),
            length >= 0, let name = rest.readSlice(length: length)
        else { return nil }
        self.id = id
        self.conversation = conversation
        self.afterSeq = afterSeq
        self.sender = sender
        senderName = name
        content = rest
        self.at = Timestamp(milliseconds: at)
    }

    /// Appends `{"id","conversationId","afterSeq","senderId","senderName","content","timestamp"}`; with `type`, that field
    /// comes first.
    package func writeJSON(type: String? = nil, into json: inout ByteBuffer) {
        json.writeString("{")
        if let type { json.writeString(#""type":"\#(type)","#) }
        json.writeString(#""id":"\#(id)","conversationId":"\#(conversation)","afterSeq":\#(afterSeq)"#)
        json.writeString(#","senderId":"\#(sender)","senderName":"#)
        json.writeImmutableBuffer(senderName)
        json.writeString(#","content":"#)
        json.writeImmutableBuffer(content)
        json.writeString(#","timestamp":"\#(at.iso8601)"}"#)
    }
}
