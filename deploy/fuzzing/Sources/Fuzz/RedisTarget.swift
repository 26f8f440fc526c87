@testable import Hiredis
@testable import Messaging
import NIOCore

/// One byte that says which, one for the lengths of the pieces, then what Redis sends: replies in RESP2, or the payload of one
/// publication; or the arguments of a command, which must come back from the reader as they went into the writer.
enum RedisTarget: FuzzTarget {
    static func run(_ input: UnsafeRawBufferPointer) {
        guard input.count >= 2 else { return }
        let bytes = Array(input.dropFirst(2))
        switch input[0] & 3 {
        case 0, 1: checkReplies(bytes, seed: input[1])
        case 2:
            check(publication: bytes)
            checkRecords(bytes)
        default: checkCommand(bytes)
        }
    }

    // MARK: Replies

    private static func checkReplies(_ bytes: [UInt8], seed: UInt8) {
        let whole = read([bytes[...]])
        let pieces = read(Pieces(of: bytes, seed: seed))
        promise(whole.replies == pieces.replies, "pieces are the same replies")
        promise(whole.isRefused == pieces.isRefused, "pieces are refused alike")
        for reply in whole.replies { decode(reply) }
    }

    private static func read(_ pieces: some Sequence<ArraySlice<UInt8>>) -> (replies: [RedisReply], isRefused: Bool) {
        let reader = HiredisReader()
        var replies: [RedisReply] = []
        for piece in pieces {
            do {
                try piece.withUnsafeBytes { bytes in
                    try reader.feed(bytes) { reply in
                        let value = reply.value()
                        promise(reply.count == value.array?.count ?? 0, "an array has its elements")
                        for index in 0..<reply.count {
                            promise(
                                reply.element(index)?.value() ?? .null == value.array![index],
                                "in place is the same"
                            )
                        }
                        promise(reply.element(reply.count) == nil, "there is nothing past the end")
                        replies.append(value)
                        return true
                    }
                }
            } catch {
                promise((error as? RedisError)?.code == .protocolViolation, "what is not RESP is refused as that")
                return (replies, true)
            }
        }
        return (replies, false)
    }

    /// All that the project reads out of replies.
    private static func decode(_ reply: RedisReply) {
        let server = RedisEndpoint(host: "127.0.0.1", port: 6379)
        let id = UniqueID("01234567-89ab-4cde-8f01-23456789abcd")!
        if let map = RedisClusterMap(reply, asked: server) {
            for slot in [0, 1, RedisSlot.count - 1] {
                if let primary = map.primary(of: slot) {
                    promise(map.primaries.contains(primary), "a slot has a primary")
                }
            }
        }
        _ = reply.int
        if let text = reply.string { _ = HandshakeStep.runID(in: text) }
        if case .error(let text) = reply { _ = RedisRedirection(RedisError(reply: text), from: server) }
        if let array = reply.array { _ = RecordFields(array)?.timestamp("createdAt") }
        if let conversation = Conversation(id: id, row: reply, isCounted: true) {
            promise(conversation.unread ?? 0 >= 0, "no fewer than none are unread")
            promise(
                conversation.lastMessage?.content.unicodeScalars.count ?? 0 <= MessagePreview.maxCharacters,
                "short"
            )
        }
        if let page = LogPage(reply: reply, conversation: id) { for message in page.messages { check(message) } }
        _ = ConversationPosition(reply)
        if let bytes = reply.bytes {
            check(publication: bytes)
            promise(UniqueID.list(bytes).count == bytes.count / 16, "a list of ids has 16 bytes for each")
        }
    }

    // MARK: Publications

    private static func check(publication bytes: [UInt8]) {
        _ = Publication.read(ByteBuffer(bytes: bytes)) { publication in
            switch publication {
            case .message(let item): check(item.message)
            case .note(let note):
                var json = ByteBuffer()
                note.writeJSON(into: &json)
            case .assignment(let item): promise(item.assigneeName.readableBytes <= bytes.count, "a name is a part")
            default: break
            }
        }
    }

    private static func checkRecords(_ bytes: [UInt8]) {
        let id = UniqueID("01234567-89ab-4cde-8f01-23456789abcd")!
        let record = ByteBuffer(bytes: bytes)
        if let message = Message(record: record, conversation: id, seq: 1, generation: 1, channel: .web) {
            check(message)
        }
        if let note = Note(record: record, conversation: id) {
            var json = ByteBuffer()
            note.writeJSON(into: &json)
        }
    }

    private static func check(_ message: Message) {
        promise(message.at.iso8601.utf8.count == 20, "a time has 20 characters")
        var json: [UInt8] = []
        message.writeJSON(into: &json)
        promise(json.last == UInt8(ascii: "}"), "a message is written to its end")
    }

    // MARK: Commands

    private static func checkCommand(_ bytes: [UInt8]) {
        let arguments = bytes.split(separator: 0xff, omittingEmptySubsequences: false).map(Array.init)
        var command = RedisCommand("X")
        for argument in arguments { command.append(argument) }
        _ = command.slot
        var sent = ByteBuffer()
        promise(HiredisEncoder.append(command, to: &sent), "there is memory")
        let (replies, isRefused) = read([Array(sent.readableBytesView)[...]])
        promise(!isRefused, "a command is RESP")
        promise(replies == [.array(([Array("X".utf8)] + arguments).map { .bulk($0) })], "arguments arrive as they are")
        let slot = bytes.withUnsafeBytes { RedisSlot.of($0) }
        promise(0..<RedisSlot.count ~= slot, "a key has a slot")
    }
}
