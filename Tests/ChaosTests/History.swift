/// What happened in a run, in the order in which it happened, and what Redis held at its end: what ``HistoryChecker``
/// judges.
///
/// A plain value that knows nothing of sockets, so that a test can write a bad one by hand.
struct History: Sendable {
    enum Dialect: Sendable { case guide, full }

    /// The text of a message, known before any server has seen it: who said it, and the how-manieth of that sender it is.
    struct Label: Hashable, Sendable, CustomStringConvertible {
        let sender: String
        let number: Int

        init(_ sender: String, _ number: Int) {
            self.sender = sender
            self.number = number
        }

        /// Reads `SENDER/NUMBER`, and after a space whatever makes the message longer.
        init?(content: some StringProtocol) {
            let parts = content.prefix { $0 != " " }.split(separator: "/")
            guard parts.count == 2, let number = Int(parts[1]) else { return nil }
            self.init(String(parts[0]), number)
        }

        var description: String { "\(sender)/\(number)" }
    }

    /// Where a message stands, as the server told it.
    struct Place: Hashable, Sendable, CustomStringConvertible {
        let conversation: String
        let seq: Int
        let id: String

        var description: String { "\(id) at \(conversation.prefix(8)) \(seq)" }
    }

    enum Event: Sendable {
        /// Sent for the first time. `connection` counts the sender's connections.
        case sent(Label, connection: Int)
        /// The sender was told that the message is stored.
        case acknowledged(Label, Place)
        /// The sender was told that the message will never be stored.
        case refused(Label)
        /// A reader's client put the message on the screen.
        case shown(reader: String, Label, Place)
        /// A reader's client got the message again and did not show it.
        case suppressed(reader: String, Place)
        /// A reader was told that what it has from `from` on is not in the store; its client took it off the screen.
        case reset(reader: String, conversation: String, from: Int)
        /// A fault begins that holds messages up.
        case struck
        /// It is over: everything runs again.
        case healed
        /// A participant's connection, counted as in `sent`, is open, and is closed: with a code, if the server said one.
        case opened(String, connection: Int)
        case closed(String, connection: Int, code: Int?)
    }

    /// Somebody who sends and reads.
    struct Participant: Sendable {
        var dialect: Dialect
        /// Whose messages it is owed: all of these but its own.
        var conversations: Set<String>
        /// Whether it was connected at the end of the run. Whoever was not is owed nothing yet.
        var isPresentAtEnd = true
    }

    struct Entry: Sendable {
        let place: Place
        let label: Label
    }

    /// Times are nanoseconds from any beginning.
    private(set) var events: [(at: UInt64, event: Event)] = []
    var participants: [String: Participant] = [:]
    /// Messages whose publication was lost on purpose.
    var unheard: Set<Label> = []
    /// All that Redis held at the end, ascending by seq within each conversation.
    var log: [Entry] = []

    mutating func record(_ event: Event, at time: UInt64) { events.append((time, event)) }
}
