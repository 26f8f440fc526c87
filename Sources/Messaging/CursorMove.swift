import Hiredis

/// How far a reader has come in a conversation.
package struct CursorMove: Sendable {
    package struct Cursor: Hashable, Sendable {
        package let reader: UniqueID
        package let isAgents: Bool
        package let conversation: UniqueID
        /// What the reader has is of this generation: of another one its seq says nothing. 0 if that is not known.
        package let generation: Int

        package init(reader: Principal, conversation: UniqueID, generation: Int) {
            self.reader = reader.id
            isAgents = reader.isAgent
            self.conversation = conversation
            self.generation = generation
        }
    }

    package let cursor: Cursor
    package let seq: Int
    /// Whether the reader has read it, and not only got it.
    package let read: Bool

    package init(cursor: Cursor, seq: Int, read: Bool) {
        self.cursor = cursor
        self.seq = seq
        self.read = read
    }

    /// So many keep Redis from everybody else for about half a millisecond.
    static let maxOfCommand = 64

    /// `move_cursors.lua`; on a Redis Cluster all must be of one partition.
    static func command(_ moves: [CursorMove]) -> RedisCommand {
        var command = RedisCommand(
            evaluating: Scripts.moveCursors,
            keys: moves.map { Keyspace.prefix($0.cursor.conversation.partition) }
        )
        for move in moves {
            command.append(move.cursor.reader.description)
            command.append(move.cursor.isAgents ? "a" : "c")
            command.append(move.cursor.conversation.description)
            command.append(move.cursor.generation)
            command.append(move.seq)
            command.append(move.read ? "r" : "d")
        }
        return command
    }
}
