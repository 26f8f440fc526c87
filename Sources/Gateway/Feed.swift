package import Messaging

/// Where one connection stands in one conversation, and what has to happen so that it gets every message once, in order.
///
/// A plain state machine: the log is the truth, publications are only the fast path. While it is `live`, the message
/// after the last delivered one is written as it arrives. Anything else makes it read the log: from the position it has,
/// in pages, until it has seen the newest message known.
package struct Feed {
    package enum State: Equatable {
        /// Publications are written as they come.
        case live
        /// A page of the log was asked for.
        case reading
        /// There is more in the log than was delivered; to be read when the socket can take it.
        case behind
    }

    /// What to do with a message that arrived.
    package enum Action: Equatable {
        case nothing
        /// Write it. Then ``next()`` may have more.
        case deliver
        /// Read the log after ``delivered``.
        case read
    }

    package private(set) var state = State.live
    /// 0 until the first page told it.
    package private(set) var generation: Int
    /// All messages up to this one were written to the connection, or came from it.
    package private(set) var delivered: Int
    /// All messages up to this one were acknowledged by the client, or came from it.
    package private(set) var acknowledged: Int
    /// What the cursor in Redis is known to be.
    package private(set) var persisted: Int
    /// The newest message known to be in the log.
    private var newest: Int
    /// A message of another generation arrived while a page was under way: what follows the page has to be read.
    private var isStale = false
    /// Where the client said it stands while a page was under way.
    private var rewindTo: Int?
    /// This connection's own messages past `delivered`, ascending: one before them has not arrived yet.
    private var own: [Int] = []
    /// Messages of others past `delivered`, ascending: an own one before them is stored, its reply under way.
    private var ahead: [EncodedMessage] = []
    /// The generations before, and which of each one's messages was the last that the next one had; the latest at the end.
    private var ancestors: [(generation: Int, last: Int)] = []
    /// The reader's number of the page that was asked for last, and whether it is waiting to ask for one.
    package var page = 0
    package var isQueued = false
    /// It is somebody else's conversation now; only the position is kept, for the case that it comes back.
    package private(set) var isParked = false

    /// More than this many messages that wait for an own reply are read from the log instead.
    package static let maxAhead = 256
    /// Older generations are forgotten.
    private static let maxAncestors = 4

    package init(generation: Int, base: Int, newest: Int) {
        self.generation = generation
        delivered = base
        acknowledged = base
        persisted = base
        self.newest = newest
        if newest > base { state = .behind }
    }

    /// Of a conversation whose position only the log's first page tells.
    package static var unknown: Feed {
        var feed = Feed(generation: 0, base: 0, newest: 0)
        feed.state = .behind
        return feed
    }

    /// Whether messages past `delivered` are known that neither arrived nor are being read. If it lasts, a publication
    /// was lost.
    package var hasGap: Bool { state == .live && newest > delivered }

    /// A publication arrived.
    ///
    /// - Parameter appendsInFlight: whether this connection waits for the reply to a message of its own. Replies and
    ///   publications come on two Redis connections, so an own message may be stored, and answered, before its reply.
    package mutating func arrived(_ item: EncodedMessage, isOwn: Bool, appendsInFlight: Bool) -> Action {
        let message = item.message
        if message.generation != generation, generation != 0 {
            isStale = true
            return state == .live ? .read : .nothing
        }
        newest = max(newest, message.seq)
        guard state == .live else { return .nothing }
        if message.seq <= delivered { return .nothing }
        if message.seq == delivered + 1 {
            advance(to: message.seq, isOwn: isOwn)
            return isOwn ? .nothing : .deliver
        }
        guard appendsInFlight, ahead.count < Self.maxAhead else { return .read }
        let index = ahead.lastIndex { $0.message.seq < message.seq }.map { $0 + 1 } ?? 0
        if isOwn {
            own.append(message.seq)
        } else {
            ahead.insert(item, at: index)
        }
        return .nothing
    }

    /// There is, or may be, more in the log than was delivered, and it can't be delivered now.
    package mutating func fallBehind() {
        // A page that is under way may have been read before whatever is the reason.
        if state == .reading { isStale = true }
        guard state == .live else { return }
        state = .behind
        own = []
        ahead = []
    }

    /// A message of this connection was stored.
    package mutating func stored(_ seq: Int, generation: Int) -> Action {
        if generation != self.generation, self.generation != 0 {
            isStale = true
            return state == .live ? .read : .nothing
        }
        newest = max(newest, seq)
        guard state == .live else { return .nothing }
        if seq == delivered + 1 {
            advance(to: seq, isOwn: true)
        } else if seq > delivered {
            own.append(seq)
        }
        return .nothing
    }

    /// Delivers nothing more, whatever is known or under way.
    package mutating func park() {
        isParked = true
        state = .live
        newest = delivered
        isStale = false
        rewindTo = nil
        own = []
        ahead = []
        page = 0
    }

    /// What comes up to `seq` need not be shown any more; what comes after it is this connection's to have.
    package mutating func skip(to seq: Int) {
        isParked = false
        if seq > delivered { advance(to: seq, isOwn: true) }
    }

    /// The next message that waited for what was just delivered or stored.
    package mutating func next() -> EncodedMessage? {
        while let first = ahead.first, first.message.seq <= delivered { ahead.removeFirst() }
        guard state == .live, let first = ahead.first, first.message.seq == delivered + 1 else { return nil }
        ahead.removeFirst()
        advance(to: first.message.seq, isOwn: false)
        return first
    }

    private mutating func advance(to seq: Int, isOwn: Bool) {
        if isOwn, acknowledged == delivered { acknowledged = seq }
        delivered = seq
        while let first = own.first, first <= delivered + 1 {
            own.removeFirst()
            if first == delivered + 1 {
                if acknowledged == delivered { acknowledged = first }
                delivered = first
            }
        }
    }

    /// Begins to read the log.
    /// - Returns: After which seq; `nil` if a page is under way already.
    package mutating func beginReading() -> Int? {
        guard state != .reading else { return nil }
        state = .reading
        isStale = false
        own = []
        ahead = []
        return delivered
    }

    /// Reading failed; it is to be tried again.
    package mutating func readingFailed() {
        if state == .reading { state = .behind }
    }

    /// What a page of the log means.
    package enum PageOutcome: Equatable {
        /// The client holds messages that did not survive; the log is read anew from the last that did.
        case rewound(to: Int)
        /// The log no longer holds the messages after `delivered`, up to before the first of the page.
        case hole(from: Int)
        /// What was asked for meant nothing to the log, and is asked for again in another way: none of the page is to be taken.
        case unfit
        case contiguous
    }

    /// Takes a page: after it, ``take(_:isOwn:)`` each of its messages, then ``finishPage()``.
    package mutating func received(_ page: LogPage) -> PageOutcome {
        if generation == 0 {
            delivered = page.base
            acknowledged = page.base
            persisted = page.base
            generation = page.generation
        } else if page.generation != generation {
            // A generation that the log has never had was that of a server which took messages and lost them, such as one of
            // two that were primaries for a moment: the position is good as far as the generation before it goes.
            if !page.knowsGeneration, let parent = ancestors.popLast() {
                generation = parent.generation
                isStale = true
                return takeBack(to: parent.last) ? .rewound(to: delivered) : .unfit
            }
            ancestors.append((generation, page.survived))
            if ancestors.count > Self.maxAncestors { ancestors.removeFirst() }
            generation = page.generation
            newest = page.lastSeq
            if takeBack(to: page.survived) {
                isStale = true
                return .rewound(to: delivered)
            }
        }
        newest = max(newest, page.lastSeq)
        let first = page.messages.first?.seq ?? page.lastSeq + 1
        if first > delivered + 1 {
            delivered = first - 1
            return .hole(from: first)
        }
        return .contiguous
    }

    private mutating func takeBack(to seq: Int) -> Bool {
        guard delivered > seq else { return false }
        delivered = seq
        acknowledged = min(acknowledged, seq)
        persisted = min(persisted, seq)
        return true
    }

    /// Whether this message of a page is to be written; moves the position past it.
    ///
    /// None is if the client has said meanwhile where it stands: it may have been told to expect another one next (`reset`).
    package mutating func take(_ message: Message, isOwn: Bool) -> Bool {
        guard message.seq == delivered + 1, rewindTo == nil else { return false }
        advance(to: message.seq, isOwn: isOwn)
        return !isOwn
    }

    /// A page is done: live if it held the newest message, else there is more to read.
    package mutating func finishPage() {
        guard state == .reading else { return }
        if let seq = rewindTo {
            rewindTo = nil
            state = .behind
            return rewind(to: seq)
        }
        state = delivered >= newest && !isStale ? .live : .behind
    }

    /// The client acknowledged.
    /// - Returns: Whether the position moved. A position of another generation, or past what was delivered, moves nothing.
    package mutating func acknowledge(_ seq: Int, generation: Int) -> Bool {
        guard generation == self.generation, seq > acknowledged, seq <= delivered else { return false }
        acknowledged = seq
        return true
    }

    /// The cursor in Redis moved.
    package mutating func saved(_ seq: Int, generation: Int) {
        if generation == self.generation { persisted = max(persisted, seq) }
    }

    /// The client says where it stands: delivery goes on from there, once a page that is under way is done.
    package mutating func rewind(to seq: Int) {
        if state == .reading {
            rewindTo = seq
            return
        }
        delivered = seq
        acknowledged = min(acknowledged, seq)
        own = []
        ahead = []
        state = .behind
    }
}
