import Testing

@Suite("The history checker")
struct HistoryCheckerTests {
    private typealias Label = History.Label
    private typealias Place = History.Place

    /// A customer and an agent of the full dialect, and a guest of the guide dialect, in one conversation.
    private struct Story {
        var history = History()
        private var time: UInt64 = 0

        init() {
            history.participants = [
                "customer": .init(dialect: .full, conversations: ["x"]),
                "agent": .init(dialect: .full, conversations: ["x"]),
                "guest": .init(dialect: .guide, conversations: ["x"]),
            ]
        }

        mutating func tell(_ events: History.Event...) {
            for event in events {
                time += 1_000_000
                history.record(event, at: time)
            }
        }

        mutating func store(_ label: Label, _ place: Place) { history.log.append(.init(place: place, label: label)) }

        var verdict: Verdict { HistoryChecker.check(history) }
    }

    private let first = Label("customer", 1)
    private let second = Label("customer", 2)
    private let atFirst = Place(conversation: "x", seq: 1, id: "one")
    private let atSecond = Place(conversation: "x", seq: 2, id: "two")

    /// Two messages of the customer that reached the others; each test spoils it.
    private func goodStory() -> Story {
        var story = Story()
        story.tell(.sent(first, connection: 1), .acknowledged(first, atFirst))
        story.tell(.sent(second, connection: 1), .acknowledged(second, atSecond))
        story.store(first, atFirst)
        story.store(second, atSecond)
        for reader in ["agent", "guest"] {
            story.tell(.shown(reader: reader, first, atFirst), .shown(reader: reader, second, atSecond))
        }
        return story
    }

    @Test("A run without a fault passes, and is counted")
    func good() {
        let verdict = goodStory().verdict
        #expect(verdict.keepsPromise, "\(verdict.examples)")
        #expect(verdict.sent == 2)
        #expect(verdict.acknowledged == 2)
        #expect(verdict.delivered == 4)
        #expect(verdict.longestGap == .milliseconds(6))
        #expect(verdict.examples == [])
    }

    @Test("An acknowledged message that is not stored is lost")
    func acknowledgedAndNotStored() {
        var story = goodStory()
        let third = Label("customer", 3)
        story.tell(.sent(third, connection: 1), .acknowledged(third, Place(conversation: "x", seq: 3, id: "three")))
        #expect(story.verdict.lost() == 1)
        #expect(!story.verdict.keepsPromise)
    }

    @Test("A stored message that a recipient was never shown is lost, for each such recipient")
    func storedAndNotShown() {
        var story = goodStory()
        let third = Label("customer", 3)
        let place = Place(conversation: "x", seq: 3, id: "three")
        story.tell(.sent(third, connection: 1), .acknowledged(third, place))
        story.store(third, place)
        #expect(story.verdict.lost() == 2)
        story.tell(.shown(reader: "guest", third, place))
        #expect(story.verdict.lost() == 1)
        story.history.participants["agent"]?.isPresentAtEnd = false
        #expect(story.verdict.lost() == 0)
        #expect(story.verdict.keepsPromise)
    }

    @Test("A guide client's message counts as acknowledged once it is stored, and is owed to the others")
    func guideMessage() {
        var story = goodStory()
        story.tell(.sent(Label("guest", 1), connection: 1), .sent(Label("guest", 2), connection: 1))
        #expect(story.verdict.keepsPromise, "What was not stored was not acknowledged.")
        story.store(Label("guest", 1), Place(conversation: "x", seq: 3, id: "three"))
        #expect(story.verdict.acknowledged == 3)
        #expect(story.verdict.lost() == 2)
    }

    @Test("A message shown twice is duplicated in the full dialect, and counted in the guide dialect")
    func shownTwice() {
        var story = goodStory()
        story.tell(.shown(reader: "guest", second, atSecond))
        #expect(story.verdict.keepsPromise)
        #expect(story.verdict.repeated == 1)
        story.tell(.shown(reader: "agent", second, atSecond))
        #expect(story.verdict.duplicated == 1)
        #expect(!story.verdict.keepsPromise)
    }

    @Test("A message stored twice is duplicated")
    func storedTwice() {
        var story = goodStory()
        let again = Place(conversation: "x", seq: 3, id: "three")
        story.store(second, again)
        for reader in ["agent", "guest"] { story.tell(.shown(reader: reader, second, again)) }
        #expect(story.verdict.duplicated == 1)
    }

    @Test("A message shown after a later one is out of order, in both dialects")
    func shownOutOfOrder() {
        var story = Story()
        story.tell(.sent(first, connection: 1), .acknowledged(first, atFirst))
        story.tell(.sent(second, connection: 1), .acknowledged(second, atSecond))
        story.store(first, atFirst)
        story.store(second, atSecond)
        for reader in ["agent", "guest"] {
            story.tell(.shown(reader: reader, second, atSecond), .shown(reader: reader, first, atFirst))
        }
        #expect(story.verdict.outOfOrder == 2)
        #expect(story.verdict.lost() == 0)
    }

    @Test("Messages stored in another order than sent are out of order, in the guide dialect within a connection")
    func storedOutOfOrder() {
        for (sender, connections, violations) in [
            ("customer", [1, 1], 1), ("customer", [1, 2], 1), ("guest", [1, 1], 1), ("guest", [1, 2], 0),
        ] {
            var story = Story()
            let labels = [Label(sender, 1), Label(sender, 2)]
            for (label, connection) in zip(labels, connections) { story.tell(.sent(label, connection: connection)) }
            story.store(labels[1], atFirst)
            story.store(labels[0], atSecond)
            #expect(story.verdict.outOfOrder == violations, "\(sender) \(connections)")
        }
    }

    @Test("An acknowledgement that names another place than the log has, or two places, is found")
    func acknowledgedDifferently() {
        var story = goodStory()
        story.tell(.acknowledged(second, Place(conversation: "x", seq: 3, id: "two")))
        #expect(story.verdict.different == 1)

        story = Story()
        story.tell(.sent(first, connection: 1), .acknowledged(first, atSecond))
        story.store(first, atFirst)
        for reader in ["agent", "guest"] { story.tell(.shown(reader: reader, first, atFirst)) }
        #expect(story.verdict.different == 1)
        #expect(story.verdict.lost() == 0)
    }

    @Test("A message shown as something that is not stored is found")
    func shownDifferently() {
        var story = goodStory()
        story.tell(.shown(reader: "agent", Label("customer", 3), Place(conversation: "x", seq: 3, id: "three")))
        #expect(story.verdict.different == 1)
        story = goodStory()
        story.tell(.shown(reader: "agent", first, Place(conversation: "x", seq: 3, id: "one more")))
        #expect(story.verdict.different == 1)
    }

    @Test("A message of the full dialect without any answer at the end is found, a refused one is answered")
    func unanswered() {
        var story = goodStory()
        story.tell(.sent(Label("customer", 3), connection: 1))
        #expect(story.verdict.unanswered == 1)
        #expect(!story.verdict.keepsPromise)
        story.tell(.refused(Label("customer", 3)))
        #expect(story.verdict.keepsPromise)
    }

    @Test("After a reset a reader may be shown again what the store does not have as it had it, and nothing before")
    func reset() {
        var story = goodStory()
        story.tell(.reset(reader: "agent", conversation: "x", from: 2), .shown(reader: "agent", second, atSecond))
        #expect(story.verdict.keepsPromise, "\(story.verdict.examples)")
        #expect(story.verdict.resets == 1)
        story.tell(.shown(reader: "agent", first, atFirst))
        #expect(story.verdict.duplicated == 1)
    }

    @Test("What is shown after a fault's end, and was sent before it, counts as its backlog")
    func backlog() {
        var story = Story()
        story.tell(.sent(first, connection: 1), .acknowledged(first, atFirst), .healed)
        story.tell(.sent(second, connection: 1), .acknowledged(second, atSecond))
        story.store(first, atFirst)
        story.store(second, atSecond)
        for reader in ["agent", "guest"] {
            story.tell(.shown(reader: reader, first, atFirst), .shown(reader: reader, second, atSecond))
        }
        #expect(story.verdict.backlog == 5_000_000)
        #expect(story.verdict.keepsPromise)
    }

    @Test(
        "What Redis forgot is lost; with a reset before its place is taken again that may be tolerated, in silence not"
    )
    func forgotten() {
        var story = goodStory()
        story.history.log.removeLast()
        let third = Label("customer", 3)
        let place = Place(conversation: "x", seq: 2, id: "three")
        story.store(third, place)
        #expect(story.verdict.different == 1, "The agent still has the second message on its screen.")
        story.tell(.reset(reader: "agent", conversation: "x", from: 2))
        story.tell(.sent(third, connection: 1), .acknowledged(third, place))
        for reader in ["agent", "guest"] { story.tell(.shown(reader: reader, third, place)) }
        let verdict = story.verdict
        #expect(verdict.different == 0)
        #expect(verdict.outOfOrder == 0)
        #expect(verdict.lost() == 1, "The customer was told that it is stored.")
        #expect(verdict.forgotten == 1)
        #expect(verdict.ghosts == 1, "The guest was shown it, and nobody can take it back.")
        #expect(!verdict.keepsPromise)
        #expect(!verdict.keepsPromise(.unacknowledged))
        #expect(verdict.keepsPromise(.acknowledged))
    }

    @Test("A guide message that its sender sent before it was sent away, and that is not stored, is found")
    func unsaved() {
        var story = goodStory()
        story.tell(.sent(Label("guest", 1), connection: 1), .closed("guest", connection: 1, code: nil))
        #expect(story.verdict.unsaved == 0, "Nobody promises what was on its way when the network went.")
        story.tell(.sent(Label("guest", 2), connection: 2), .closed("guest", connection: 2, code: 1001))
        #expect(story.verdict.unsaved == 1)
        story.store(Label("guest", 2), Place(conversation: "x", seq: 3, id: "three"))
        #expect(story.verdict.unsaved == 0)
    }

    @Test("Who came back is counted, and how often the one that did so most")
    func reconnects() {
        var story = goodStory()
        for (name, connections) in [("customer", 1), ("agent", 2), ("guest", 4)] {
            for connection in 1...connections { story.tell(.opened(name, connection: connection)) }
        }
        #expect(story.verdict.reconnects == 4)
        #expect(story.verdict.mostReconnects == 3)
    }

    @Test("How long a message took whose publication was lost is told apart")
    func recoveries() {
        var story = goodStory()
        story.history.unheard = [second]
        #expect(story.verdict.recoveries.count == 2)
        #expect(story.verdict.usualRecovery == .milliseconds(5))
    }

    @Test("What a scenario wants besides breaks the promise as well")
    func complaints() {
        var verdict = goodStory().verdict
        verdict.complain("The slow reader was not closed.")
        #expect(!verdict.keepsPromise)
        #expect(!verdict.keepsPromise(.acknowledged))
    }

    @Test("What a guide client was shown and Redis forgot may be tolerated where nobody was told that it is stored")
    func ghosts() {
        var story = goodStory()
        let third = Label("customer", 3)
        story.tell(.sent(third, connection: 1))
        story.tell(.shown(reader: "guest", third, Place(conversation: "x", seq: 3, id: "gone")))
        let again = Place(conversation: "x", seq: 3, id: "three")
        story.tell(.acknowledged(third, again))
        story.store(third, again)
        for reader in ["agent", "guest"] { story.tell(.shown(reader: reader, third, again)) }
        #expect(story.verdict.ghosts == 1)
        #expect(!story.verdict.keepsPromise)
        #expect(story.verdict.keepsPromise(.unacknowledged))
    }

    @Test("What a client got again and did not show is no violation")
    func suppressed() {
        var story = goodStory()
        story.tell(.suppressed(reader: "agent", atSecond))
        #expect(story.verdict.keepsPromise)
        #expect(story.verdict.suppressed == 1)
    }

    @Test("A label is read from a message's text, and from nothing else")
    func labels() {
        #expect(Label(content: "c3/17 and more") == Label("c3", 17))
        #expect(Label(content: "c3/17") == Label("c3", 17))
        for text in ["", "hello", "c3/", "/1", "a/b", "1/2/3"] { #expect(Label(content: text) == nil, "\(text)") }
    }
}
