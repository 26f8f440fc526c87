import Messaging
import NIOCore

/// What a connection gets: publications as they arrive, and the log where those are not enough.
extension Connection {
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
        if let before, principal.isAgent { feed.skip(to: before) }
        guard let socket, socket.isWritable else {
            feed.fallBehind()
            feeds[message.conversation] = feed
            return waitForSocket()
        }
        let action = feed.arrived(
            item,
            isOwn: sent(message),
            appendsInFlight: appendsInFlight > 0
        )
        if action == .deliver { write(item) }
        release(&feed)
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
        release(&feed)
        feeds[message.conversation] = feed
        if action == .read {
            read(message.conversation)
        } else if feed.hasGap {
            hub.lookAfter(self)
        }
    }

    /// Writes what waited for an own message, as far as there is room; the rest is read from the log.
    private func release(_ feed: inout Feed) {
        while let socket, socket.isWritable {
            guard let next = feed.next() else { return }
            write(next)
        }
        if feed.hasGap {
            feed.fallBehind()
            waitForSocket()
        }
    }

    /// Registers again if that failed, and reads the log where something is still missing.
    func repair() {
        registerAgain()
        readQueued()
        for (conversation, feed) in feeds where feed.hasGap || feed.state == .behind { read(conversation) }
    }

    private func write(_ item: EncodedMessage) {
        let message = item.message
        // The guide's clients show every frame as a reply, so nothing of their own comes back to them.
        if dialect == .guide, message.sender == principal.id { return }
        send(frame: item.frame(in: dialect))
        if dialect == .guide {
            unconfirmed.insert(message.conversation)
            hub.confirmSoon(self)
        }
    }

    /// Pings with the position of each conversation in which something was delivered.
    func confirm() {
        guard let socket, !isClosing else { return }
        for conversation in unconfirmed {
            guard let feed = feeds[conversation], feed.acknowledged < feed.delivered else { continue }
            if hub.configuration.lacks(.pong) {
                acknowledge(conversation, seq: feed.delivered, generation: feed.generation)
                continue
            }
            socket.sendPing(ByteBuffer(string: "\(conversation) \(feed.generation) \(feed.delivered)"))
        }
        unconfirmed.removeAll(keepingCapacity: true)
    }

    /// What the client has acknowledged and Redis does not know; the hub saves it.
    func takeUnsaved(_ body: (_ conversation: UniqueID, _ generation: Int, _ seq: Int) -> Void) {
        guard socket != nil, !isClosing else { return }
        for conversation in unsaved {
            guard let feed = feeds[conversation], feed.acknowledged > feed.persisted else { continue }
            body(conversation, feed.generation, feed.acknowledged)
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
    ///
    /// - Parameters:
    ///   - answered: up to here it need not be shown.
    ///   - newest: the last message of it.
    func show(_ conversation: UniqueID, after answered: Int, newest: Int) {
        guard isRegistered else {
            early.insert(conversation)
            return
        }
        guard var feed = feeds[conversation] else { return open(conversation) }
        // It may be a stale one: from before the conversation was somebody else's for a while.
        feed.skip(to: answered)
        if feed.delivered < newest { feed.fallBehind() }
        feeds[conversation] = feed
        if feed.state == .behind { read(conversation) }
    }

    /// Delivers again what comes after `seq`.
    func rewind(_ conversation: UniqueID, generation: Int, to seq: Int) {
        let feed = feeds[conversation]
        // One that waits to learn its position from the log learns it from the client instead.
        if feed == nil || feed?.generation == 0 && feed?.state == .behind {
            follow(conversation, Feed(generation: generation, base: seq, newest: seq))
        }
        feeds[conversation]?.rewind(to: seq)
        read(conversation)
    }

    /// Begins to follow a conversation that this connection has no position in: from what it has to be shown.
    func open(_ conversation: UniqueID) {
        follow(conversation, .unknown)
        read(conversation)
    }

    /// Reads on from the position, unless a page is under way; later, if too many of other conversations are.
    func read(_ conversation: UniqueID) {
        guard let socket, let feed = feeds[conversation], feed.state != .reading else { return }
        guard socket.isWritable else {
            feeds[conversation]?.fallBehind()
            return waitForSocket()
        }
        guard pagesInFlight < Self.maxPagesInFlight else {
            feeds[conversation]?.fallBehind()
            guard !feed.isQueued else { return }
            feeds[conversation]?.isQueued = true
            toRead = toRead ?? CircularBuffer()
            toRead?.append(conversation)
            return
        }
        guard let after = feeds[conversation]?.beginReading() else { return }
        pagesInFlight += 1
        lastPage += 1
        let number = lastPage
        feeds[conversation]?.page = number
        let start = feed.generation == 0 ? MessageLog.Start.base(reader: principal.id) : .after(after)
        hub.log.read(conversation, from: start, limit: Self.pageSize, generation: feed.generation) {
            [weak self] result in
            guard let self else { return }
            pagesInFlight -= 1
            guard self.socket != nil else { return }
            // Otherwise the conversation was dropped meanwhile, and maybe taken up again.
            let isCurrent = feeds[conversation]?.page == number
            switch result {
            case .success(let page?) where mayShow(page):
                if isCurrent { received(page, of: conversation) }
            case .success:
                if isCurrent { drop(conversation) }
            case .failure:
                if isCurrent { feeds[conversation]?.readingFailed() }
                // The queue waits too: a command that can't be sent fails at once, and the next would as well.
                return hub.lookAfter(self)
            }
            readQueued()
        }
    }

    private func readQueued() {
        while pagesInFlight < Self.maxPagesInFlight, let next = toRead?.popFirst() {
            feeds[next]?.isQueued = false
            if feeds[next]?.state == .behind { read(next) }
        }
        if toRead?.isEmpty == true { toRead = nil }
    }

    private func received(_ page: LogPage, of conversation: UniqueID) {
        guard var feed = feeds[conversation] else { return }
        // Pages of several conversations may be under way: the client has to take one before the next is kept for it.
        guard socket?.isWritable == true else {
            feeds[conversation]?.readingFailed()
            return waitForSocket()
        }
        let position = feed.generation == 0 ? page.base : feed.delivered
        let outcome = feed.received(page)
        switch outcome {
        case .contiguous, .unfit: break
        case .rewound(let last): sendReset(of: conversation, generation: feed.generation, from: last + 1)
        case .hole(let first):
            if feed.delivered > position {
                hub.logger.warning(
                    "Messages left the log before they were delivered",
                    metadata: [
                        "conversation.id": "\(conversation)", "connection.id": "\(origin)",
                        "messages": "\(first - position - 1)",
                    ]
                )
            }
            sendReset(of: conversation, generation: feed.generation, from: first)
        }
        for message in page.messages where outcome != .unfit {
            if feed.take(message, isOwn: sent(message)) { write(EncodedMessage(message)) }
        }
        feed.finishPage()
        feeds[conversation] = feed
        if feed.state == .behind {
            read(conversation)
        } else if !isAudience(of: page) {
            // This agent resolved it; what came before that is delivered.
            feeds[conversation] = nil
        }
    }

    /// Full dialect: what the client has is not what the log has; it goes on from seq `first`.
    func sendReset(of conversation: UniqueID, generation: Int, from first: Int) {
        guard dialect == .full else { return }
        send(ServerMessage.reset(conversationID: conversation, generation: generation, from: first))
    }

    /// Whether what a page holds may be delivered. An agent is still due what preceded its own resolving.
    private func mayShow(_ page: LogPage) -> Bool {
        isAudience(of: page) || (page.state == .resolved && page.assignee == principal.id)
    }

    /// Whether a conversation's messages are for this principal.
    func isAudience(of page: LogPage) -> Bool {
        switch principal {
        case .customer(let id, _): page.customer == id
        case .agent(let id, _, _): page.state == .waiting || (page.state == .assigned && page.assignee == id)
        }
    }

    // MARK: Which conversations it follows

    func follow(_ conversation: UniqueID, _ feed: Feed) {
        if feeds.count >= Self.maxFeeds {
            feeds = feeds.filter {
                !$0.value.isParked && ($0.value.state != .live || $0.value.acknowledged < $0.value.delivered)
            }
            if feeds.count >= Self.maxFeeds { close(.tooSlow, reason: "too many conversations not acknowledged") }
        }
        feeds[conversation] = feed
    }

    /// Forgets a conversation that became another agent's: what was not delivered of it is no longer for this one.
    /// What was delivered, and Redis does not know to be, must not be delivered again if the conversation is given back.
    func drop(_ conversation: UniqueID) {
        guard let feed = feeds[conversation] else { return }
        if feed.generation == 0 || feed.persisted >= feed.delivered {
            feeds[conversation] = nil
        } else {
            feeds[conversation]?.park()
        }
    }

    /// Forgets a conversation that this agent is done with, unless something of it is still to be delivered.
    func unfollow(_ conversation: UniqueID) {
        if feeds[conversation]?.state == .live { feeds[conversation] = nil }
    }
}
