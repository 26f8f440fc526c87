package import NIOCore

/// The commands of one connection that have no answer yet, in the order in which they were sent: Redis answers in
/// order, so the first one here is whom the next reply is for.
///
/// `Completion` is a callback in the program and a number in tests.
package struct RedisPipeline<Completion> {
    package struct Entry {
        package let completion: Completion
        let deadline: NIODeadline
        /// Counted against `maxBytes` until the answer is there.
        let bytes: Int
        /// The command once more, kept only if it is a script's, for the case that Redis does not have the script.
        let scriptCommand: RedisCommand?

        package init(
            completion: Completion,
            deadline: NIODeadline,
            bytes: Int,
            scriptCommand: RedisCommand? = nil
        ) {
            self.completion = completion
            self.deadline = deadline
            self.bytes = bytes
            self.scriptCommand = scriptCommand
        }
    }

    /// How a command ended that got no answer.
    package enum Fate: Equatable {
        /// It never left this program.
        case unwritten
        /// It was handed to the system; Redis may have run it.
        case written
        /// As `written`, and its deadline had passed.
        case expired
    }

    private var entries = CircularBuffer<Entry>()
    /// The last so many entries are not written yet.
    private var unwritten = 0
    private var bytes = 0
    private let maxCommands: Int
    private let maxBytes: Int

    package init(maxCommands: Int, maxBytes: Int) {
        self.maxCommands = maxCommands
        self.maxBytes = maxBytes
    }

    package var isEmpty: Bool { entries.isEmpty }

    package var count: Int { entries.count }

    /// Whether one more command of so many bytes is within both limits.
    package func hasRoom(forBytes count: Int) -> Bool {
        entries.count < maxCommands && count <= maxBytes - bytes
    }

    package mutating func append(_ entry: Entry) {
        entries.append(entry)
        bytes += entry.bytes
        unwritten += 1
    }

    /// All there are have been handed to the system.
    package mutating func markWritten() {
        unwritten = 0
    }

    /// The command to which the reply that just came belongs; `nil` if none was asked.
    package mutating func answerFirst() -> Entry? {
        // A reply to what was not written yet is a reply to nothing.
        guard entries.count > unwritten, let entry = entries.popFirst() else { return nil }
        bytes -= entry.bytes
        return entry
    }

    /// Whether the answer to any command is overdue. All have the same time-out, so the first is the first to be.
    package func isOverdue(at now: NIODeadline) -> Bool {
        entries.first.map { $0.deadline <= now } ?? false
    }

    /// Empties the queue because no answer will come.
    package mutating func removeAll(at now: NIODeadline) -> [(completion: Completion, fate: Fate)] {
        let written = entries.count - unwritten
        let ended = entries.enumerated().map { position, entry in
            let fate: Fate = position >= written ? .unwritten : entry.deadline <= now ? .expired : .written
            return (entry.completion, fate)
        }
        entries.removeAll(keepingCapacity: false)
        unwritten = 0
        bytes = 0
        return ended
    }
}
