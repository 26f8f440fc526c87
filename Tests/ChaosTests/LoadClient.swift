import Foundation
import NIOCore

/// Somebody who sends, reads, and writes down both.
///
/// Owner: the event loop of its connection.
protocol LoadClient: AnyObject, Sendable {
    var name: String { get }
    var connection: ClientConnection { get }
    /// Agents name the conversation; customers write in their own.
    var conversations: [String] { get set }
    /// Whether everything it sent was answered, as far as its dialect has answers, and it is connected.
    var isSettled: Bool { get }

    /// Says one more thing, unless too much waits already.
    func speak(in conversation: String?)
}

/// Takes down what all clients of a run send and see.
///
/// Owner: the clients' event loop.
// @unchecked: read and written on the clients' event loop only.
final class Recorder: @unchecked Sendable {
    private(set) var history = History()
    /// Frames that told a client of a problem, by their code.
    private(set) var problems: [String: Int] = [:]

    func record(_ event: History.Event) { history.record(event, at: NIODeadline.now().uptimeNanoseconds) }

    func add(_ name: String, _ participant: History.Participant) { history.participants[name] = participant }

    func recordOpenings(of connection: ClientConnection, _ name: String) {
        // A connection may outlive its client for a moment, and must not be kept by what it calls.
        connection.onOpen = { [self, weak connection] in
            if let connection { record(.opened(name, connection: connection.opened)) }
        }
        connection.onClose = { [self, weak connection] code in
            if let connection { record(.closed(name, connection: connection.opened, code: code)) }
        }
    }

    func noteProblem(_ code: String) { problems[code, default: 0] += 1 }

    // MARK: What is said

    /// A publication with this word is lost, if the gateways were told so (`UNSAFE_DISCARD_PUBLICATIONS`).
    static let unheardWord = "unheard"
    /// How many of the next messages have it, by chance.
    var unheardShare = 0.0
    private var chance: SeededGenerator

    init(seed: UInt64) { chance = SeededGenerator(seed: seed) }

    /// What makes a message as long as people's are.
    private static let padding = String(repeating: "请问我的订单什么时候发货？", count: 3)

    /// The text of the message that has this label.
    func text(of label: History.Label) -> String {
        guard unheardShare > 0, Double.random(in: 0..<1, using: &chance) < unheardShare else {
            return "\(label) \(Self.padding)"
        }
        history.unheard.insert(label)
        return "\(label) \(Self.unheardWord) \(Self.padding)"
    }
}

/// Any frame of either dialect, as far as these clients look at it.
struct ServerFrame: Decodable {
    struct Problem: Decodable { let code: String? }
    struct Standing: Decodable {
        let conversationId: String
        let generation: Int
        let seq: Int
    }

    let type: String?
    let conversationId: String?
    let senderId: String?
    let content: String?
    let id: String?
    let seq: Int?
    let generation: Int?
    let clientMessageId: String?
    let conversations: [Standing]?
    let from: Int?
    let retryAfterMs: Int?
    /// Of an `error` frame of the full dialect.
    let code: String?
    let retry: Bool?
    /// Of a problem in the guide dialect.
    let error: Problem?

    static func read(_ text: ByteBuffer) -> ServerFrame? {
        try? JSONDecoder().decode(ServerFrame.self, from: Data(text.readableBytesView))
    }

    /// Where the message, or the acknowledged one, stands.
    var place: History.Place? {
        guard let conversationId, let seq, let id else { return nil }
        return History.Place(conversation: conversationId, seq: seq, id: id)
    }

    var label: History.Label? { content.flatMap { History.Label(content: $0) } }
}
