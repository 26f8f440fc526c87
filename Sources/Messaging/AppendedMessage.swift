import Hiredis

/// Where an appended message stands in the log.
package struct AppendedMessage: Sendable, Equatable {
    package let id: UniqueID
    package let conversation: UniqueID
    package let seq: Int
    package let generation: Int
    package let at: Timestamp
    /// It was there before, with this sender and `clientMessageId`.
    package let isDuplicate: Bool

    /// Reads what `append_message.lua` answers to one message.
    ///
    /// - Parameters:
    ///   - id: the message's.
    ///   - named: the conversation that was named, if it was by an id.
    static func read(_ reply: RedisReply, id: UniqueID, named: UniqueID?) -> Result<AppendedMessage, MessagingError> {
        switch reply {
        case .bulk(let text):
            if let conversation = named, let (seq, generation, at) = numbers(text) {
                return .success(
                    AppendedMessage(
                        id: id,
                        conversation: conversation,
                        seq: seq,
                        generation: generation,
                        at: Timestamp(milliseconds: at),
                        isDuplicate: false
                    )
                )
            }
        case .error(let text): return .failure(MessagingError(RedisError(reply: text)))
        case .array(let parts):
            if parts.count == 2, parts[0].string == "refused" {
                return .failure(MessagingError(refusal: parts[1].string ?? ""))
            }
            let isDuplicate = parts.first?.string == "duplicate"
            if parts.count == (isDuplicate ? 6 : 5), let conversation = parts[1].string.flatMap({ UniqueID($0) }),
                let seq = parts[2].int, let generation = parts[3].int, let at = parts[4].int,
                let id = isDuplicate ? parts[5].string.flatMap({ UniqueID($0) }) : id
            {
                return .success(
                    AppendedMessage(
                        id: id,
                        conversation: conversation,
                        seq: seq,
                        generation: generation,
                        at: Timestamp(milliseconds: at),
                        isDuplicate: isDuplicate
                    )
                )
            }
        default: break
        }
        return .failure(.unexpectedReply(to: "append_message"))
    }

    /// Three numbers with spaces between.
    private static func numbers(_ text: [UInt8]) -> (Int, Int, Int)? {
        var numbers = (0, 0, 0)
        var spaces = 0
        guard text.count <= 60 else { return nil }
        for byte in text {
            if byte == UInt8(ascii: " ") {
                spaces += 1
                numbers = (numbers.1, numbers.2, 0)
            } else if UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte {
                numbers.2 = numbers.2 &* 10 &+ Int(byte - UInt8(ascii: "0"))
            } else {
                return nil
            }
        }
        return spaces == 2 ? numbers : nil
    }
}
