package import Hiredis
package import NIOCore

/// Records of attachments in Redis, how much of its quota each customer has used, and, where no folder is set for them, the
/// attachments themselves.
package struct AttachmentStore: Sendable {
    private let redis: RedisClient
    private let quota: Int

    /// The longest attachment that Redis keeps.
    package static let maxBytesInRedis = 1024 * 1024
    /// How much of Redis's memory attachments may take; each partition has its even share of it.
    package static let maxTotalInRedis = 256 * 1024 * 1024
    /// What an attachment counts as at least, so that very many very small ones end too.
    private static let leastCharge = 4096

    /// - Parameter quota: bytes of attachments that a customer may have.
    package init(redis: RedisClient, quota: Int) {
        self.redis = redis
        self.quota = quota
    }

    /// - Throws: ``MessagingError`` `.notFound`, `.storeUnavailable`.
    package func attachment(_ id: UniqueID) async throws(MessagingError) -> Attachment {
        let record = try await redis.answer(to: RedisCommand("HGETALL", Keyspace.attachment(id)))
        guard let attachment = RecordFields(record.array ?? []).flatMap({ Attachment(id: id, fields: $0) }) else {
            throw .noAttachment(id)
        }
        return attachment
    }

    /// All attachments of a customer, in no particular order.
    ///
    /// - Throws: ``MessagingError`` `.storeUnavailable`.
    package func attachments(of customer: UniqueID) async throws(MessagingError) -> [Attachment] {
        let reply = try await redis.answer(to: RedisCommand("SMEMBERS", Keyspace.customerAttachments(customer)))
        let ids = (reply.array ?? []).compactMap { $0.string.flatMap { UniqueID($0) } }
        var attachments: [Attachment] = []
        for start in stride(from: 0, to: ids.count, by: 100) {
            let some = ids[start..<min(start + 100, ids.count)]
            let records = try await redis.answers(to: some.map { RedisCommand("HGETALL", Keyspace.attachment($0)) })
            attachments += zip(some, records).compactMap { id, record in
                RecordFields(record.array ?? []).flatMap { Attachment(id: id, fields: $0) }
            }
        }
        return attachments
    }

    /// What Redis keeps of an attachment.
    ///
    /// - Throws: ``MessagingError`` `.notFound`: it is kept elsewhere; `.storeUnavailable`.
    package func data(of id: UniqueID) async throws(MessagingError) -> ByteBuffer {
        let reply = try await redis.answer(to: RedisCommand("GET", Keyspace.attachmentData(id)))
        guard let bytes = reply.bytes else { throw .noAttachment(id) }
        return ByteBuffer(bytes: bytes)
    }

    /// Whose conversation it is.
    ///
    /// - Throws: ``MessagingError`` `.notFound`, `.storeUnavailable`.
    package func customer(of conversation: UniqueID) async throws(MessagingError) -> UniqueID {
        let reply = try await redis.answer(to: RedisCommand("HGET", Keyspace.conversation(conversation), "customer"))
        guard let customer = reply.string.flatMap({ UniqueID($0) }) else { throw .noConversation(conversation) }
        return customer
    }

    /// Refuses early what ``add(_:data:)`` would refuse after it was sent.
    ///
    /// - Throws: ``MessagingError`` `.limitReached`, `.storeUnavailable`.
    package func checkQuota(of customer: UniqueID, for size: Int) async throws(MessagingError) {
        let used = try await redis.answer(to: RedisCommand("GET", Keyspace.attachmentBytes(customer))).int ?? 0
        guard used + max(size, Self.leastCharge) <= quota else { throw quotaReached }
    }

    /// Records an attachment and counts it in its customer's quota, as one step.
    ///
    /// - Parameter data: what Redis is to keep; `nil` if it is kept elsewhere.
    /// - Throws: ``MessagingError`` `.limitReached`; `.notFound` for the customer; `.storeUnavailable`: it may be recorded.
    package func add(_ attachment: Attachment, data: ByteBuffer?) async throws(MessagingError) {
        let partition = attachment.customer.partition
        var command = RedisCommand(evaluating: Scripts.addAttachment, keys: [Keyspace.prefix(partition)])
        for argument in [
            attachment.id.description, attachment.customer.description, attachment.name, attachment.contentType,
        ] { command.append(argument) }
        command.append(attachment.size)
        command.append(max(attachment.size, Self.leastCharge))
        command.append(quota)
        command.append(Timestamp.now.milliseconds)
        command.append(data == nil ? 0 : Self.maxTotalInRedis / Partition.count)
        command.append(data ?? ByteBuffer())
        switch try await redis.answer(to: command).string {
        case "added": return
        case "unknown": throw .noCustomer(attachment.customer)
        case "quota": throw quotaReached
        case "full":
            throw MessagingError(.limitReached, "There is no room for more attachments.")
        default: throw .unexpectedReply(to: Scripts.addAttachment.name)
        }
    }

    private var quotaReached: MessagingError {
        MessagingError(.limitReached, "This customer's attachments would take more than \(quota) bytes.")
    }
}

extension MessagingError {
    package static func noAttachment(_ id: UniqueID) -> MessagingError {
        MessagingError(.notFound, "There is no attachment \(id).")
    }
}
