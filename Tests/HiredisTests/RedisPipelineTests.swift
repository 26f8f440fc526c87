import Hiredis
import NIOCore
import Testing

@Suite("The commands that wait for an answer")
struct RedisPipelineTests {
    /// The queue by reference, so that expectations may call what changes it.
    private final class Queue {
        private var pipeline: RedisPipeline<Int>
        static let start = NIODeadline.uptimeNanoseconds(1_000_000)

        init(maxCommands: Int = 100, maxBytes: Int = 10_000) {
            pipeline = RedisPipeline(maxCommands: maxCommands, maxBytes: maxBytes)
        }

        var isEmpty: Bool { pipeline.isEmpty }

        func append(_ number: Int, bytes: Int = 10, deadline: Int64 = 5) {
            pipeline.append(
                RedisPipeline.Entry(
                    completion: number,
                    deadline: Queue.start + .nanoseconds(deadline),
                    bytes: bytes
                )
            )
        }

        func markWritten() { pipeline.markWritten() }
        func answer() -> Int? { pipeline.answerFirst()?.completion }
        func hasRoom(_ bytes: Int) -> Bool { pipeline.hasRoom(forBytes: bytes) }
        func isOverdue(_ nanoseconds: Int64) -> Bool {
            pipeline.isOverdue(at: Queue.start + .nanoseconds(nanoseconds))
        }
        func removeAll(_ nanoseconds: Int64) -> [(completion: Int, fate: RedisPipeline<Int>.Fate)] {
            pipeline.removeAll(at: Queue.start + .nanoseconds(nanoseconds))
        }
    }

    @Test("Answers belong to the commands in their order")
    func order() {
        let queue = Queue()
        for number in 1...3 { queue.append(number) }
        queue.markWritten()
        queue.append(4)
        #expect(queue.answer() == 1)
        #expect(queue.answer() == 2)
        queue.markWritten()
        #expect(queue.answer() == 3)
        #expect(queue.answer() == 4)
        #expect(queue.isEmpty)
    }

    @Test("An answer to what was not asked or not written belongs to nobody")
    func unasked() {
        let queue = Queue()
        #expect(queue.answer() == nil)
        queue.append(1)
        #expect(queue.answer() == nil)
        queue.markWritten()
        #expect(queue.answer() == 1)
        #expect(queue.answer() == nil)
    }

    @Test("The number of commands is limited, and an answer makes room")
    func limitsCommands() {
        let queue = Queue(maxCommands: 2)
        queue.append(1)
        #expect(queue.hasRoom(10))
        queue.append(2)
        #expect(!queue.hasRoom(0))
        queue.markWritten()
        _ = queue.answer()
        #expect(queue.hasRoom(10))
    }

    @Test("The bytes are limited, and an answer makes room")
    func limitsBytes() {
        let queue = Queue(maxBytes: 100)
        #expect(queue.hasRoom(100))
        #expect(!queue.hasRoom(101))
        queue.append(1, bytes: 60)
        #expect(queue.hasRoom(40))
        #expect(!queue.hasRoom(41))
        queue.markWritten()
        _ = queue.answer()
        #expect(queue.hasRoom(100))
    }

    @Test("At the end each command learns whether it was written and whether it was overdue")
    func fates() {
        let queue = Queue()
        queue.append(1, deadline: 5)
        queue.append(2, deadline: 10)
        queue.markWritten()
        queue.append(3, deadline: 5)
        #expect(!queue.isOverdue(4))
        #expect(queue.isOverdue(5))
        let ended = queue.removeAll(5)
        #expect(ended.map(\.completion) == [1, 2, 3])
        #expect(ended.map(\.fate) == [.expired, .written, .unwritten])
        #expect(queue.isEmpty)
        #expect(queue.hasRoom(10_000))
        #expect(queue.removeAll(99).isEmpty)
        #expect(!queue.isOverdue(99))
    }
}
