package import Hiredis
package import NIOCore

/// What a connection asks of the shared state, on its event loop: append, read, register, acknowledge.
///
/// Owner: the event loop of its `RedisConnection`. Every method must be called there and completes there, without a task
/// or a hop; commands of one turn of the loop leave in one write, in the order of the calls.
package struct MessageLog {
    let redis: RedisConnection
    private let limits: Limits
    private let appends: AppendBatch
    /// For tests of the tests only: whether a restart of Redis leaves no mark in a conversation.
    package var ignoresRestarts = false

    package struct Limits: Sendable {
        /// Messages that a conversation's log holds; older ones are dropped, roughly.
        package var log: Int
        /// Conversations of one customer; opening one more is refused.
        package var conversationsPerCustomer: Int
        /// How long a `clientMessageId` is remembered.
        package var remembered = Duration.seconds(24 * 3600)

        package init(log: Int, conversationsPerCustomer: Int) {
            self.log = log
            self.conversationsPerCustomer = conversationsPerCustomer
        }
    }

    /// Records of a page of the log, in bytes; a single one may be longer.
    package static let maxPageBytes = 64 * 1024

    package typealias Completion<Value> = (Result<Value, MessagingError>) -> Void

    package init(redis: RedisConnection, limits: Limits) {
        self.redis = redis
        self.limits = limits
        appends = AppendBatch(redis: redis, limits: limits)
    }

    /// Who sends messages from one connection, for ``append(from:reference:tail:clientMessageID:_:)``.
    ///
    /// - Parameters:
    ///   - origin: `MAILBOX:NUMBER` of the connection.
    ///   - address: The client's, of an agent, for the audit log.
    package func sender(_ principal: Principal, origin: String, address: NetworkAddress? = nil) -> MessageSender {
        MessageSender(principal, origin: origin, address: address, limits)
    }

    /// Stores a message and publishes it to everybody it is for: `append_message.lua`, one step. It leaves with all other
    /// messages of this turn of the loop.
    ///
    /// - Parameters:
    ///   - reference: which conversation: an id, a customer's own name for one, or empty.
    ///   - tail: ``Message/recordTail(content:metadata:clientMessageID:senderNote:)``.
    ///   - clientMessageID: a JSON string literal as `JSONText` writes it. With it, the same one of the same customer, or of
    ///     the same agent in the same conversation, within 24 h is stored once.
    /// - Returns: Through `completion`: where it stands in the log, the first time's answer if it was there already.
    ///   ``MessagingError``: `.notFound`, `.conflict`, `.forbidden`, `.limitReached`: not stored. `.storeUnavailable`: not
    ///   stored if the cause says that it can't have run, otherwise unknown; repeat it with the same `clientMessageID`.
    package func append(
        from sender: MessageSender,
        reference: String,
        tail: ByteBuffer,
        clientMessageID: ByteBuffer?,
        _ completion: @escaping Completion<AppendedMessage>
    ) {
        appends.append(
            from: sender,
            reference: reference,
            tail: tail,
            clientMessageID: clientMessageID,
            ignoringRestarts: ignoresRestarts,
            completion
        )
    }

    /// Sends `command` after the messages that were appended before it.
    private func send(_ command: RedisCommand, _ completion: @escaping RedisConnection.Completion) {
        appends.send()
        redis.send(command, completion)
    }

    /// Where a page of the log begins.
    package enum Start {
        /// What this reader has to be shown.
        case base(reader: UniqueID)
        case after(Int)
        case before(Int)
    }

    /// Reads up to `limit` messages, ascending, and where the conversation stands; `nil` if there is none.
    package func read(
        _ conversation: UniqueID,
        from start: Start,
        limit: Int,
        generation: Int = .max,
        _ completion: @escaping Completion<LogPage?>
    ) {
        var command = RedisCommand(evaluating: Scripts.readLog, keys: [Keyspace.prefix(conversation.partition)])
        command.append(conversation.description)
        switch start {
        case .base(let reader):
            command.append(reader.description)
            command.append("base")
            command.append(0)
        case .after(let seq):
            command.append("")
            command.append("after")
            command.append(seq)
        case .before(let seq):
            command.append("")
            command.append("before")
            command.append(seq)
        }
        command.append(limit)
        command.append(Self.maxPageBytes)
        command.append(generation)
        send(command) { result in
            switch result {
            case .failure(let error): completion(.failure(MessagingError(error)))
            case .success(.null): completion(.success(nil))
            case .success(let reply):
                if let page = LogPage(reply: reply, conversation: conversation) {
                    completion(.success(page))
                } else {
                    completion(.failure(.unexpectedReply(to: Scripts.readLog.name)))
                }
            }
        }
    }

    /// Writes how many connections of a customer this mailbox holds (0: none any more); with `listing`, answers where
    /// each of the customer's conversations stands, with `details` also who answers there.
    package func registerCustomer(
        _ customer: UniqueID,
        in mailbox: String,
        connections: Int,
        full: Int,
        listing: Bool,
        details: Bool = false,
        _ completion: @escaping Completion<[ConversationPosition]>
    ) {
        var command = RedisCommand(evaluating: Scripts.registerCustomer, keys: [Keyspace.prefix(customer.partition)])
        command.append(customer.description)
        command.append(mailbox)
        command.append(connections)
        command.append(full)
        command.append(listing ? "1" : "0")
        command.append(details ? "1" : "0")
        send(command) { completion(Self.positions($0, Scripts.registerCustomer)) }
    }

    /// The same for an agent, in each of `partitions`; `completion` is called once for each.
    ///
    /// A partition lists at most 1,000 conversations that wait and 1,000 that are the agent's; any further one is shown
    /// with its next message. It has details of the first ``detailedOwn`` and ``detailedWaiting``.
    package func registerAgent(
        _ agent: UniqueID,
        in mailbox: String,
        connections: Int,
        full: Int,
        listing: Bool,
        details: Bool = false,
        partitions: [Partition],
        _ completion: @escaping Completion<[ConversationPosition]>
    ) {
        for partition in partitions {
            var command = RedisCommand(evaluating: Scripts.registerAgent, keys: [Keyspace.prefix(partition)])
            command.append(agent.description)
            command.append(mailbox)
            command.append(connections)
            command.append(full)
            command.append(listing ? "1" : "0")
            command.append(1000)
            command.append(details ? Self.detailedOwn : 0)
            command.append(details ? Self.detailedWaiting : 0)
            send(command) { completion(Self.positions($0, Scripts.registerAgent)) }
        }
    }

    /// Conversations of an agent's own, in one partition, whose customers are described to it when it connects.
    private static let detailedOwn = 200
    /// The same for those that wait: thousands may, and only some can be told of at once.
    private static let detailedWaiting = 25

    private static func positions(
        _ result: Result<RedisReply, RedisError>,
        _ script: RedisScript
    ) -> Result<[ConversationPosition], MessagingError> {
        switch result {
        case .failure(let error): return .failure(MessagingError(error))
        case .success(let reply):
            guard let rows = reply.array else { return .failure(.unexpectedReply(to: script.name)) }
            return .success(rows.compactMap { ConversationPosition($0) })
        }
    }

    /// Moves a reader's cursor forward to `seq`, never back; `read` moves the read cursor too.
    package func moveCursor(
        of principal: Principal,
        in conversation: UniqueID,
        to seq: Int,
        read: Bool,
        _ completion: @escaping Completion<Void>
    ) {
        let cursor = CursorMove.Cursor(reader: principal, conversation: conversation, generation: 0)
        send(CursorMove.command([CursorMove(cursor: cursor, seq: seq, read: read)])) {
            completion($0.map { _ in () }.mapError { MessagingError($0) })
        }
    }

    /// The same for many readers. `completion` is called for some at a time, with those whose cursors are where they should be.
    package func moveCursors(_ moves: [CursorMove], _ completion: @escaping ([CursorMove]) -> Void) {
        let groups =
            redis.isOfCluster
            ? Array(Dictionary(grouping: moves) { $0.cursor.conversation.partition }.values) : [moves]
        for group in groups {
            for start in stride(from: 0, to: group.count, by: CursorMove.maxOfCommand) {
                let some = Array(group[start..<min(start + CursorMove.maxOfCommand, group.count)])
                send(CursorMove.command(some)) { if case .success = $0 { completion(some) } }
            }
        }
    }

    /// Tells the other side that `principal` types, or stopped to.
    package func publishTyping(
        of principal: Principal,
        in conversation: UniqueID,
        isTyping: Bool,
        _ completion: @escaping Completion<Void>
    ) {
        var command = RedisCommand(evaluating: Scripts.publishTyping, keys: [Keyspace.prefix(conversation.partition)])
        command.append(conversation.description)
        switch principal {
        case .customer(let id, _):
            command.append(id.description)
            command.append("c")
            command.append("")
        case .agent(let id, let role, _):
            command.append(id.description)
            command.append("a")
            command.append(role.rawValue)
        }
        command.append(isTyping ? "1" : "0")
        send(command) { result in
            switch result {
            case .failure(let error): completion(.failure(MessagingError(error)))
            case .success(let reply):
                let word = reply.string ?? ""
                completion(word == "ok" ? .success(()) : .failure(MessagingError(refusal: word)))
            }
        }
    }
}
