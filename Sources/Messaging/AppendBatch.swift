import Crypto
import Hiredis
import NIOCore

/// The messages of one turn of an event loop, which leave as one command, `append_message.lua`: what a command costs beside
/// its work, Redis and this program pay once for all of them.
///
/// Each is stored or refused by itself. On a Redis Cluster only those of one partition go together.
///
/// While Redis has ``maxUnderWay`` of these commands to answer, the next one gathers until it has answered one, or is full: a
/// Redis that is behind gets fewer and larger commands, which cost it less, and one that is not gets each message at once.
///
/// Owner: the event loop of its `RedisConnection`.
final class AppendBatch {
    private let redis: RedisConnection
    private let limits: MessageLog.Limits
    private let script = Scripts.appendMessage.randomElement() ?? Scripts.appendMessage[0]
    private var command: RedisCommand?
    private var keys: [String] = []
    private var waiting: [Waiting] = []
    private var bytes = 0
    private var underWay = 0
    private var isEndOfTurnScheduled = false
    private var partition = Partition(0)
    private var generator = BufferedRandomNumberGenerator()

    private struct Waiting {
        let id: UniqueID
        let named: UniqueID?
        let completion: MessageLog.Completion<AppendedMessage>
    }

    /// So many messages keep Redis from everybody else for about half a millisecond.
    private static let maxMessages = 32
    private static let maxBytes = 64 * 1024
    /// One that Redis works on, and one that it finds when it is done.
    private static let maxUnderWay = 2

    init(redis: RedisConnection, limits: MessageLog.Limits) {
        self.redis = redis
        self.limits = limits
    }

    /// As ``MessageLog/append(from:reference:tail:clientMessageID:_:)``.
    func append(
        from sender: MessageSender,
        reference: String,
        tail: ByteBuffer,
        clientMessageID: ByteBuffer?,
        ignoringRestarts: Bool,
        _ completion: @escaping MessageLog.Completion<AppendedMessage>
    ) {
        let named = UniqueID(reference)
        guard let partition = sender.partition(of: named) else {
            return completion(.failure(MessagingError(refusal: "not_found")))
        }
        if redis.isOfCluster, partition != self.partition { send() }
        self.partition = partition
        let id = UniqueID(in: partition, using: &generator)
        // Taken out while it is changed, or all of it would be copied.
        var command = self.command.take() ?? Self.command(script, limits, ignoringRestarts: ignoringRestarts)
        Self.append(
            id,
            from: sender,
            reference: reference,
            named: named,
            tail: tail,
            clientMessageID: clientMessageID,
            to: &command
        )
        self.command = command
        keys.append(Keyspace.prefix(partition))
        bytes += tail.readableBytes
        waiting.append(Waiting(id: id, named: named, completion: completion))
        if waiting.count == Self.maxMessages || bytes >= Self.maxBytes {
            send()
        } else if !isEndOfTurnScheduled {
            isEndOfTurnScheduled = true
            redis.eventLoop.assumeIsolated().execute {
                self.isEndOfTurnScheduled = false
                self.sendIfDue()
            }
        }
    }

    private func sendIfDue() {
        // In a Redis Cluster what is under way may be another server's, which is gone.
        if underWay < Self.maxUnderWay || redis.isOfCluster { send() }
    }

    /// Sends what there is. To be called before any other command that has to come after it.
    func send() {
        guard var command = command.take() else { return }
        command.insert(keys: keys)
        let waiting = waiting
        keys.removeAll(keepingCapacity: true)
        self.waiting.removeAll(keepingCapacity: true)
        bytes = 0
        underWay += 1
        redis.send(command) { [self] result in
            underWay -= 1
            defer { sendIfDue() }
            switch result {
            case .failure(let error):
                for message in waiting { message.completion(.failure(MessagingError(error))) }
            case .success(let reply):
                let answers = reply.array ?? []
                for (index, message) in waiting.enumerated() {
                    let answer = index < answers.count ? answers[index] : .null
                    message.completion(AppendedMessage.read(answer, id: message.id, named: message.named))
                }
            }
        }
    }

    /// The command of one message alone, for who has no event loop.
    ///
    /// - Returns: Its answer is an array of one, for ``AppendedMessage/read(_:id:named:)``. `nil` if an agent names what
    ///   can't be a conversation.
    static func command(
        from sender: MessageSender,
        reference: String,
        tail: ByteBuffer,
        clientMessageID: ByteBuffer?,
        _ limits: MessageLog.Limits
    ) -> (command: RedisCommand, id: UniqueID, named: UniqueID?)? {
        let named = UniqueID(reference)
        guard let partition = sender.partition(of: named) else { return nil }
        let id = UniqueID(in: partition)
        var command = command(Scripts.appendMessage[0], limits, ignoringRestarts: false)
        append(
            id,
            from: sender,
            reference: reference,
            named: named,
            tail: tail,
            clientMessageID: clientMessageID,
            to: &command
        )
        command.insert(keys: [Keyspace.prefix(partition)])
        return (command, id, named)
    }

    private static func command(
        _ script: RedisScript,
        _ limits: MessageLog.Limits,
        ignoringRestarts: Bool
    ) -> RedisCommand {
        var command = RedisCommand(evaluating: script)
        command.append(Timestamp.now.milliseconds)
        if ignoringRestarts { command.append("-") } else { command.appendRunID() }
        command.append(limits.log)
        return command
    }

    private static func append(
        _ id: UniqueID,
        from sender: MessageSender,
        reference: String,
        named: UniqueID?,
        tail: ByteBuffer,
        clientMessageID: ByteBuffer?,
        to command: inout RedisCommand
    ) {
        command.append { head in
            head.write(count: 36) { id.write(into: $0) }
            head.write(sender.recordHead)
        }
        if let named {
            command.append { $0.write(count: 36) { named.write(into: $0) } }
        } else {
            command.append(reference)
        }
        command.append(clientMessageID.map { digest(of: sender.principal, in: named, $0) } ?? [])
        command.append { end in
            end.write(sender.origin)
            end.write(tail)
        }
        command.append(sender.details)
    }

    /// 15 bytes that stand for the sender and its `clientMessageId`; for an agent, who always names the conversation,
    /// for that as well: conversations share a partition by chance, which must not decide what is a duplicate. A customer
    /// may name the same one by its id, by an alias or not at all.
    private static func digest(
        of principal: Principal,
        in named: UniqueID?,
        _ clientMessageID: ByteBuffer
    ) -> [UInt8] {
        var hash = SHA256()
        switch principal {
        case .customer(let id, _): hash.update(data: Array(id.description.utf8))
        case .agent(let id, _, _):
            hash.update(data: Array(id.description.utf8))
            hash.update(data: Array((named?.description ?? "").utf8))
        }
        hash.update(data: Array(clientMessageID.readableBytesView))
        return Array(hash.finalize().prefix(15))
    }

    /// That of a message that was stored; `nil` if it had no `clientMessageId`.
    static func digest(of message: Message) -> [UInt8]? {
        guard message.clientMessageID.readableBytes > 0 else { return nil }
        let sender: Principal =
            message.senderKind == .customer
            ? .customer(id: message.sender, channel: message.channel)
            : .agent(id: message.sender, role: .agent, name: "")
        return digest(of: sender, in: message.conversation, message.clientMessageID)
    }
}
