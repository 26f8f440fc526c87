/// Holds a ``History`` against the promise: every acknowledged message reaches every recipient, once, in order.
///
/// In the guide dialect there is no acknowledgement, so there a message counts as acknowledged if it is in the log at the
/// end; and a message may be shown more than once, its `id` tells.
struct HistoryChecker {
    private var verdict = Verdict()
    private let history: History
    private var stored: [History.Label: [History.Place]] = [:]
    private var sentAt: [History.Label: UInt64] = [:]
    private var connection: [History.Label: Int] = [:]
    private var acknowledged: [History.Label: History.Place] = [:]
    private var refused: Set<History.Label> = []
    private var screens: [Screen.Key: Screen] = [:]
    private var healedAt: UInt64?
    private var openings: [String: Int] = [:]
    /// Connections, as `NAME/NUMBER`, whose client was sent away by a gateway that drains.
    private var sentAway: Set<History.Label> = []

    /// What one reader has been shown of one conversation.
    private struct Screen {
        struct Key: Hashable {
            let reader: String
            let conversation: String
        }

        /// What is stored, by id.
        var seqs: [String: Int] = [:]
        var last = 0
        /// What is not.
        var ghosts: [History.Place: History.Label] = [:]
    }

    static func check(_ history: History) -> Verdict {
        var checker = HistoryChecker(history: history)
        checker.readLog()
        checker.readEvents()
        checker.checkSenders()
        checker.checkReaders()
        return checker.verdict
    }

    private init(history: History) { self.history = history }

    private func dialect(of name: String) -> History.Dialect { history.participants[name]?.dialect ?? .full }

    // MARK: What is stored

    private mutating func readLog() {
        for entry in history.log { stored[entry.label, default: []].append(entry.place) }
        for (label, places) in stored where places.count > 1 {
            verdict.note(\.duplicated, "\(label) is stored \(places.count) times: \(places)")
        }
    }

    /// A sender's messages stand in the log in the order in which it sent them: in the full dialect whatever happened, in
    /// the guide dialect as long as its connection lasted.
    private mutating func checkSenders() {
        struct Run: Hashable {
            let sender: String
            let conversation: String
            let connection: Int
        }
        var last: [Run: Int] = [:]
        for entry in history.log {
            let isGuide = dialect(of: entry.label.sender) == .guide
            let run = Run(
                sender: entry.label.sender,
                conversation: entry.place.conversation,
                connection: isGuide ? connection[entry.label] ?? 0 : 0
            )
            if let before = last[run], before > entry.label.number {
                verdict.note(\.outOfOrder, "\(entry.label) is stored after \(entry.label.sender)/\(before)")
            }
            last[run] = max(last[run] ?? 0, entry.label.number)
        }
        for (label, place) in acknowledged {
            guard let places = stored[label] else {
                verdict.note(\.forgotten, "\(label) was acknowledged as \(place) and is not stored")
                continue
            }
            if !places.contains(place) {
                verdict.note(\.different, "\(label) was acknowledged as \(place) and is stored as \(places)")
            }
        }
        verdict.acknowledged = acknowledged.count
        for label in stored.keys where dialect(of: label.sender) == .guide {
            verdict.acknowledged += sentAt[label] == nil ? 0 : 1
        }
        for label in sentAt.keys
        where dialect(of: label.sender) == .full && acknowledged[label] == nil && !refused.contains(label) {
            verdict.note(\.unanswered, "\(label) was neither acknowledged nor refused")
        }
        // In the guide dialect nobody would say so.
        for (label, connection) in connection
        where dialect(of: label.sender) == .guide && stored[label] == nil
            && sentAway.contains(History.Label(label.sender, connection))
        {
            verdict.unsaved += 1
        }
        for openings in openings.values where openings > 1 {
            verdict.reconnects += openings - 1
            verdict.mostReconnects = max(verdict.mostReconnects, openings - 1)
        }
    }

    // MARK: What was told

    private mutating func readEvents() {
        for (time, event) in history.events {
            switch event {
            case .sent(let label, let connection):
                verdict.sent += 1
                sentAt[label] = time
                self.connection[label] = connection
            case .acknowledged(let label, let place):
                if let first = acknowledged[label], first != place {
                    verdict.note(\.different, "\(label) was acknowledged as \(first), then as \(place)")
                }
                acknowledged[label] = acknowledged[label] ?? place
            case .refused(let label): refused.insert(label)
            case .struck: healedAt = nil
            case .healed: healedAt = time
            case .opened(let name, _): openings[name, default: 0] += 1
            case .closed(let name, let connection, let code):
                if code == 1001 { sentAway.insert(History.Label(name, connection)) }
            case .suppressed: verdict.suppressed += 1
            case .shown(let reader, let label, let place): shown(label, place, to: reader, at: time)
            case .reset(let reader, let conversation, let from):
                verdict.resets += 1
                let key = Screen.Key(reader: reader, conversation: conversation)
                guard var screen = screens[key] else { continue }
                screen.seqs = screen.seqs.filter { $0.value < from }
                screen.ghosts = screen.ghosts.filter { $0.key.seq < from }
                screen.last = min(screen.last, from - 1)
                screens[key] = screen
            }
        }
    }

    private mutating func shown(_ label: History.Label, _ place: History.Place, to reader: String, at time: UInt64) {
        let key = Screen.Key(reader: reader, conversation: place.conversation)
        var screen = screens[key] ?? Screen()
        defer { screens[key] = screen }
        guard let places = stored[label], places.contains(place) else {
            screen.ghosts[place] = label
            return
        }
        if screen.seqs[place.id] != nil {
            if dialect(of: reader) == .guide {
                verdict.repeated += 1
            } else {
                verdict.note(\.duplicated, "\(reader) was shown \(label), \(place), twice")
            }
            return
        }
        if place.seq <= screen.last {
            verdict.note(\.outOfOrder, "\(reader) was shown \(label), \(place), after seq \(screen.last)")
        }
        screen.seqs[place.id] = place.seq
        screen.last = max(screen.last, place.seq)
        verdict.delivered += 1
        if let sent = sentAt[label] {
            verdict.gaps.append(time - sent)
            if history.unheard.contains(label) { verdict.recoveries.append(time - sent) }
            if let healedAt, sent < healedAt { verdict.backlog = max(verdict.backlog, time - healedAt) }
        }
    }

    /// What happened to a reader in a conversation when it should have been shown the message at `seq`, in few words: times in
    /// seconds since the beginning, seqs, in parentheses those that it had already.
    private func tale(of reader: String, in conversation: String, at seq: Int) -> String {
        var words: [(text: String, seq: Int?)] = []
        var second: UInt64 = 0
        let begin = history.events.first?.at ?? 0
        for (at, event) in history.events {
            let word: (String, Int?)? =
                switch event {
                case .shown(reader, let label, let place) where place.conversation == conversation:
                    stored[label]?.contains(place) == true
                        ? ("\(place.seq)", place.seq) : ("\(place.seq), not stored", place.seq)
                case .suppressed(reader, let place) where place.conversation == conversation: ("(\(place.seq))", nil)
                case .acknowledged(let label, let place)
                where label.sender == reader && place.conversation == conversation:
                    ("own \(place.seq)", place.seq)
                case .reset(reader, conversation, let from): ("reset \(from)", from)
                case .opened(reader, _): ("open", nil)
                case .closed(reader, _, _): ("closed", nil)
                default: nil
                }
            guard let word else { continue }
            let now = (at - begin) / 1_000_000_000
            words.append((now == second ? word.0 : "[\(now) s] \(word.0)", word.1))
            second = now
        }
        let near = words.lastIndex { word in word.seq.map { abs($0 - seq) <= 1 } ?? false } ?? words.count - 1
        return words[max(0, near - 25)..<min(words.count, near + 15)].map(\.text).joined(separator: " ")
    }

    // MARK: What is owed

    private mutating func checkReaders() {
        for (key, screen) in screens {
            for (place, label) in screen.ghosts {
                // Nobody tells a reader of the guide dialect when the store has forgotten something.
                let isTold = dialect(of: key.reader) == .full
                verdict.note(
                    isTold ? \.different : \.ghosts,
                    "\(key.reader) was shown \(label), \(place), which is not stored"
                )
            }
        }
        for (name, participant) in history.participants where participant.isPresentAtEnd {
            for entry in history.log
            where entry.label.sender != name && participant.conversations.contains(entry.place.conversation) {
                let key = Screen.Key(reader: name, conversation: entry.place.conversation)
                if screens[key]?.seqs[entry.place.id] == nil {
                    let tale = verdict.unshown < 4 ? tale(of: name, in: key.conversation, at: entry.place.seq) : ""
                    verdict.note(\.unshown, "\(name) was never shown \(entry.label), \(entry.place); it has \(tale)")
                }
            }
        }
    }
}

/// What a run came to.
struct Verdict: Sendable {
    var sent = 0
    var acknowledged = 0
    /// Shown to a recipient for the first time.
    var delivered = 0
    /// Acknowledged and not stored.
    var forgotten = 0
    /// Stored and not shown to a recipient.
    var unshown = 0
    /// Shown to readers of the guide dialect and, as shown, not stored: Redis forgot them, and nobody says so.
    var ghosts = 0
    /// Stored twice, or shown twice to a reader of the full dialect.
    var duplicated = 0
    var outOfOrder = 0
    /// Acknowledged or shown as something other than what is stored.
    var different = 0
    /// Sent in the full dialect and at the end still without an answer.
    var unanswered = 0
    /// Shown again to readers of the guide dialect, which is allowed.
    var repeated = 0
    /// Arrived again and not shown by a client of the full dialect.
    var suppressed = 0
    /// How often a reader was told that the store does not have what it has.
    var resets = 0
    /// From sending to being shown, in nanoseconds.
    var gaps: [UInt64] = []
    /// The longest that a message which was sent before a fault ended was shown after its end, in nanoseconds.
    var backlog: UInt64 = 0
    /// Sent in the guide dialect on a connection that a draining gateway ended, and not stored. Promised as long as Redis is
    /// there.
    var unsaved = 0
    /// How often clients came back, all together, and the one that did so most.
    var reconnects = 0
    var mostReconnects = 0
    /// From sending to being shown of messages whose publication was lost on purpose, in nanoseconds.
    var recoveries: [UInt64] = []
    /// How much the memory of the gateway grew that grew most, in bytes.
    var memoryGrowth = 0
    /// What a scenario wants besides and did not get, in words.
    private(set) var complaints: [String] = []
    /// The first violations of each kind, in words.
    private(set) var examples: [String] = []

    /// What Redis may forget of what it was told last, as long as those readers are told that can be told.
    enum Tolerance: Sendable {
        case nothing
        /// What it has not confirmed.
        case unacknowledged
        case acknowledged
    }

    var keepsPromise: Bool { keepsPromise(.nothing) }

    mutating func complain(_ complaint: String) { complaints.append(complaint) }

    func keepsPromise(_ tolerance: Tolerance) -> Bool {
        lost(tolerance) + duplicated + outOfOrder + different + unanswered == 0 && complaints.isEmpty
            && (ghosts == 0 || tolerance != .nothing)
    }

    /// What counts as lost.
    func lost(_ tolerance: Tolerance = .nothing) -> Int { unshown + (tolerance == .acknowledged ? 0 : forgotten) }

    var longestGap: Duration { .nanoseconds(gaps.max() ?? 0) }

    /// The gap that 99 of 100 messages stay within.
    var usualGap: Duration { Self.ninetyNine(gaps) }

    /// The same of those whose publication was lost.
    var usualRecovery: Duration { Self.ninetyNine(recoveries) }

    private static func ninetyNine(_ gaps: [UInt64]) -> Duration {
        let sorted = gaps.sorted()
        return .nanoseconds(sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, sorted.count * 99 / 100)])
    }

    fileprivate mutating func note(_ count: WritableKeyPath<Verdict, Int>, _ example: @autoclosure () -> String) {
        self[keyPath: count] += 1
        if self[keyPath: count] <= 4 { examples.append(example()) }
    }
}
