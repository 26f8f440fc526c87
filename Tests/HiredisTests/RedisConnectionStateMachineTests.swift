import Hiredis
import Testing

@Suite("When a connection is opened and opened again")
struct RedisConnectionStateMachineTests {
    /// The machine by reference, so that expectations may call what changes it.
    private final class Machine {
        private var machine = RedisConnectionStateMachine(
            backoff: RedisBackoff(first: .milliseconds(50), longest: .seconds(2))
        )

        var isOpen: Bool { machine.isOpen }
        func start() -> Bool { machine.start() }
        func succeed() -> RedisConnectionStateMachine.ConnectedAction { machine.connectSucceeded() }
        func fail(_ error: RedisError) -> Retry? { Retry(machine.connectFailed(error)) }
        func lose(_ error: RedisError) -> Retry? { Retry(machine.connectionLost(error)) }
        func retryDue() -> Bool { machine.retryDue() }
        func close() -> RedisConnectionStateMachine.CloseAction { machine.close() }
    }

    private struct Retry {
        let delay: Duration
        let isNews: Bool

        init?(_ action: RedisConnectionStateMachine.FailureAction) {
            guard case .retry(let delay, let isNews) = action else { return nil }
            self.delay = delay
            self.isNews = isNews
        }
    }

    private let refused = RedisError(.unavailable, "Connection refused.", mayHaveRun: false)
    private let loading = RedisError(.server(prefix: "LOADING"), "LOADING …", mayHaveRun: false)

    @Test("Connects once, however often it is started")
    func startsOnce() {
        let machine = Machine()
        #expect(machine.start())
        #expect(!machine.start())
        #expect(machine.succeed() == .adopt)
        #expect(machine.isOpen)
        #expect(!machine.start())
    }

    @Test("Tries again after every failure, for ever")
    func retriesForEver() {
        let machine = Machine()
        #expect(machine.start())
        for _ in 1...1000 {
            #expect(machine.fail(refused) != nil)
            #expect(!machine.isOpen)
            #expect(machine.retryDue())
            #expect(!machine.retryDue())
        }
        #expect(machine.succeed() == .adopt)
        #expect(machine.lose(refused) != nil)
        #expect(machine.retryDue())
    }

    @Test("A failure is news only when it differs from the one before")
    func news() {
        let machine = Machine()
        _ = machine.start()
        #expect(machine.fail(refused)?.isNews == true)
        _ = machine.retryDue()
        #expect(machine.fail(refused)?.isNews == false)
        _ = machine.retryDue()
        #expect(machine.fail(loading)?.isNews == true)
        _ = machine.retryDue()
        #expect(machine.fail(loading)?.isNews == false)
        _ = machine.retryDue()
        _ = machine.succeed()
        #expect(machine.lose(loading)?.isNews == true)
    }

    @Test("A connection is lost once")
    func losesOnce() {
        let machine = Machine()
        _ = machine.start()
        #expect(machine.lose(refused) == nil)
        _ = machine.succeed()
        #expect(machine.lose(refused) != nil)
        #expect(machine.lose(refused) == nil)
    }

    @Test("Closing while open closes the connection and nothing follows")
    func closesOpen() {
        let machine = Machine()
        _ = machine.start()
        _ = machine.succeed()
        #expect(machine.close() == .closeConnection)
        #expect(machine.close() == .none)
        #expect(machine.lose(refused) == nil)
        #expect(!machine.retryDue())
        #expect(!machine.start())
    }

    @Test("A connection that comes after the close is discarded")
    func discardsLate() {
        let machine = Machine()
        _ = machine.start()
        #expect(machine.close() == .abandonAttempt)
        #expect(machine.succeed() == .discard)
        #expect(machine.fail(refused) == nil)
    }

    @Test("Closing before the start or between attempts is complete at once")
    func closesIdle() {
        let idle = Machine()
        #expect(idle.close() == .complete)
        #expect(!idle.start())
        let waiting = Machine()
        _ = waiting.start()
        _ = waiting.fail(refused)
        #expect(waiting.close() == .complete)
        #expect(!waiting.retryDue())
    }

    @Test("The ceiling doubles up to the longest wait, and the wait is anywhere below it")
    func backoff() {
        let backoff = RedisBackoff(first: .milliseconds(50), longest: .seconds(2))
        let ceilings = (1...8).map { backoff.ceiling(afterFailures: $0) }
        #expect(ceilings == [50, 100, 200, 400, 800, 1600, 2000, 2000].map { .milliseconds($0) })
        #expect(backoff.ceiling(afterFailures: 1_000_000) == .seconds(2))
        let delays = (1...200).map { _ in backoff.delay(afterFailures: 7) }
        #expect(delays.allSatisfy { $0 >= .zero && $0 <= .seconds(2) })
        #expect(delays.contains { $0 < .seconds(1) })
        #expect(delays.contains { $0 > .seconds(1) })
    }

    @Test("A success starts the doubling anew")
    func successResets() {
        let machine = Machine()
        _ = machine.start()
        for _ in 1...20 {
            _ = machine.fail(refused)
            _ = machine.retryDue()
        }
        _ = machine.succeed()
        let retry = machine.lose(refused)
        #expect((retry?.delay ?? .seconds(99)) <= .milliseconds(50))
    }

    @Test(
        "By default nobody waits longer than half a second between two attempts to connect, however long Redis was away"
    )
    func defaultBackoff() {
        #expect(RedisBackoff().ceiling(afterFailures: 1000) == .milliseconds(500))
    }
}
