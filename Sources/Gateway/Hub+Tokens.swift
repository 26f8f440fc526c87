import Messaging
import NIOCore

/// Tokens that ended before their time, and agents that are no longer who they were.
extension Hub {
    /// How long to wait before Redis is asked again.
    private static let tokenCheckPause = TimeAmount.seconds(1)

    /// Closes those of `connections` whose token Redis no longer has, or stands for an agent with another role or name now.
    ///
    /// All of a principal's tokens were revoked, or a publication that would have said so may be lost. Redis is asked,
    /// because a token that was issued since the revocation must live.
    ///
    /// - Parameter areSuspect: whether to close them also if Redis gives no answer; otherwise it is asked again.
    func closeEnded(of connections: some Sequence<Connection>, areSuspect: Bool = false) {
        for (partition, connections) in Dictionary(grouping: connections, by: \.tokenPartition) {
            log.findEndedTokens(connections.map(\.token), in: partition) { [self] result in
                switch result {
                case .success(let ended):
                    for connection in connections {
                        switch ended[connection.token.hash] {
                        case nil: break
                        case .changed: connection.close(.changed)
                        case .gone where areSuspect: connection.close(.revoked)
                        case .gone: connection.tokenVanished()
                        }
                    }
                case .failure where areSuspect:
                    for connection in connections { connection.close(.revoked) }
                case .failure: checkTokensLater(of: connections)
                }
            }
        }
    }

    fileprivate func checkTokensLater(of connections: [Connection]) {
        eventLoop.scheduleTask(in: Self.tokenCheckPause) { [self] in
            closeEnded(of: connections.filter { $0.socket != nil })
        }
    }
}

extension Connection {
    /// Where the token's record is.
    var tokenPartition: Partition { principal.isAgent ? .ofAgents : principal.id.partition }

    /// Redis's clock may be so far from ours.
    private static let maxClockDifference = 10_000

    /// Redis does not have the token's record: it was revoked, or its time is over by Redis's clock, or Redis lost it (a
    /// failover, a power cut). In the last case nobody sent this client away: it only needs a new token.
    fileprivate func tokenVanished() {
        guard token.expiresAt.milliseconds > Timestamp.now.milliseconds + 1000 else { return close(.expired) }
        hub.log.findLastRevocation(of: principal) { [self] result in
            switch result {
            case .success(let last):
                let isOld = (last?.milliseconds ?? 0) + Self.maxClockDifference < begin.milliseconds
                close(isOld ? .unauthenticated : .revoked)
            case .failure:
                // 4004 is final: not on a guess.
                hub.checkTokensLater(of: [self])
            }
        }
    }
}
