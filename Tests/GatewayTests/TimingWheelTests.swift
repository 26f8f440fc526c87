import Gateway
import NIOCore
import Testing

@Suite("A timing wheel")
struct TimingWheelTests {
    private var wheel = TimingWheel<Int>(slot: .milliseconds(10), span: .milliseconds(250))
    /// Not at the beginning of a slot.
    private let begin = NIODeadline.uptimeNanoseconds(12_345_678_901)

    /// Takes every millisecond what is due, from `begin` on.
    private mutating func whoseTurn(for time: TimeAmount) -> [(element: Int, at: NIODeadline)] {
        var turns: [(Int, NIODeadline)] = []
        for passed in 0...time.nanoseconds / 1_000_000 {
            let now = begin + .milliseconds(passed)
            turns += wheel.take(until: now).map { ($0, now) }
        }
        return turns
    }

    @Test("Each has its turn once, never early, and less than two slots late")
    mutating func turns() {
        for element in 0...250 { wheel.append(element, due: begin + .milliseconds(Int64(element)), at: begin) }
        #expect(!wheel.isEmpty)
        let turns = whoseTurn(for: .milliseconds(300))
        #expect(turns.map(\.element) == Array(0...250))
        for (element, at) in turns {
            let due = begin + .milliseconds(Int64(element))
            #expect(at >= due && at - due < .milliseconds(20), "\(element) came \((at - due).nanoseconds) ns late")
        }
        #expect(wheel.isEmpty)
    }

    @Test("Whoever looks late finds all that were due, and what comes then is not put behind them")
    mutating func late() {
        wheel.append(1, due: begin + .milliseconds(20), at: begin)
        wheel.append(2, due: begin + .milliseconds(200), at: begin)
        let late = begin + .seconds(5)
        wheel.append(3, due: late, at: late)
        #expect(wheel.take(until: late).sorted() == [1, 2, 3])
        #expect(wheel.isEmpty)
        wheel.append(4, due: late + .milliseconds(250), at: late)
        #expect(wheel.take(until: late + .milliseconds(249)).isEmpty)
        #expect(wheel.take(until: late + .milliseconds(270)) == [4])
    }

    @Test("What is due in the past, or later than the wheel reaches, has its turn within one round")
    mutating func outside() {
        wheel.append(1, due: begin - .seconds(1), at: begin)
        wheel.append(2, due: begin + .seconds(60), at: begin)
        #expect(whoseTurn(for: .milliseconds(280)).map(\.element) == [1, 2])
        #expect(wheel.isEmpty)
    }

    @Test("Nothing is due at the time at which it was looked last")
    mutating func twice() {
        _ = wheel.take(until: begin)
        wheel.append(1, due: begin, at: begin)
        #expect(wheel.take(until: begin).isEmpty)
        #expect(wheel.take(until: begin + .milliseconds(10)) == [1])
    }
}
