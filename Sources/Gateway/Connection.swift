import Messaging
import NIOCore

/// One client's WebSocket, from upgrade to close: who it is, where it stands in its conversations, what it gets.
///
/// Owner: its event loop. What the client asks for is in `MessageHandler.swift`.
// @unchecked, guarded by the hub's event loop: all mutable state is read and written there only.
final class Connection: WebSocketDelegate, @unchecked Sendable {
    let hub: Hub
    let number: Int
    let token: AuthenticatedToken
    let dialect: Dialect
    let begin = Timestamp.now
    /// ``sender``: of an agent from the beginning, of a customer once it has sent something, as many never do.
    private var firstSender: MessageSender?

    var socket: WebSocketHandler?
    var feeds: [UniqueID: Feed] = [:]
    /// Conversations in which something arrived before this connection knew where it stands.
    var early: Set<UniqueID> = []
    /// What happened since it was asked where it stands, which is told behind `welcome`.
    private var afterWelcome: [ByteBuffer] = []
    var isRegistered = false
    /// The partitions, as the bits of their numbers, in which has to be written (again) that this connection is here; and
    /// those in which that failed.
    private var unregistered: UInt64 = 0
    private var failed: UInt64 = 0
    /// Partitions whose answer to the registration is awaited, and the rows so far.
    private var registering = 0
    private var rows: [ConversationPosition] = []
    /// Pages of the log that are under way, and those asked for so far.
    var pagesInFlight = 0
    var lastPage = 0
    /// Conversations to be read as soon as fewer pages are under way, in order; `nil` while there are none.
    var toRead: CircularBuffer<UniqueID>?
    /// Messages of this client whose storing is under way.
    var appendsInFlight = 0
    /// What the client asked for and is under way, in the weights of ``Weight``.
    private var load = 0
    /// Frames that were read but have to wait: at most what one read of the socket held.
    private var waiting: [ByteBuffer] = []
    private var isTaking = false
    /// Whether this connection is among those that wait for ``Hub/hasRoom``.
    var isAwaitingRoom = false
    /// Conversations whose position the client is to be pinged with.
    var unconfirmed: Set<UniqueID> = []
    /// Conversations whose acknowledged position is not in Redis yet.
    var unsaved: Set<UniqueID> = []
    /// Whether the hub knows that it has one of both.
    var isUnconfirmed = false
    /// When the hub last saw to it.
    var confirmedAt = NIODeadline.uptimeNanoseconds(0)
    /// The second since 1970 in whose sweep the token ends.
    var expirySecond = 0
    /// Since when something waits that the socket can't take.
    private var blockedSince: NIODeadline?
    /// Whether it is timed how long that lasts.
    private var isTimed = false
    /// Requests whose answers found no room, to be made again.
    private var postponed: [() -> Void] = []
    /// Whether anything came from the client since the last heartbeat.
    private var wasHeard = true
    var isClosing = false

    /// What a request counts while it is under way.
    enum Weight: Int {
        case message = 1
        /// Its answer may be as large as a page of the log.
        case page = 32
    }

    /// Past this load, or while the client does not read, nothing more is taken from it.
    static let maxLoad = 128
    /// Pages of the log under way at once: somebody who connects may be behind in thousands of conversations.
    static let maxPagesInFlight = 16
    /// Conversations that `welcome` tells of; a listing by REST has all.
    static let maxWelcomed = 200
    /// Frames that wait for `welcome`; of more, the newest.
    private static let maxAfterWelcome = 1024
    /// Messages asked of the log at once.
    static let pageSize = 64
    /// Bytes that wait for a client that does not read; past it, the connection is closed with 4008. Messages stop at the
    /// socket's high-water mark (128 KiB) and a page, or one message; the rest is for frames that are in no log.
    private var maxBufferedBytes: Int { max(256 * 1024, 192 * 1024 + hub.configuration.maxMessageBytes) }
    /// Conversations that one connection follows. Past it, those that are quiet are forgotten and found again with their
    /// next message; if none is, the connection is closed with 4008.
    static let maxFeeds = 10_000

    init(hub: Hub, number: Int, token: AuthenticatedToken, address: NetworkAddress, dialect: Dialect) {
        self.hub = hub
        self.number = number
        self.token = token
        self.dialect = dialect
        // Here the address is at hand.
        if principal.isAgent { firstSender = hub.log.sender(principal, origin: origin, address: address) }
    }

    var principal: Principal { token.principal }

    /// `MAILBOX:NUMBER`: what this connection's messages bear as their origin.
    var origin: String { "\(hub.mailbox):\(String(number, radix: 36))" }

    /// What all messages of this connection have in common.
    var sender: MessageSender {
        if let firstSender { return firstSender }
        let sender = hub.log.sender(principal, origin: origin)
        firstSender = sender
        return sender
    }

    /// Whether this connection sent a message.
    func sent(_ message: Message) -> Bool { message.origin == firstSender?.originInLog }

    /// Where it is written that this connection is here.
    var partitions: [Partition] { principal.isAgent ? Partition.all : [principal.id.partition] }

    // MARK: The socket

    func connected(_ socket: WebSocketHandler) {
        self.socket = socket
        hub.add(self)
        register()
        // A revocation or a new role since the handshake was not published here: nobody knew of this connection.
        hub.closeEnded(of: [self])
    }

    func received(text: ByteBuffer) {
        wasHeard = true
        guard !isClosing else { return }
        if mayHandle, waiting.isEmpty {
            handle(text)
        } else {
            waiting.append(text)
        }
        if !mayHandle {
            socket?.pauseReading()
            if !hub.hasRoom { hub.awaitRoom(self) }
        }
    }

    private var mayHandle: Bool { load < Self.maxLoad && hub.hasRoom && socket?.isWritable == true }

    /// A request of this client begins.
    func began(_ weight: Weight) {
        load += weight.rawValue
        hub.began()
    }

    /// A request of this client is answered: the next may be taken.
    func finished(_ weight: Weight) {
        load -= weight.rawValue
        takeMore()
        hub.finished()
    }

    /// Takes what waits, as far as there is room for it.
    func takeMore() {
        // Requests that are refused at once finish inside `handle`.
        guard socket != nil, !isClosing, !isTaking else { return }
        isTaking = true
        while let text = waiting.first, mayHandle, !isClosing {
            waiting.removeFirst()
            handle(text)
        }
        isTaking = false
        if waiting.isEmpty, mayHandle {
            socket?.resumeReading()
        } else if !hub.hasRoom {
            hub.awaitRoom(self)
        }
    }

    /// Guide dialect: the pong to a ping with a position is the acknowledgement of it.
    func receivedPong(_ payload: ByteBuffer) {
        wasHeard = true
        var words = WordReader(payload)
        guard let conversation = words.nextID(), let generation = words.nextInt(), let seq = words.nextInt() else {
            return
        }
        acknowledge(conversation, seq: seq, generation: generation)
    }

    func readCompleted() {}

    func willEndTurn(_ socket: WebSocketHandler) { hub.endTurn(of: socket) }

    func writabilityChanged(isWritable: Bool) {
        guard isWritable else {
            socket?.pauseReading()
            return waitForSocket()
        }
        blockedSince = nil
        let again = postponed
        postponed = []
        for request in again { request() }
        takeMore()
        for (conversation, feed) in feeds where feed.state == .behind { read(conversation) }
    }

    func disconnected() {
        guard socket != nil else { return }
        // What the client said before it closed is stored, although nobody is there to take the answer. Where we have
        // closed for a reason of ours, `isClosing` was set before, and it is not.
        let unhandled = isClosing ? [] : waiting
        waiting = []
        socket = nil
        postponed = []
        isClosing = true
        for text in unhandled { handle(text) }
        let unsaved = feeds.filter { $0.value.acknowledged > $0.value.persisted }
        hub.log.moveCursors(
            unsaved.map { conversation, feed in
                let cursor = CursorMove.Cursor(
                    reader: principal,
                    conversation: conversation,
                    generation: feed.generation
                )
                return CursorMove(cursor: cursor, seq: feed.acknowledged, read: false)
            }
        ) { _ in }
        feeds = [:]
        hub.remove(self)
    }

    /// Sends a text; the client is too slow if it finds no room.
    func send(_ text: consuming ByteBuffer) {
        guard hasRoom(for: text.readableBytes) else { return close(.tooSlow) }
        socket?.send(text: text)
    }

    /// The same for a frame that others get too.
    func send(frame: ByteBuffer) {
        guard hasRoom(for: frame.readableBytes) else { return close(.tooSlow) }
        socket?.send(frame: frame)
    }

    private func hasRoom(for bytes: Int) -> Bool {
        guard let socket, !socket.isWritable else { return true }
        return socket.bufferedBytes + bytes <= maxBufferedBytes || hub.configuration.lacks(.slowReader)
    }

    /// Sends what happened to others; `welcome` comes first.
    func tell(_ frame: ByteBuffer) {
        guard !isRegistered else { return send(frame) }
        // Whoever misses what happened before that many others sees it in `welcome`, or with the next change.
        if afterWelcome.count == Self.maxAfterWelcome { afterWelcome.removeFirst() }
        afterWelcome.append(frame)
    }

    /// Writes what is worth nothing later: a client that does not read at the moment is not told.
    func sendIfWritable(_ frame: ByteBuffer) {
        if socket?.isWritable == true { socket?.send(text: frame) }
    }

    /// Something has to wait until the client has read. If that takes too long, the connection is closed.
    func waitForSocket() {
        guard blockedSince == nil else { return }
        blockedSince = .now()
        if !isTimed { timeBlockage(since: .now()) }
    }

    private func timeBlockage(since begin: NIODeadline) {
        isTimed = true
        let limit = TimeAmount.seconds(Int64(hub.configuration.slowReaderSeconds))
        hub.eventLoop.assumeIsolated().scheduleTask(deadline: begin + limit) { [weak self] in
            guard let self else { return }
            isTimed = false
            // It may have read meanwhile, and stopped again.
            guard socket != nil, !isClosing, let since = blockedSince else { return }
            guard !hub.configuration.lacks(.slowReader) else { return }
            if since + limit <= .now() { close(.tooSlow) } else { timeBlockage(since: since) }
        }
    }

    /// Makes a request once more when the client has read: its answer found no room.
    func postpone(_ request: @escaping () -> Void) {
        postponed.append(request)
        waitForSocket()
    }

    func close(_ code: CloseCode, reason: String? = nil) {
        guard !isClosing else { return }
        isClosing = true
        socket?.close(code, reason: reason)
    }

    /// Sends the client away. What it sent before it knows is still stored.
    func drain(retryAfterMilliseconds: Int) {
        guard !isClosing else { return }
        if dialect == .full { send(ServerMessage.goingAway(retryAfterMilliseconds: retryAfterMilliseconds)) }
        if hub.configuration.lacks(.drain) { return close(.draining) }
        socket?.closeAfterReading(.draining)
    }

    /// Called once per heartbeat period.
    func heartbeat() {
        if socket?.hasOldFragments() == true {
            close(.policyViolation, reason: "the message was not finished within a heartbeat's time")
        } else if wasHeard {
            wasHeard = false
            socket?.sendPing(ByteBuffer(string: "heartbeat"))
        } else {
            // Two periods of silence: nobody is there to read a close frame's reason, but it frees the socket.
            close(.normal, reason: "no answer to the heartbeat")
        }
    }

    // MARK: Where it stands

    /// Writes that this connection is here, and asks where its conversations stand. Again after publications were lost.
    /// Partitions that can't be reached do not hold up the others: they follow when they can.
    ///
    /// - Parameter partition: `nil`: all.
    func register(_ partition: Partition? = nil) {
        guard socket != nil else { return }
        for partition in partition.map({ [$0] }) ?? partitions { unregistered |= partition.bit }
        registerAgain()
    }

    /// Registers where it has to be; later, if it is under way.
    func registerAgain() {
        guard registering == 0, unregistered != 0 else { return }
        let due = partitions.filter { unregistered & $0.bit != 0 }
        unregistered = 0
        failed = 0
        rows = []
        registering = due.count
        // The answer will have it.
        if !isRegistered { afterWelcome = [] }
        // Only `welcome` tells them.
        let details = dialect == .full && !isRegistered
        hub.register(self, in: due, details: details) { [self] partition, result in
            guard socket != nil else { return }
            registering -= 1
            switch result {
            case .success(let some): rows += some
            case .failure: failed |= partition.bit
            }
            if registering == 0 { registered(of: due.count) }
        }
    }

    private func registered(of count: Int) {
        let failed = failed
        let rows = rows
        self.rows = []
        // What was asked for meanwhile is due now; what failed has to wait.
        defer {
            registerAgain()
            if failed != 0 {
                unregistered |= failed
                hub.lookAfter(self)
            }
        }
        guard failed.nonzeroBitCount < count else { return }
        if !isRegistered {
            isRegistered = true
            if dialect == .full { sendWelcome(rows) }
            for frame in afterWelcome { send(frame) }
            afterWelcome = []
        }
        for row in rows {
            if var feed = feeds[row.conversation] {
                guard feed.generation != row.generation || row.lastSeq > feed.delivered else { continue }
                feed.fallBehind()
                feeds[row.conversation] = feed
            } else {
                // Whatever finds no room is shown with its next message; a connection that closed would find it full again.
                guard feeds.count < Self.maxFeeds else { continue }
                follow(row.conversation, Feed(generation: row.generation, base: row.base, newest: row.lastSeq))
                guard row.lastSeq > row.base else { continue }
            }
            read(row.conversation)
        }
        for conversation in early {
            if feeds[conversation] == nil { follow(conversation, .unknown) }
            feeds[conversation]?.fallBehind()
            read(conversation)
        }
        early = []
    }

    private func sendWelcome(_ rows: [ConversationPosition]) {
        socket?.send(
            text: ServerMessage.welcome(
                connectionID: origin,
                principal: principal,
                expiresAt: token.expiresAt,
                heartbeatSeconds: hub.configuration.heartbeatSeconds,
                // An agent's own ones first, then those of which most is known.
                conversations: rows.sorted { rank($0) < rank($1) }.prefix(Self.maxWelcomed).map {
                    .init(
                        id: $0.conversation,
                        state: $0.state.rawValue,
                        assignee: $0.assignee,
                        generation: $0.generation,
                        seq: $0.lastSeq,
                        cursor: $0.base,
                        unread: $0.unread,
                        details: $0.details
                    )
                }
            )
        )
    }

    private func rank(_ row: ConversationPosition) -> Int {
        row.state == .assigned ? 0 : row.details != nil ? 1 : 2
    }
}

extension Partition {
    fileprivate var bit: UInt64 { 1 << UInt64(number) }
}
