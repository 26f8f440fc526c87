/// What went wrong between this program and Redis: a code to switch on, a message for people, and whether the command
/// may have taken effect.
///
/// A caller that repeats a command looks at ``mayHaveRun`` first: `false` is a promise that Redis did not execute it.
package struct RedisError: Error, Sendable, Equatable {
    package enum Code: Sendable, Hashable {
        /// There is no connection at the moment, or its queue is full, or it closed before the command was written. The
        /// command was not sent. Answer "try again" at once; reconnecting is under way.
        case unavailable
        /// No answer within `commandTimeout`, or none while connecting. The connection is closed and opened anew, as
        /// its later answers could no longer be matched.
        case timedOut
        /// The connection was lost while the answer was awaited.
        case disconnected
        /// It ran, but too few replicas had it in time: a failover at this moment might lose it.
        case notReplicated
        /// Redis answered with an error; `prefix` is its first word, such as `WRONGTYPE`, `OOM`, `READONLY`, `LOADING`.
        case server(prefix: String)
        /// What came is not RESP2, or an answer to nothing. The connection is closed and opened anew.
        case protocolViolation
        /// The URL or a setting is not usable; the message says what to change.
        case configuration
    }

    package let code: Code
    /// One or more sentences for people. Never holds a password.
    package let message: String
    /// Whether Redis may have executed the command. Always `true` when that is not known.
    package let mayHaveRun: Bool

    package init(_ code: Code, _ message: String, mayHaveRun: Bool) {
        self.code = code
        self.message = message
        self.mayHaveRun = mayHaveRun
    }

    /// Redis's error reply, such as `WRONGTYPE Operation against a key holding the wrong kind of value`.
    ///
    /// Some prefixes mean that Redis looked at the command and refused to start it. The same words can come from inside
    /// a script that had already written something; those replies name the script, so they count as "may have run". Not
    /// so `READONLY`: a server does not become a replica while a script runs, so there the first write was refused too.
    package init(reply text: String) {
        let prefix = RedisError.prefix(of: text)
        let refused = RedisError.refusals.contains(prefix) && (prefix == "READONLY" || !text.contains("script:"))
        self.init(.server(prefix: prefix), text, mayHaveRun: !refused)
    }

    /// The first word of an error reply if it is in capitals, as all of Redis's own are; otherwise `ERR`.
    private static func prefix(of text: String) -> String {
        let word = text.prefix { $0 != " " }
        let isPrefix = !word.isEmpty && word.utf8.allSatisfy { (65...90).contains($0) || (48...57).contains($0) }
        return isPrefix ? String(word) : "ERR"
    }

    private static let refusals: Set<String> = [
        "ASK", "BUSY", "CLUSTERDOWN", "CROSSSLOT", "LOADING", "MASTERDOWN", "MISCONF", "MOVED", "NOAUTH", "NOPERM",
        "NOREPLICAS", "NOSCRIPT", "OOM", "READONLY", "TRYAGAIN", "WRONGPASS",
    ]
}

extension RedisError {
    static let notConnected = RedisError(
        .unavailable,
        "There is no connection to Redis at the moment.",
        mayHaveRun: false
    )
    static let closing = RedisError(
        .unavailable,
        "This program is closing its connection to Redis.",
        mayHaveRun: false
    )
    static let queueFull = RedisError(.unavailable, "Too many commands are waiting for Redis.", mayHaveRun: false)
}

extension RedisError: CustomStringConvertible {
    package var description: String {
        mayHaveRun ? "\(message) (the command may have run)" : message
    }
}
