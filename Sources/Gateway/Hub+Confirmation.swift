import Messaging
import NIOCore

/// When clients are told their position, and when what they acknowledged is saved.
extension Hub {
    /// `connection` has something to tell its client about its position, or to save of it: at the end of this turn of
    /// the loop, or, while there is much of it, once per ``confirmationInterval``.
    func confirmSoon(_ connection: Connection) {
        guard !connection.isUnconfirmed else { return }
        connection.isUnconfirmed = true
        unconfirmed.append(connection)
        guard !isConfirming else { return }
        isConfirming = true
        let due = lastConfirmation + Self.confirmationInterval
        if due < .now() {
            eventLoop.execute { [self] in confirm() }
        } else {
            eventLoop.scheduleTask(deadline: due) { [self] in confirm() }
        }
    }

    private func confirm() {
        isConfirming = false
        lastConfirmation = .now()
        let connections = unconfirmed
        unconfirmed = []
        for connection in connections { connection.isUnconfirmed = false }
        for connection in connections { connection.confirm() }
        savePositions(of: connections)
    }

    /// One command for each reader and conversation, on however many connections it was read.
    private func savePositions(of connections: [Connection]) {
        var readers: [Position: [(connection: Connection, seq: Int)]] = [:]
        for connection in connections {
            connection.takeUnsaved { conversation, seq in
                let position = Position(reader: connection.principal.id, conversation: conversation)
                readers[position, default: []].append((connection, seq))
            }
        }
        for (position, places) in readers {
            guard let furthest = places.max(by: { $0.seq < $1.seq }) else { continue }
            let conversation = position.conversation
            log.moveCursor(of: furthest.connection.principal, in: conversation, to: furthest.seq, read: false) {
                result in
                guard case .success = result else { return }
                for (connection, seq) in places { connection.feeds[conversation]?.saved(seq) }
            }
        }
    }

    private struct Position: Hashable {
        let reader: UniqueID
        let conversation: UniqueID
    }
}
