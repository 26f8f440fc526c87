/// Finds the index of a topic by its bytes where they lie, without making a `String` or an array for each publication.
///
/// Open addressing; never more than half full.
package struct RedisTopicTable {
    private let topics: [[UInt8]]
    /// Indexes into `topics`, or -1; the size is a power of two.
    private let slots: [Int]

    /// A topic that is named twice has its first index.
    package init(_ topics: [String]) {
        let topics = topics.map { Array($0.utf8) }
        var size = 4
        while size < topics.count * 2 { size *= 2 }
        var slots = Array(repeating: -1, count: size)
        for (index, topic) in topics.enumerated() {
            var slot = topic.withUnsafeBytes { RedisTopicTable.hash($0) } & (size - 1)
            while slots[slot] >= 0, topics[slots[slot]] != topic { slot = (slot + 1) & (size - 1) }
            if slots[slot] < 0 { slots[slot] = index }
        }
        self.topics = topics
        self.slots = slots
    }

    package func index(of topic: UnsafeRawBufferPointer) -> Int? {
        var slot = RedisTopicTable.hash(topic) & (slots.count - 1)
        while slots[slot] >= 0 {
            if topics[slots[slot]].elementsEqual(topic) { return slots[slot] }
            slot = (slot + 1) & (slots.count - 1)
        }
        return nil
    }

    /// FNV-1a with a last mix. Topics are our own, so nobody chooses them to collide.
    private static func hash(_ bytes: UnsafeRawBufferPointer) -> Int {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return Int(truncatingIfNeeded: (hash ^ (hash >> 32)) >> 1)
    }
}
