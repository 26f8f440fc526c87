package import NIOCore

/// Elements by when it is their turn: a ring of slots, each of which is taken as a whole, so that neither putting one in nor
/// taking it costs more when there are many.
///
/// Source: Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", 1987, scheme 4.
package struct TimingWheel<Element> {
    /// How long a slot lasts: by so much, at most, an element's turn comes late.
    package let slot: TimeAmount
    private var slots: [[Element]]
    private var count = 0
    /// The last slot that was taken, counted from the beginning of the clock.
    private var taken: UInt64 = 0

    /// - Parameter span: How far ahead an element may be due; one that is due later has its turn early.
    package init(slot: TimeAmount, span: TimeAmount) {
        self.slot = slot
        // The slot that has begun is none of these, the one after the last is.
        slots = Array(repeating: [], count: Int(span.nanoseconds / slot.nanoseconds) + 2)
    }

    package var isEmpty: Bool { count == 0 }

    private func number(_ time: NIODeadline) -> UInt64 { time.uptimeNanoseconds / UInt64(slot.nanoseconds) }

    package mutating func append(_ element: Element, due: NIODeadline, at now: NIODeadline) {
        if isEmpty { taken = number(now) }
        // The slot in which it is due has to be over; one that was taken already would come a whole turn of the wheel later.
        let turn = min(max(number(due) + 1, taken + 1), taken + UInt64(slots.count))
        slots[Int(turn % UInt64(slots.count))].append(element)
        count += 1
    }

    /// Those whose time has come, the earlier slot first.
    package mutating func take(until now: NIODeadline) -> [Element] {
        let last = max(number(now), taken)
        var due: [Element] = []
        for turn in taken..<min(last, taken + UInt64(slots.count)) {
            let index = Int((turn + 1) % UInt64(slots.count))
            due += slots[index]
            slots[index] = []
        }
        taken = last
        count -= due.count
        return due
    }
}
