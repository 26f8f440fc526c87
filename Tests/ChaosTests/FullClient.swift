import NIOCore

/// A client of the full dialect that keeps its rules: an outbox that is sent again, a position in each conversation,
/// resuming, acknowledging, and showing nothing twice.
///
/// Owner: its connection's event loop.
// @unchecked: all state is read and written on the event loop only.
final class FullClient: LoadClient, @unchecked Sendable {
    /// Rules that a test may break, to see that it is noticed.
    struct Habits: Sendable {
        /// Whether a message that is sent again bears the `clientMessageId` of the first time.
        var keepsMessageIDs = true
        /// Whether what is at or before the position is not shown again.
        var deduplicates = true
    }

    private struct Outgoing {
        let label: History.Label
        let text: String
        let conversation: String?
        var attempts = 0
    }

    /// Messages of one conversation that are not acknowledged, in the order in which they were written.
    private struct Outbox {
        var messages: [Outgoing] = []
        /// The first so many are under way on this connection.
        var underWay = 0
    }

    /// Everything up to `seq` is on the screen, or is the client's own.
    private struct Position {
        var generation: Int
        var seq: Int
        /// The client's own messages past `seq`, with their generation.
        var own: [Int: Int] = [:]

        /// What was acknowledged in an earlier generation may be forgotten: its place is another message's then.
        mutating func take(_ seq: Int, generation: Int) {
            self.seq = seq
            self.generation = generation
            own = own.filter { $0.key > seq && $0.value >= generation }
            while own.removeValue(forKey: self.seq + 1) != nil { self.seq += 1 }
        }
    }

    let name: String
    let connection: ClientConnection
    var conversations: [String] = []
    private let habits: Habits
    private let recorder: Recorder
    private var count = 0
    private var outboxes: [String: Outbox] = [:]
    private var positions: [String: Position] = [:]
    private var isWelcome = false
    private var isPausing = false
    private var unsaid: Set<String> = []

    /// Messages of one outbox under way at once. With more than one, a message that is refused for the moment could be
    /// overtaken by the next.
    private static let window = 1
    /// More than this many messages in an outbox, and nothing more is written.
    private static let maxOutbox = 64

    init(name: String, connection: ClientConnection, recorder: Recorder, habits: Habits = Habits()) {
        self.name = name
        self.connection = connection
        self.recorder = recorder
        self.habits = habits
        recorder.recordOpenings(of: connection, name)
        connection.onOpen = { [weak self, onOpen = connection.onOpen] in
            self?.isWelcome = false
            onOpen()
        }
        connection.onText = { [weak self] in self?.received($0) }
    }

    var isSettled: Bool { connection.isOpen && isWelcome && outboxes.values.allSatisfy { $0.messages.isEmpty } }

    // MARK: The outbox

    func speak(in conversation: String?) {
        let key = conversation ?? ""
        guard outboxes[key, default: Outbox()].messages.count < Self.maxOutbox else { return }
        count += 1
        let label = History.Label(name, count)
        recorder.record(.sent(label, connection: connection.opened))
        let message = Outgoing(label: label, text: recorder.text(of: label), conversation: conversation)
        outboxes[key, default: Outbox()].messages.append(message)
        sendOutbox(key)
    }

    private func sendOutbox(_ key: String) {
        guard var outbox = outboxes[key], connection.isOpen, isWelcome, !isPausing else { return }
        while outbox.underWay < min(Self.window, outbox.messages.count) {
            outbox.messages[outbox.underWay].attempts += 1
            send(outbox.messages[outbox.underWay])
            outbox.underWay += 1
        }
        outboxes[key] = outbox
    }

    private func send(_ message: Outgoing) {
        let reference = message.conversation.map { #""conversationId":"\#($0)","# } ?? ""
        let id = habits.keepsMessageIDs ? "\(message.label)" : "\(message.label) \(message.attempts)"
        connection.send(
            #"{"type":"message",\#(reference)"clientMessageId":"\#(id)","content":"\#(message.text)"}"#
        )
    }

    private func remove(_ label: History.Label) {
        for (key, outbox) in outboxes {
            guard let index = outbox.messages.firstIndex(where: { $0.label == label }) else { continue }
            outboxes[key]?.messages.remove(at: index)
            if index < outbox.underWay { outboxes[key]?.underWay -= 1 }
            sendOutbox(key)
        }
    }

    /// The message can't be stored at the moment: from it on, the outbox is sent again after a pause.
    private func sendLater(_ label: History.Label) {
        for (key, outbox) in outboxes {
            guard let index = outbox.messages.firstIndex(where: { $0.label == label }) else { continue }
            outboxes[key]?.underWay = min(outbox.underWay, index)
        }
        guard !isPausing else { return }
        isPausing = true
        connection.eventLoop.scheduleTask(in: .milliseconds(200)) { [weak self] in
            guard let self else { return }
            isPausing = false
            for key in outboxes.keys { sendOutbox(key) }
        }
    }

    // MARK: What arrives

    private func received(_ text: ByteBuffer) {
        guard let frame = ServerFrame.read(text) else { return recorder.noteProblem("unreadable") }
        switch frame.type {
        case "welcome": welcomed(frame.conversations ?? [])
        case "ack":
            guard let place = frame.place, let label = frame.clientMessageId.flatMap({ History.Label(content: $0) })
            else { return recorder.noteProblem("ack") }
            acknowledged(label, place, generation: frame.generation ?? 0)
        case "message": shown(frame)
        case "reset":
            guard let conversation = frame.conversationId, let from = frame.from else { return }
            positions[conversation] = Position(generation: frame.generation ?? 0, seq: from - 1)
            recorder.record(.reset(reader: name, conversation: conversation, from: from))
        case "error":
            recorder.noteProblem(frame.code ?? "?")
            guard let label = frame.clientMessageId.flatMap({ History.Label(content: $0) }) else { return }
            if frame.retry == true { return sendLater(label) }
            recorder.record(.refused(label))
            remove(label)
        case "going_away": connection.goingAway(frame.retryAfterMs ?? 0)
        default: break
        }
    }

    private func welcomed(_ standings: [ServerFrame.Standing]) {
        isWelcome = true
        connection.welcomed()
        var current: [String: (generation: Int, seq: Int)] = [:]
        for standing in standings { current[standing.conversationId] = (standing.generation, standing.seq) }
        for (conversation, position) in positions
        where position.seq > 0 && (current[conversation] ?? (0, 0)) != (position.generation, position.seq) {
            connection.send(
                #"{"type":"resume","conversationId":"\#(conversation)","generation":\#(position.generation),"#
                    + #""seq":\#(position.seq)}"#
            )
        }
        for key in outboxes.keys {
            outboxes[key]?.underWay = 0
            sendOutbox(key)
        }
    }

    private func acknowledged(_ label: History.Label, _ place: History.Place, generation: Int) {
        recorder.record(.acknowledged(label, place))
        remove(label)
        var position = positions[place.conversation] ?? Position(generation: generation, seq: 0)
        if place.seq == position.seq + 1 {
            position.take(place.seq, generation: generation)
        } else if place.seq > position.seq {
            position.own[place.seq] = generation
        }
        positions[place.conversation] = position
    }

    private func shown(_ frame: ServerFrame) {
        guard let label = frame.label, let place = frame.place, let generation = frame.generation else {
            return recorder.noteProblem("not a message")
        }
        // An own one of an earlier connection is as good as its ack.
        if label.sender == name {
            acknowledged(label, place, generation: generation)
            return
        }
        var position = positions[place.conversation] ?? Position(generation: generation, seq: 0)
        if habits.deduplicates, place.seq <= position.seq {
            return recorder.record(.suppressed(reader: name, place))
        }
        position.take(place.seq, generation: generation)
        positions[place.conversation] = position
        recorder.record(.shown(reader: name, label, place))
        acknowledgeSoon(place.conversation)
    }

    private func acknowledgeSoon(_ conversation: String) {
        guard unsaid.insert(conversation).inserted, unsaid.count == 1 else { return }
        connection.eventLoop.scheduleTask(in: .milliseconds(50)) { [weak self] in
            guard let self else { return }
            for conversation in unsaid {
                guard let position = positions[conversation] else { continue }
                connection.send(
                    #"{"type":"ack","conversationId":"\#(conversation)","generation":\#(position.generation),"#
                        + #""seq":\#(position.seq)}"#
                )
            }
            unsaid = []
        }
    }
}
