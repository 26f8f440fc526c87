import Messaging
import NIOCore

/// When clients are told their position, and when what they acknowledged is saved.
///
/// A connection's first turn comes at the end of the loop's turn, in one write with what was delivered; the next ones
/// ``Hub/confirmationInterval`` later, each connection at a time of its own: all at once would keep every message waiting that
/// comes meanwhile.
extension Hub {
    /// `connection` has something to tell its client about its position, or to save of it.
    func confirmSoon(_ connection: Connection) {
        guard !connection.isUnconfirmed else { return }
        connection.isUnconfirmed = true
        let now = NIODeadline.now()
        let due = connection.confirmedAt + Self.confirmationInterval
        if due <= now {
            unconfirmed.append(connection)
            scheduleEndOfTurn()
        } else {
            confirmations.append(connection, due: due, at: now)
            scheduleConfirmations(now)
        }
    }

    private func scheduleConfirmations(_ now: NIODeadline) {
        guard !areConfirmationsScheduled, !confirmations.isEmpty else { return }
        areConfirmationsScheduled = true
        eventLoop.scheduleTask(deadline: now + confirmations.slot) { [self] in
            areConfirmationsScheduled = false
            let now = NIODeadline.now()
            confirm(confirmations.take(until: now))
            scheduleConfirmations(now)
        }
    }

    /// Whose turn it is at the end of a turn of the loop.
    func confirmUnconfirmed() {
        guard !unconfirmed.isEmpty else { return }
        let connections = unconfirmed
        unconfirmed = []
        confirm(connections)
    }

    private func confirm(_ connections: [Connection]) {
        let now = NIODeadline.now()
        for connection in connections {
            connection.isUnconfirmed = false
            connection.confirmedAt = now
        }
        for connection in connections { connection.confirm() }
        savePositions(of: connections)
    }

    /// Each reader's furthest position in a conversation, on however many connections it was read; all in one command.
    private func savePositions(of connections: [Connection]) {
        var readers: [CursorMove.Cursor: [(connection: Connection, seq: Int)]] = [:]
        for connection in connections {
            connection.takeUnsaved { conversation, generation, seq in
                let cursor = CursorMove.Cursor(
                    reader: connection.principal,
                    conversation: conversation,
                    generation: generation
                )
                readers[cursor, default: []].append((connection, seq))
            }
        }
        guard !readers.isEmpty else { return }
        let moves = readers.map { cursor, places in
            CursorMove(cursor: cursor, seq: places.reduce(0) { max($0, $1.seq) }, read: false)
        }
        log.moveCursors(moves) { moved in
            for move in moved {
                for (connection, seq) in readers[move.cursor] ?? [] {
                    connection.feeds[move.cursor.conversation]?.saved(seq, generation: move.cursor.generation)
                }
            }
        }
    }
}
