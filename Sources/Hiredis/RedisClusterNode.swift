import NIOCore

/// One primary of a Redis Cluster, as one event loop sees it.
///
/// Owned by that event loop.
final class RedisClusterNode {
    let endpoint: RedisEndpoint
    let connection: RedisNodeConnection
    /// Whether the first attempt to connect has not ended yet. Until then commands wait; later, while there is no
    /// connection, they fail at once.
    fileprivate(set) var isOpening = true

    init(endpoint: RedisEndpoint, connection: RedisNodeConnection) {
        self.endpoint = endpoint
        self.connection = connection
    }

    /// - Returns: Whether this ends the first attempt.
    func note(_ change: RedisConnection.Change) -> Bool {
        defer { isOpening = false }
        return isOpening
    }
}

/// A command on its way through a ``RedisClusterRouter``.
struct RedisRoutedCommand {
    let command: RedisCommand
    let completion: RedisConnection.Completion
    /// Counts the commands of a router in the order in which they were sent.
    let number: UInt64
    /// Set when it has to wait: how long it may.
    var deadline: NIODeadline?
    /// Why it was given back last.
    var reason: RedisError?
    /// How often it was given back.
    var detours = 0
}

/// What waits for one slot, because the slot is on its way from one server to another.
struct RedisHeldSlot {
    var commands: [RedisRoutedCommand] = []
    /// Until when nothing is tried.
    var pause: Scheduled<Void>?
    /// Whether to try one command before all others: the last was told to wait.
    var mustProbe = false
}
