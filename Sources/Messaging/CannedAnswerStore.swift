package import Hiredis

/// Canned answers in Redis: few, and all in the agents' partition.
package struct CannedAnswerStore: Sendable {
    private let redis: RedisClient

    package init(redis: RedisClient) { self.redis = redis }

    /// All of them, by shortcut.
    package func answers() async throws(MessagingError) -> [CannedAnswer] {
        let words = try await redis.answer(to: RedisCommand("HGETALL", Keyspace.cannedAnswers)).array ?? []
        let answers = stride(from: 0, to: words.count - 1, by: 2).compactMap { index in
            Self.answer(words[index].string, words[index + 1].string)
        }
        return answers.sorted {
            ($0.shortcut.foldedForSearch, $0.shortcut) < ($1.shortcut.foldedForSearch, $1.shortcut)
        }
    }

    /// - Throws: ``MessagingError`` `.conflict` with field `shortcut` when another answer has it; `.limitReached` at
    ///   ``CannedAnswer/maxAnswers``; `.storeUnavailable`.
    package func create(shortcut: String, content: String) async throws(MessagingError) -> CannedAnswer {
        try await write(UniqueID(in: .ofAgents), "create", shortcut, content)
    }

    /// Changes an answer; `nil` leaves what it is for.
    ///
    /// - Throws: ``MessagingError`` `.notFound`; `.conflict` with field `shortcut` when another answer has it;
    ///   `.storeUnavailable`.
    package func update(
        _ id: UniqueID,
        shortcut: String?,
        content: String?
    ) async throws(MessagingError) -> CannedAnswer {
        try await write(id, "update", shortcut ?? "", content ?? "")
    }

    private func write(
        _ id: UniqueID,
        _ action: String,
        _ shortcut: String,
        _ content: String
    ) async throws(MessagingError) -> CannedAnswer {
        var command = RedisCommand(evaluating: Scripts.writeCannedAnswer, keys: [Keyspace.prefix(.ofAgents)])
        for argument in [action, id.description, shortcut, shortcut.foldedForSearch, content] {
            command.append(argument)
        }
        command.append(Timestamp.now.milliseconds)
        command.append(CannedAnswer.maxAnswers)
        let reply = try await redis.answer(to: command).array ?? []
        switch reply.first?.string {
        case "written":
            guard let answer = Self.answer(id.description, reply.last?.string) else { break }
            return answer
        case "unknown": throw .noCannedAnswer(id)
        case "taken":
            throw MessagingError(.conflict, "Another canned answer has this shortcut.", field: "shortcut")
        case "full":
            throw MessagingError(
                .limitReached,
                "There are \(CannedAnswer.maxAnswers) canned answers already, which is the limit."
            )
        default: break
        }
        throw .unexpectedReply(to: Scripts.writeCannedAnswer.name)
    }

    /// - Throws: ``MessagingError`` `.notFound`, `.storeUnavailable`.
    package func delete(_ id: UniqueID) async throws(MessagingError) {
        var command = RedisCommand(evaluating: Scripts.deleteCannedAnswer, keys: [Keyspace.prefix(.ofAgents)])
        command.append(id.description)
        guard try await redis.answer(to: command).int == 1 else { throw .noCannedAnswer(id) }
    }

    private static func answer(_ id: String?, _ record: String?) -> CannedAnswer? {
        guard let id = id.flatMap({ UniqueID($0) }), let record else { return nil }
        return CannedAnswer(id: id, record: record)
    }
}

extension MessagingError {
    fileprivate static func noCannedAnswer(_ id: UniqueID) -> MessagingError {
        MessagingError(.notFound, "There is no canned answer \(id).")
    }
}
