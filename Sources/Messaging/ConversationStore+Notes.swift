import Hiredis
import NIOCore

/// Notes: what agents write about a conversation for each other.
extension ConversationStore {
    /// Adds a note and tells all connected agents of the full dialect.
    ///
    /// - Parameters:
    ///   - content: 1 to ``Note/maxCharacters``.
    ///   - name: the agent's, as others see it.
    /// - Throws: ``MessagingError`` `.notFound`, `.limitReached` at ``Note/maxNotes``, `.storeUnavailable`: the note may
    ///   have been added.
    package func addNote(
        _ content: String,
        to conversation: UniqueID,
        by agent: UniqueID,
        name: String
    ) async throws(MessagingError) -> Note {
        var command = RedisCommand(evaluating: Scripts.addNote, keys: [Keyspace.prefix(conversation.partition)])
        command.append(conversation.description)
        command.append(UniqueID(in: conversation.partition).description)
        command.append(agent.description)
        command.append(Timestamp.now.milliseconds)
        command.append(JSONText.literal(name))
        command.append(JSONText.literal(content))
        command.append(Note.maxNotes)
        let reply = try await redis.answer(to: command)
        if let words = reply.array {
            switch words.last?.string {
            case "not_found": throw .noConversation(conversation)
            case "notes_full":
                throw MessagingError(
                    .limitReached,
                    "This conversation has \(Note.maxNotes) notes already, which is the limit."
                )
            default: throw .unexpectedReply(to: Scripts.addNote.name)
            }
        }
        guard let note = Self.note(reply, of: conversation) else {
            throw .unexpectedReply(to: Scripts.addNote.name)
        }
        return note
    }

    /// All notes of a conversation, oldest first.
    ///
    /// - Throws: ``MessagingError`` `.notFound`, `.storeUnavailable`.
    package func notes(of conversation: UniqueID) async throws(MessagingError) -> [Note] {
        let replies = try await redis.answers(to: [
            RedisCommand("EXISTS", Keyspace.conversation(conversation)),
            RedisCommand("LRANGE", Keyspace.notes(conversation), "0", "-1"),
        ])
        guard replies[0].int == 1 else { throw .noConversation(conversation) }
        return (replies[1].array ?? []).compactMap { Self.note($0, of: conversation) }
    }

    private static func note(_ record: RedisReply, of conversation: UniqueID) -> Note? {
        record.bytes.flatMap { Note(record: ByteBuffer(bytes: $0), conversation: conversation) }
    }
}
