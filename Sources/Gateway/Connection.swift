import Messaging
import NIOCore

/// One client's WebSocket, from upgrade to close: who it is, where it stands in its conversations, what it gets.
///
/// Owner: its event loop. What the client asks for is in `MessageHandler.swift`.
// @unchecked: all mutable state is read and written on the hub's event loop only.
final class Connection: WebSocketDelegate, @unchecked Sendable {
    let hub: Hub
    let number: Int
    let token: AuthenticatedToken
    let dialect: Dialect
    /// `MAILBOX:NUMBER`: what this connection's messages bear as their origin.
    let origin: String
    private let originBytes: ByteBuffer

    private(set) var socket: WebSocketHandler?
    private(set) var feeds: [UniqueID: Feed] = [:]
    /// Conversations in which something arrived before this connection knew where it stands.
    private var early: Set<UniqueID> = []
    private(set) var isRegistered = false
    /// Partitions whose answer to the registration is awaited, and the rows so far.
    private var registering = 0
    private var rows: [ConversationPosition] = []
    private var needsRegistration = false
    /// Messages of this client whose storing is under way.
    var appendsInFlight = 0
    /// Conversations whose position the client is to be pinged with.
    private var unconfirmed: Set<UniqueID> = []
    /// Conversations whose acknowledged position is not in Redis yet.
    private var unsaved: Set<UniqueID> = []
    /// Since when something waits that the socket can't take.
    private(set) var blockedSince: NIODeadline?
    /// Whether anything came from the client since the last heartbeat.
    private var wasHeard = true
    private(set) var isClosing = false

    /// Past this many messages under way, reading from the client pauses until half are done.
    static let maxAppendsInFlight = 128
    /// Messages asked of the log at once.
    static let pageSize = 64
    /// Conversations that one connection follows. Past it, the ones that are quiet are forgotten and found again with
    /// their next message.
    static let maxFeeds = 10_000

    init(hub: Hub, number: Int, token: AuthenticatedToken, dialect: Dialect) {
        self.hub = hub
        self.number = number
        self.token = token
        self.dialect = dialect
        origin = "\(hub.mailbox):\(number)"
        originBytes = ByteBuffer(string: origin)
    }

    var principal: Principal { token.principal }

    // MARK: The socket

    func connected(_ socket: WebSocketHandler) {
        self.socket = socket
        hub.add(self)
        register()
    }

    func received(text: ByteBuffer) {
        wasHeard = true
        guard !isClosing else { return }
        handle(text)
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

    func writabilityChanged(isWritable: Bool) {
        guard isWritable else { return }
        blockedSince = nil
        for (conversation, feed) in feeds where feed.state == .behind { read(conversation) }
    }

    func disconnected() {
        guard socket != nil else { return }
        socket = nil
        isClosing = true
        for (conversation, feed) in feeds where feed.acknowledged > feed.persisted {
            hub.log.moveCursor(of: principal, in: conversation, to: feed.acknowledged, read: false) { _ in }
        }
        feeds = [:]
        hub.remove(self)
    }

    func send(_ frame: ByteBuffer) { socket?.send(text: frame) }

    func close(_ code: CloseCode, reason: String? = nil) {
        guard !isClosing else { return }
        isClosing = true
        socket?.close(code, reason: reason)
    }

    /// Takes nothing new, lets what is under way finish, then closes.
    func drain(retryAfterMilliseconds: Int) {
        guard !isClosing else { return }
        isDraining = true
        socket?.pauseReading()
        if dialect == .full {
            socket?.send(text: ServerMessage.goingAway(retryAfterMilliseconds: retryAfterMilliseconds))
        }
        closeIfDrained()
    }

    private var isDraining = false

    private func closeIfDrained() {
        guard isDraining, appendsInFlight == 0 else { return }
        socket?.resumeReading()
        close(.draining)
    }

    func appendFinished() {
        appendsInFlight -= 1
        if isDraining {
            closeIfDrained()
        } else if appendsInFlight == Self.maxAppendsInFlight / 2 {
            socket?.resumeReading()
        }
    }

    /// Called once per heartbeat period.
    /// - Returns: Whether the client was heard, or is given one more period to answer the ping.
    func heartbeat() {
        if wasHeard {
            wasHeard = false
            socket?.sendPing(ByteBuffer(string: "heartbeat"))
        } else {
            // Two periods of silence: nobody is there to read a close frame's reason, but it frees the socket.
            close(.normal, reason: "no answer to the heartbeat")
        }
    }

    // MARK: Where it stands

    /// Writes that this connection is here, and asks where its conversations stand. Again after publications were lost.
    func register(_ partition: Partition? = nil) {
        guard socket != nil else { return }
        guard registering == 0 else {
            needsRegistration = true
            return hub.lookAfter(self)
        }
        needsRegistration = false
        rows = []
        switch principal {
        case .customer: registering = 1
        case .agent: registering = partition == nil ? Partition.count : 1
        }
        hub.register(self, in: partition) { [weak self] result in
            guard let self, self.socket != nil else { return }
            registering -= 1
            switch result {
            case .success(let some): rows += some
            case .failure: needsRegistration = true
            }
            if registering == 0 { registered() }
        }
    }

    private func registered() {
        if needsRegistration {
            hub.lookAfter(self)
            if !isRegistered { return }
        }
        if !isRegistered {
            isRegistered = true
            if dialect == .full { sendWelcome() }
        }
        for row in rows {
            if var feed = feeds[row.conversation] {
                guard feed.generation != row.generation || row.lastSeq > feed.delivered else { continue }
                feed.fallBehind()
                feeds[row.conversation] = feed
            } else {
                follow(row.conversation, Feed(generation: row.generation, base: row.base, newest: row.lastSeq))
                guard row.lastSeq > row.base else { continue }
            }
            read(row.conversation)
        }
        rows = []
        for conversation in early {
            if feeds[conversation] == nil { follow(conversation, .unknown) }
            feeds[conversation]?.fallBehind()
            read(conversation)
        }
        early = []
    }

    private func sendWelcome() {
        socket?.send(
            text: ServerMessage.welcome(
                connectionID: origin,
                principal: principal,
                expiresAt: token.expiresAt,
                heartbeatSeconds: hub.configuration.heartbeatSeconds,
                conversations: rows.map {
                    .init(
                        id: $0.conversation,
                        state: $0.state.rawValue,
                        assignee: $0.assignee,
                        generation: $0.generation,
                        seq: $0.lastSeq,
                        cursor: $0.base
                    )
                }
            )
        )
    }

    private func follow(_ conversation: UniqueID, _ feed: Feed) {
        if feeds.count >= Self.maxFeeds {
            feeds = feeds.filter { $0.value.state != .live || $0.value.acknowledged < $0.value.delivered }
        }
        feeds[conversation] = feed
    }

    /// Forgets a conversation that is no longer this agent's, unless something of it is still to be delivered.
    func unfollow(_ conversation: UniqueID) {
        if feeds[conversation]?.state == .live { feeds[conversation] = nil }
    }

    // MARK: What it gets

    /// A publication that is for this connection.
    ///
    /// - Parameter before: for a conversation it does not follow yet: the last message it need not be shown, if known.
    func offer(_ item: EncodedMessage, before: Int?) {
        let message = item.message
        guard isRegistered else {
            early.insert(message.conversation)
            return
        }
        guard var feed = feeds[message.conversation] else {
            if let before, message.seq == before + 1 {
                follow(message.conversation, Feed(generation: message.generation, base: before, newest: before))
                return offer(item, before: nil)
            }
            return open(message.conversation)
        }
        guard let socket, socket.isWritable else {
            feed.fallBehind()
            feeds[message.conversation] = feed
            if blockedSince == nil { blockedSince = .now() }
            return
        }
        let action = feed.arrived(
            item,
            isOwn: message.origin == originBytes,
            appendsInFlight: appendsInFlight > 0
        )
        if action == .deliver { write(item) }
        while let next = feed.next() { write(next) }
        feeds[message.conversation] = feed
        if action == .read {
            read(message.conversation)
        } else if feed.hasGap {
            hub.lookAfter(self)
        }
    }

    /// A message of this connection was stored.
    func stored(_ message: AppendedMessage) {
        guard isRegistered, !message.isDuplicate else { return }
        guard var feed = feeds[message.conversation] else {
            if message.seq == 1 {
                var feed = Feed(generation: message.generation, base: 0, newest: 0)
                _ = feed.stored(1, generation: message.generation)
                return follow(message.conversation, feed)
            }
            return open(message.conversation)
        }
        let action = feed.stored(message.seq, generation: message.generation)
        while let next = feed.next() { write(next) }
        feeds[message.conversation] = feed
        if action == .read {
            read(message.conversation)
        } else if feed.hasGap {
            hub.lookAfter(self)
        }
    }

    /// Registers again if that failed, and reads the log where something is still missing.
    func repair() {
        if needsRegistration, registering == 0 { register() }
        for (conversation, feed) in feeds where feed.hasGap || feed.state == .behind { read(conversation) }
    }

    private func write(_ item: EncodedMessage) {
        let message = item.message
        // The guide's clients show every frame as a reply, so nothing of their own comes back to them.
        if dialect == .guide, message.sender == principal.id { return }
        socket?.send(text: item.frame(in: dialect))
        if dialect == .guide {
            unconfirmed.insert(message.conversation)
            hub.confirmSoon(self)
        }
    }

    /// Pings with the position of each conversation in which something was delivered, and saves what was acknowledged.
    func confirm() {
        guard let socket, !isClosing else { return }
        for conversation in unconfirmed {
            guard let feed = feeds[conversation] else { continue }
            socket.sendPing(ByteBuffer(string: "\(conversation) \(feed.generation) \(feed.delivered)"))
        }
        unconfirmed.removeAll(keepingCapacity: true)
        for conversation in unsaved {
            guard let feed = feeds[conversation], feed.acknowledged > feed.persisted else { continue }
            let seq = feed.acknowledged
            hub.log.moveCursor(of: principal, in: conversation, to: seq, read: false) { [weak self] result in
                guard case .success = result else { return }
                self?.feeds[conversation]?.saved(seq)
            }
        }
        unsaved.removeAll(keepingCapacity: true)
    }

    func acknowledge(_ conversation: UniqueID, seq: Int, generation: Int?) {
        guard let known = feeds[conversation]?.generation,
            feeds[conversation]?.acknowledge(seq, generation: generation ?? known) == true
        else { return }
        unsaved.insert(conversation)
        hub.confirmSoon(self)
    }

    // MARK: Reading the log

    /// Follows a conversation that has become this agent's to answer, if it does not already.
    func show(_ conversation: UniqueID) {
        guard isRegistered else {
            early.insert(conversation)
            return
        }
        if feeds[conversation] == nil { open(conversation) }
    }

    /// Delivers again what comes after `seq`.
    func rewind(_ conversation: UniqueID, generation: Int, to seq: Int) {
        if feeds[conversation] == nil { follow(conversation, Feed(generation: generation, base: seq, newest: seq)) }
        feeds[conversation]?.rewind(to: seq)
        read(conversation)
    }

    /// Begins to follow a conversation that this connection has no position in: from what it has to be shown.
    func open(_ conversation: UniqueID) {
        follow(conversation, .unknown)
        read(conversation)
    }

    /// Reads on from the position, unless a page is under way.
    func read(_ conversation: UniqueID) {
        guard let socket, let feed = feeds[conversation], feed.state != .reading else { return }
        guard socket.isWritable else {
            feeds[conversation]?.fallBehind()
            if blockedSince == nil { blockedSince = .now() }
            return
        }
        guard let after = feeds[conversation]?.beginReading() else { return }
        let start = feed.generation == 0 ? MessageLog.Start.base(reader: principal.id) : .after(after)
        hub.log.read(conversation, from: start, limit: Self.pageSize) { [weak self] result in
            guard let self, self.socket != nil else { return }
            switch result {
            case .success(let page?) where feed.generation != 0 || isAudience(of: page):
                received(page, of: conversation)
            case .success:
                feeds[conversation] = nil
            case .failure:
                feeds[conversation]?.readingFailed()
                hub.lookAfter(self)
            }
        }
    }

    private func received(_ page: LogPage, of conversation: UniqueID) {
        guard var feed = feeds[conversation] else { return }
        let outcome = feed.received(page)
        switch outcome {
        case .contiguous: break
        case .rewound(let seq), .hole(from: let seq):
            if dialect == .full {
                socket?.send(
                    text: ServerMessage.reset(conversationID: conversation, generation: feed.generation, from: seq)
                )
            }
        }
        for message in page.messages {
            if feed.take(message, isOwn: message.origin == originBytes) { write(EncodedMessage(message)) }
        }
        feed.finishPage()
        feeds[conversation] = feed
        if feed.state == .behind { read(conversation) }
    }

    /// Whether a conversation's messages are for this principal.
    func isAudience(of page: LogPage) -> Bool {
        switch principal {
        case .customer(let id, _): page.customer == id
        case .agent(let id, _, _): page.state == .waiting || (page.state == .assigned && page.assignee == id)
        }
    }
}

extension Principal {
    var id: UniqueID {
        switch self {
        case .customer(let id, _), .agent(let id, _, _): id
        }
    }

    var isAgent: Bool {
        if case .agent = self { true } else { false }
    }
}
