package import NIOCore

/// How much a client may send on its WebSocket; 0: no limit.
package struct SendingRate: Sendable, Equatable {
    /// Text messages, pings and pongs.
    package var messagesPerSecond: Int
    /// Of the socket, so fragments and frames that are dropped count too.
    package var bytesPerSecond: Int

    package init(messagesPerSecond: Int, bytesPerSecond: Int) {
        self.messagesPerSecond = messagesPerSecond
        self.bytesPerSecond = bytesPerSecond
    }

    /// An agent answers many customers, and a bot all of them.
    package static let agentsFactor = 10

    package func times(_ factor: Int) -> SendingRate {
        SendingRate(messagesPerSecond: messagesPerSecond * factor, bytesPerSecond: bytesPerSecond * factor)
    }
}

/// What one client may send at this moment: two token buckets, which hold ``savedSeconds`` of the rate.
///
/// What was read is never refused: a bucket may go below zero, and then the socket is not read until it is back. So TCP slows
/// the client down, nothing is lost, and what waits is in the client's and the system's buffers. The buckets are filled when one
/// is empty only: as long as there is something in both, a read costs two subtractions and one comparison.
package struct Allowance: Sendable {
    package static let savedSeconds = 5.0

    private let rate: SendingRate
    private var messages: Double
    private var bytes: Double
    private var filled: NIODeadline

    package init(_ rate: SendingRate, at now: NIODeadline = .now()) {
        self.rate = rate
        messages = Self.capacity(rate.messagesPerSecond)
        bytes = Self.capacity(rate.bytesPerSecond)
        filled = now
    }

    private static func capacity(_ perSecond: Int) -> Double {
        perSecond > 0 ? Double(perSecond) * savedSeconds : .infinity
    }

    /// - Returns: Whether more may be read at once. If not, ``wait(at:)`` tells.
    package mutating func take(messages: Int, bytes: Int) -> Bool {
        self.messages -= Double(messages)
        self.bytes -= Double(bytes)
        return min(self.messages, self.bytes) >= 0
    }

    /// Fills the buckets with what came back since the last time.
    ///
    /// - Returns: How long until nothing is owed; `nil` when that is now.
    package mutating func wait(at now: NIODeadline) -> TimeAmount? {
        let seconds = Double((now - filled).nanoseconds) / 1e9
        filled = now
        messages = min(Self.capacity(rate.messagesPerSecond), messages + seconds * Double(rate.messagesPerSecond))
        bytes = min(Self.capacity(rate.bytesPerSecond), bytes + seconds * Double(rate.bytesPerSecond))
        let wait = max(
            messages < 0 ? -messages / Double(rate.messagesPerSecond) : 0,
            bytes < 0 ? -bytes / Double(rate.bytesPerSecond) : 0
        )
        return wait > 0 ? .nanoseconds(Int64((wait * 1e9).rounded(.up))) : nil
    }
}
