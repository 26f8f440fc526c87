import Testing

/// One case of RFC 6455 as seen from outside: what a client sends, in which pieces, and what must come of it.
///
/// Numbered and judged as the Autobahn test suite does, whose cases these are. Its echo server is a conversation here: a text
/// is echoed when the agent has received it.
struct ConformanceCase: Sendable, CustomTestStringConvertible {
    enum Step: Sendable {
        case bytes([UInt8])
        /// Time for the server to react to what was sent before.
        case pause
    }

    /// What must be seen in the end.
    struct Outcome: Sendable, Equatable, CustomStringConvertible {
        /// The contents that the agent receives, in order.
        var echoes: [String] = []
        /// The payloads of the pongs, in order.
        var pongs: [String] = []
        /// The code of the server's close frame; 1005 for one without a code. `nil`: it closes only when the client does.
        var close: Int?
        /// Error codes that the client is told in the guide's shape, in order: frames are fine, what they say is not.
        var errors: [String] = []

        var description: String {
            let echoed = echoes.map { $0.count > 40 ? "\($0.prefix(20))… (\($0.utf8.count) bytes)" : $0 }
            return "echoes \(echoed), pongs \(pongs), close \(close.map(String.init) ?? "none"), errors \(errors)"
        }
    }

    enum Verdict: String, Sendable {
        case ok = "OK"
        case nonStrict = "NON-STRICT"
        case failed = "FAILED"
    }

    /// Such as `6.4.3`.
    let number: String
    let summary: String
    let steps: [Step]
    let expected: Outcome
    /// Outcomes that RFC 6455 allows although it recommends another.
    var tolerated: [Outcome] = []
    /// How many pieces the server may need until it closes: if it takes more, it did not fail fast.
    var failsWithin: Int?

    var testDescription: String { "\(number) \(summary)" }

    /// - Parameter pieces: how many pieces were sent before the server's close frame was there.
    func verdict(on outcome: Outcome, closedAfter pieces: Int) -> Verdict {
        guard outcome == expected else { return tolerated.contains(outcome) ? .nonStrict : .failed }
        return pieces <= failsWithin ?? .max ? .ok : .nonStrict
    }
}

/// How the cases are written down.
extension ConformanceCase {
    typealias Opcode = WebSocketClient.Opcode

    static func frame(_ opcode: Opcode, _ payload: some Sequence<UInt8>, fin: Bool = true, rsv: UInt8 = 0) -> [UInt8] {
        WebSocketClient.frame(opcode, Array(payload), isLast: fin, reservedBits: rsv)
    }

    /// A message as a client writes it, whose content is these bytes.
    static func message(_ content: some Sequence<UInt8>) -> [UInt8] {
        Array(#"{"content":""#.utf8) + content + Array("\"}".utf8)
    }

    static func message(_ content: String) -> [UInt8] { message(content.utf8) }

    /// A content that makes the message this many bytes long.
    static func content(forMessageOf bytes: Int) -> String {
        String(repeating: "*", count: bytes - message("").count)
    }

    /// A message in several frames: the first is text, the others continue it.
    static func fragments(_ pieces: [[UInt8]]) -> [[UInt8]] {
        pieces.enumerated().map { index, piece in
            frame(index == 0 ? .text : .continuation, piece, fin: index == pieces.count - 1)
        }
    }

    static func close(_ code: Int?, reason: some Sequence<UInt8> = [UInt8]()) -> [UInt8] {
        frame(.close, (code.map { [UInt8($0 >> 8), UInt8($0 & 255)] } ?? []) + reason)
    }

    /// Cuts bytes into steps of at most `size`, without pauses.
    static func chops(_ bytes: [UInt8], of size: Int) -> [Step] {
        stride(from: 0, to: bytes.count, by: size).map { .bytes(Array(bytes[$0..<min($0 + size, bytes.count)])) }
    }
}

extension Sequence {
    func pieces(of size: Int) -> [[Element]] {
        let all = Array(self)
        return stride(from: 0, to: all.count, by: size).map { Array(all[$0..<Swift.min($0 + size, all.count)]) }
    }
}
