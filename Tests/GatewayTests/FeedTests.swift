import Gateway
import Hiredis
import Messaging
import NIOCore
import Testing

@Suite("A feed: one connection's position in one conversation")
struct FeedTests {
    private let conversation = UniqueID(in: Partition(3))
    private let customer = UniqueID(in: Partition(3))

    private func message(_ seq: Int, generation: Int = 1) -> EncodedMessage {
        let tail = Message.recordTail(
            content: ByteBuffer(string: "\"m\(seq)\""),
            metadata: nil,
            clientMessageID: nil,
            senderNote: nil
        )
        var record = ByteBuffer(string: "\(UniqueID(in: Partition(3))) a \(UniqueID(in: Partition(0))) 1 - ")
        record.writeImmutableBuffer(tail)
        return EncodedMessage(
            Message(
                record: record,
                conversation: conversation,
                seq: seq,
                generation: generation,
                channel: .web
            )!
        )
    }

    private func page(
        _ seqs: [Int],
        last: Int,
        generation: Int = 1,
        survived: Int = 0,
        base: Int = 0,
        isKnown: Bool = true
    ) -> LogPage {
        let entries = seqs.flatMap { seq -> [RedisReply] in
            let text = "\(UniqueID(in: Partition(3))) a \(UniqueID(in: Partition(0))) 1 - 3 0 0 0\n\"m\""
            return [.integer(seq), .bulk(Array(text.utf8))]
        }
        return LogPage(
            reply: .array([
                .bulk(Array(customer.description.utf8)), .bulk(Array("WEB".utf8)), .bulk(Array("waiting".utf8)),
                .bulk([]), .integer(generation), .integer(survived), .integer(last), .integer(base), .integer(0),
                .array(entries), .integer(isKnown ? 1 : 0),
            ]),
            conversation: conversation
        )!
    }

    /// Reads a page into `feed` and returns the seqs it delivered.
    private func take(_ page: LogPage, into feed: inout Feed, own: Set<Int> = []) -> [Int] {
        _ = feed.received(page)
        let delivered = page.messages.filter { feed.take($0, isOwn: own.contains($0.seq)) }.map(\.seq)
        feed.finishPage()
        return delivered
    }

    @Test("Messages in order are delivered as they arrive, and again never")
    func deliversInOrder() {
        var feed = Feed(generation: 1, base: 0, newest: 0)
        for seq in 1...5 {
            #expect(feed.arrived(message(seq), isOwn: false, appendsInFlight: false) == .deliver)
            #expect(feed.arrived(message(seq), isOwn: false, appendsInFlight: false) == .nothing)
        }
        #expect(feed.delivered == 5)
        #expect(feed.acknowledged == 0)
    }

    @Test("A gap is read from the log, and what arrives meanwhile is neither lost nor doubled")
    func readsGap() {
        var feed = Feed(generation: 1, base: 0, newest: 0)
        #expect(feed.arrived(message(1), isOwn: false, appendsInFlight: false) == .deliver)
        #expect(feed.arrived(message(3), isOwn: false, appendsInFlight: false) == .read)
        #expect(feed.beginReading() == 1)
        #expect(feed.beginReading() == nil)
        #expect(feed.arrived(message(4), isOwn: false, appendsInFlight: false) == .nothing)
        // The page was read before 4 was stored.
        #expect(take(page([2, 3], last: 3), into: &feed) == [2, 3])
        #expect(feed.state == .behind)
        #expect(feed.beginReading() == 3)
        #expect(take(page([4], last: 4), into: &feed) == [4])
        #expect(feed.state == .live)
        #expect(feed.arrived(message(5), isOwn: false, appendsInFlight: false) == .deliver)
    }

    @Test("An answer that overtakes the reply to the own message before it waits for that reply")
    func waitsForOwnReply() {
        var feed = Feed(generation: 1, base: 0, newest: 0)
        #expect(feed.arrived(message(2), isOwn: false, appendsInFlight: true) == .nothing)
        #expect(feed.arrived(message(4), isOwn: false, appendsInFlight: true) == .nothing)
        #expect(feed.arrived(message(3), isOwn: false, appendsInFlight: true) == .nothing)
        #expect(feed.next() == nil)
        #expect(feed.hasGap)
        #expect(feed.stored(1, generation: 1) == .nothing)
        #expect(feed.next()?.message.seq == 2)
        #expect(feed.next()?.message.seq == 3)
        #expect(feed.next()?.message.seq == 4)
        #expect(feed.next() == nil)
        #expect(!feed.hasGap)
        // Only the first was the client's own; the others wait for its acknowledgement.
        #expect(feed.acknowledged == 1)
    }

    @Test("An own message past a missing one waits until that arrives")
    func ownPastMissing() {
        var feed = Feed(generation: 1, base: 0, newest: 0)
        #expect(feed.stored(2, generation: 1) == .nothing)
        #expect(feed.stored(3, generation: 1) == .nothing)
        #expect(feed.hasGap)
        #expect(feed.arrived(message(1), isOwn: false, appendsInFlight: false) == .deliver)
        #expect(feed.delivered == 3)
        #expect(feed.acknowledged == 0)
        #expect(feed.acknowledge(1, generation: 1) == true)
        #expect(feed.acknowledge(3, generation: 1) == true)
    }

    @Test("A feed that holds too much ahead reads the log instead")
    func aheadIsBounded() {
        var feed = Feed(generation: 1, base: 0, newest: 0)
        var actions: [Feed.Action] = []
        for seq in 2...(Feed.maxAhead + 2) {
            actions.append(feed.arrived(message(seq), isOwn: false, appendsInFlight: true))
        }
        #expect(actions.dropLast().allSatisfy { $0 == .nothing })
        #expect(actions.last == .read)
    }

    @Test("A client that holds what did not survive is told, and gets what follows the last survivor")
    func rewindsToSurvivor() {
        var feed = Feed(generation: 1, base: 0, newest: 0)
        for seq in 1...10 { _ = feed.arrived(message(seq), isOwn: false, appendsInFlight: false) }
        #expect(feed.arrived(message(9, generation: 2), isOwn: false, appendsInFlight: false) == .read)
        #expect(feed.beginReading() == 10)
        #expect(feed.received(page([], last: 9, generation: 2, survived: 8)) == .rewound(to: 8))
        feed.finishPage()
        #expect(feed.state == .behind)
        #expect(feed.beginReading() == 8)
        #expect(take(page([9], last: 9, generation: 2, survived: 8), into: &feed) == [9])
        #expect(feed.state == .live)
        #expect(feed.generation == 2)
    }

    @Test("What was shown by a server that the log knows nothing of is taken back to where that server began")
    func rewindsToAncestor() {
        var feed = Feed(generation: 1, base: 0, newest: 0)
        for seq in 1...10 { _ = feed.arrived(message(seq), isOwn: false, appendsInFlight: false) }
        // One of two primaries goes on from 9, and is heard up to 12.
        _ = feed.arrived(message(10, generation: 7), isOwn: false, appendsInFlight: false)
        _ = feed.beginReading()
        #expect(feed.received(page([11], last: 11, generation: 7, survived: 9)) == .rewound(to: 9))
        feed.finishPage()
        _ = feed.beginReading()
        #expect(take(page([10, 11], last: 11, generation: 7, survived: 9), into: &feed) == [10, 11])
        #expect(feed.arrived(message(12, generation: 7), isOwn: false, appendsInFlight: false) == .deliver)
        // The other one, which stays, had begun before it, from 10.
        #expect(feed.arrived(message(13, generation: 6), isOwn: false, appendsInFlight: false) == .read)
        #expect(feed.beginReading() == 12)
        #expect(feed.received(page([13], last: 13, generation: 6, survived: 13, isKnown: false)) == .rewound(to: 9))
        feed.finishPage()
        #expect(feed.beginReading() == 9)
        let rest = page([10, 11, 12, 13], last: 13, generation: 6, survived: 10)
        #expect(take(rest, into: &feed) == [10, 11, 12, 13])
        #expect(feed.state == .live)
        #expect(feed.generation == 6)
    }

    @Test("A position that the log no longer holds is a hole, not a silence")
    func reportsHole() {
        var feed = Feed(generation: 1, base: 2, newest: 9)
        #expect(feed.beginReading() == 2)
        let trimmed = page([7, 8, 9], last: 9)
        #expect(feed.received(trimmed) == .hole(from: 7))
        #expect(trimmed.messages.filter { feed.take($0, isOwn: false) }.map(\.seq) == [7, 8, 9])
        feed.finishPage()
        #expect(feed.state == .live)
    }

    @Test("A conversation without a position begins where the first page says")
    func opensByBase() {
        var feed = Feed.unknown
        #expect(feed.beginReading() == 0)
        #expect(feed.arrived(message(6), isOwn: false, appendsInFlight: false) == .nothing)
        #expect(take(page([5], last: 5, base: 4), into: &feed) == [5])
        #expect(feed.state == .behind)
        #expect(feed.acknowledged == 4)
        #expect(feed.beginReading() == 5)
        #expect(take(page([6], last: 6, base: 5), into: &feed) == [6])
        #expect(feed.state == .live)
    }

    @Test("Own messages of a page are passed over")
    func passesOwnInPage() {
        var feed = Feed(generation: 1, base: 0, newest: 3)
        #expect(feed.beginReading() == 0)
        #expect(take(page([1, 2, 3], last: 3), into: &feed, own: [1, 3]) == [2])
        #expect(feed.delivered == 3)
        #expect(feed.acknowledged == 1)
    }

    @Test("Acknowledgements move forward only, and never past what was delivered")
    func acknowledges() {
        var feed = Feed(generation: 1, base: 0, newest: 0)
        for seq in 1...3 { _ = feed.arrived(message(seq), isOwn: false, appendsInFlight: false) }
        #expect(feed.acknowledge(4, generation: 1) == false)
        #expect(feed.acknowledge(2, generation: 2) == false)
        #expect(feed.acknowledge(2, generation: 1) == true)
        #expect(feed.acknowledge(2, generation: 1) == false)
        #expect(feed.acknowledge(1, generation: 1) == false)
        #expect(feed.acknowledged == 2)
    }

    @Test("A resume while a page is under way takes effect after it, and nothing of that page is delivered before")
    func rewindsAfterPage() {
        var feed = Feed(generation: 1, base: 5, newest: 6)
        #expect(feed.beginReading() == 5)
        feed.rewind(to: 2)
        #expect(take(page([6], last: 6), into: &feed) == [])
        #expect(feed.state == .behind)
        #expect(feed.beginReading() == 2)
        #expect(take(page([3, 4, 5, 6], last: 6), into: &feed) == [3, 4, 5, 6])
    }

    @Test("While the socket is full nothing is delivered, and everything is read afterwards")
    func fallsBehind() {
        var feed = Feed(generation: 1, base: 0, newest: 0)
        feed.fallBehind()
        #expect(feed.arrived(message(1), isOwn: false, appendsInFlight: false) == .nothing)
        #expect(feed.beginReading() == 0)
        feed.fallBehind()
        #expect(take(page([1], last: 1), into: &feed) == [1])
        // Something came after the page was read.
        #expect(feed.state == .behind)
    }

    @Test("What somebody else dealt with is skipped, also by a page that was asked for before")
    func skips() {
        var feed = Feed(generation: 1, base: 2, newest: 2)
        feed.skip(to: 1)
        #expect(feed.delivered == 2)
        feed.skip(to: 5)
        #expect(feed.arrived(message(6), isOwn: false, appendsInFlight: false) == .deliver)
        // The client has nothing of what was skipped to acknowledge.
        #expect(feed.acknowledged == 5)

        feed = Feed(generation: 1, base: 2, newest: 9)
        #expect(feed.beginReading() == 2)
        feed.skip(to: 5)
        #expect(take(page([3, 4, 5, 6, 7], last: 9), into: &feed) == [6, 7])
        #expect(feed.state == .behind)
        #expect(feed.beginReading() == 7)
    }

    @Test("A parked feed delivers nothing, forgets its page, and goes on from where it was")
    func parks() {
        var feed = Feed(generation: 1, base: 0, newest: 9)
        #expect(feed.beginReading() == 0)
        feed.park()
        #expect(feed.state == .live)
        #expect(!feed.hasGap)
        #expect(feed.isParked)
        feed.skip(to: 3)
        #expect(!feed.isParked)
        feed.fallBehind()
        #expect(feed.beginReading() == 3)
    }
}
