package import Logging
package import NIOCore
import Synchronization

/// Tells in the log how many clients were refused and why: one line a second at most, however many they are.
package final class RefusalLog: Sendable {
    package enum Cause: String, CaseIterable, Sendable {
        case origin
        case handshakes
        case failedTokens = "failed-tokens"
        case connectionsOfAddress = "connections-of-address"
        case connectionsOfToken = "connections-of-token"
        case connectionsOfCustomer = "connections-of-customer"
        /// Sockets that were closed before their request, for there were too many.
        case openRequests = "open-requests"
        /// WebSockets that were closed with 4029.
        case messages
    }

    private let counts = Mutex<[Cause: Int]>([:])
    private let eventLoop: any EventLoop
    private let logger: Logger

    /// - Parameter eventLoop: where the line is written.
    package init(eventLoop: any EventLoop, logger: Logger) {
        self.eventLoop = eventLoop
        self.logger = logger
    }

    package func count(_ cause: Cause) {
        let isFirst = counts.withLock { counts in
            counts[cause, default: 0] += 1
            return counts.count == 1 && counts[cause] == 1
        }
        guard isFirst else { return }
        eventLoop.scheduleTask(in: .seconds(1)) { self.write() }
    }

    private func write() {
        let counts = counts.withLock { counts in
            defer { counts = [:] }
            return counts
        }
        logger.warning(
            "Clients were refused.",
            metadata: Dictionary(uniqueKeysWithValues: counts.map { ("refused.\($0.rawValue)", "\($1)") })
        )
    }
}
