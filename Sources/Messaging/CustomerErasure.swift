package import Hiredis
import NIOCore

/// Erases customers: all that there is of one, in steps of bounded work, each of which may be repeated.
///
/// The first step takes the record away, so that nothing new comes for this customer, and leaves a mark. Whatever stops the rest
/// is made up for by whoever goes on: the same request again, or any customer-api at its next look for marks
/// (``goOn(removingFile:)``). Several may do it at once.
///
/// What stays: entries of the audit log, which name the id; that identities were proved which the customer had before and gave
/// up, of which there is a digest only; where no conversation names them any more, the places of
/// `clientMessageId`s, which nobody can read and which end after a day; and what Redis's files and backups hold until they are
/// written anew.
package struct CustomerErasure: Sendable {
    private let redis: RedisClient
    private let claims: IdentityClaims

    /// How many messages, and how many attachments, are read at a time.
    private static let batch = 100

    package init(redis: RedisClient) {
        self.redis = redis
        claims = IdentityClaims(redis: redis)
    }

    /// What an erasure has removed.
    package struct Progress: Sendable {
        /// Whether nothing is left.
        package var isComplete = false
        package var conversations = 0
        package var messages = 0
        package var attachments = 0
    }

    /// Erases a customer, or goes on with it, until nothing is left or it is time to stop.
    ///
    /// - Parameters:
    ///   - deadline: When to stop, at the next end of a step.
    ///   - author: Who erases; `nil` for what only goes on.
    ///   - removeFile: Removes the file of an attachment, if there is one. May be called again for the same.
    /// - Throws: ``MessagingError`` `.notFound` when there is no such customer, or no longer; `.storeUnavailable`: it may have
    ///   begun; and what `removeFile` throws. Repeat it.
    package func erase(
        _ customer: UniqueID,
        until deadline: ContinuousClock.Instant,
        by author: AuditAuthor?,
        removingFile removeFile: @Sendable (UniqueID) async throws -> Void
    ) async throws -> Progress {
        let record = try await begin(customer, by: author)
        var progress = Progress()
        for identity in record?.profile.identities ?? [] { try await claims.forget(identity, of: customer) }
        while true {
            let first = try await redis.answer(
                to: RedisCommand("ZRANGE", Keyspace.customerConversations(customer), "0", "0")
            )
            guard let conversation = first.array?.first?.string.flatMap({ UniqueID($0) }) else { break }
            try await erase(conversation, of: customer, until: deadline, &progress, removeFile)
            if ContinuousClock.now >= deadline { return progress }
        }
        while true {
            let some = try await redis.answer(
                to: RedisCommand("SRANDMEMBER", Keyspace.customerAttachments(customer), String(Self.batch))
            )
            let ids = (some.array ?? []).compactMap { $0.string.flatMap { UniqueID($0) } }
            if ids.isEmpty { break }
            for id in ids { try await erase(attachment: id, of: customer, &progress, removeFile) }
            if ContinuousClock.now >= deadline { return progress }
        }
        progress.isComplete = try await finish(customer, by: author)
        return progress
    }

    /// Goes on with erasures that somebody began and nobody finished.
    ///
    /// - Returns: How many were finished.
    package func goOn(
        removingFile removeFile: @Sendable (UniqueID) async throws -> Void
    ) async throws -> Int {
        var finished = 0
        for partition in Partition.all {
            let begun = try await redis.answer(to: RedisCommand("ZRANGE", Keyspace.erasures(in: partition), "0", "-1"))
            for id in (begun.array ?? []).compactMap({ $0.string.flatMap { UniqueID($0) } }) {
                do {
                    _ = try await erase(id, until: .now + .seconds(3600), by: nil, removingFile: removeFile)
                    finished += 1
                } catch let error as MessagingError where error.code == .notFound {
                    // Somebody else was faster.
                }
            }
        }
        return finished
    }

    private func begin(_ customer: UniqueID, by author: AuditAuthor?) async throws(MessagingError) -> Customer? {
        var command = RedisCommand(
            evaluating: Scripts.beginErasure,
            keys: [Keyspace.prefix(customer.partition)]
        )
        command.append(customer.description)
        command.append(author.map { AuditRecord(.customerErase, by: $0, on: .customer(customer)) })
        let reply = try await redis.lastingAnswer(to: command)
        guard let fields = RecordFields(reply.array ?? []) else { throw .noCustomer(customer) }
        return Customer(id: customer, fields: fields)
    }

    private func finish(_ customer: UniqueID, by author: AuditAuthor?) async throws(MessagingError) -> Bool {
        var command = RedisCommand(
            evaluating: Scripts.finishErasure,
            keys: [Keyspace.prefix(customer.partition)]
        )
        command.append(customer.description)
        let finisher = author ?? AuditAuthor(.commandLine, name: "customer-api")
        command.append(AuditRecord(.customerErased, by: finisher, on: .customer(customer)))
        return try await redis.answer(to: command).int == 1
    }

    private func erase(
        _ conversation: UniqueID,
        of customer: UniqueID,
        until deadline: ContinuousClock.Instant,
        _ progress: inout Progress,
        _ removeFile: @Sendable (UniqueID) async throws -> Void
    ) async throws {
        var command = RedisCommand(
            evaluating: Scripts.eraseConversation,
            keys: [Keyspace.prefix(customer.partition)]
        )
        command.append(conversation.description)
        command.append(customer.description)
        _ = try await redis.answer(to: command)
        let log = Keyspace.log(conversation)
        while true {
            let page = try await redis.answer(
                to: RedisCommand("XRANGE", log, "-", "+", "COUNT", String(Self.batch))
            )
            let entries = page.array ?? []
            if entries.isEmpty { break }
            var places = RedisCommand("UNLINK")
            var names = 0
            var drop = RedisCommand("XDEL", log)
            for entry in entries {
                guard let id = entry.array?.first?.string else { continue }
                drop.append(id)
                guard let record = entry.array?.last?.array?.last?.bytes,
                    let message = Message(
                        record: ByteBuffer(bytes: record),
                        conversation: conversation,
                        seq: 0,
                        generation: 0,
                        channel: .web
                    )
                else { continue }
                if let digest = AppendBatch.digest(of: message) {
                    places.append(Keyspace.sent(digest, in: customer.partition))
                    names += 1
                }
                // Those of before there was a set of each customer's.
                for attachment in AttachmentReference.ids(inMetadata: Array(message.metadata.readableBytesView)) {
                    guard attachment.partition == customer.partition else { continue }
                    try await erase(attachment: attachment, of: customer, &progress, removeFile)
                }
            }
            // In this order: what the log names can be found for as long as it does.
            _ = try await redis.answers(to: names > 0 ? [places, drop] : [drop])
            progress.messages += entries.count
            if ContinuousClock.now >= deadline { return }
        }
        _ = try await redis.answers(to: [
            RedisCommand("UNLINK", log),
            RedisCommand("ZREM", Keyspace.customerConversations(customer), conversation.description),
        ])
        progress.conversations += 1
    }

    /// The file first: without a record nobody would find it.
    private func erase(
        attachment: UniqueID,
        of customer: UniqueID,
        _ progress: inout Progress,
        _ removeFile: @Sendable (UniqueID) async throws -> Void
    ) async throws {
        // An id in a message is only what its sender wrote.
        let owner = try await redis.answer(to: RedisCommand("HGET", Keyspace.attachment(attachment), "customer"))
        let isOwn = owner.string == customer.description
        if isOwn { try await removeFile(attachment) }
        var command = RedisCommand(
            evaluating: Scripts.eraseAttachment,
            keys: [Keyspace.prefix(customer.partition)]
        )
        command.append(attachment.description)
        command.append(customer.description)
        if try await redis.answer(to: command).int == 1 { progress.attachments += 1 }
    }
}
