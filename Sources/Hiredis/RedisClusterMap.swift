/// Which primary of a Redis Cluster has which slot, as one of its servers told.
package struct RedisClusterMap: Sendable {
    /// Each once.
    package private(set) var primaries: [RedisEndpoint] = []
    /// By slot: the index of its primary, or -1 if nobody has it.
    package private(set) var owners = [Int16](repeating: -1, count: RedisSlot.count)

    /// Reads the reply to `CLUSTER SLOTS`: `[[first, last, [host, port, id, …], replica …] …]`.
    ///
    /// - Parameter asked: The server that answered. A host that it does not know, its own, it leaves empty.
    /// - Returns: `nil` for what is no such reply, or one that names no primary: a server that is not in a cluster yet.
    package init?(_ reply: RedisReply, asked: RedisEndpoint) {
        guard let ranges = reply.array else { return nil }
        var indexes: [RedisEndpoint: Int16] = [:]
        for range in ranges {
            guard let range = range.array, range.count >= 3, let first = range[0].int, let last = range[1].int,
                0 <= first, first <= last, last < RedisSlot.count,
                let primary = range[2].array, primary.count >= 2, let port = primary[1].int
            else { return nil }
            let host = primary[0].string ?? ""
            let endpoint = RedisEndpoint(host: host.isEmpty || host == "?" ? asked.host : host, port: port)
            let index = indexes[endpoint] ?? Int16(primaries.count)
            if indexes.updateValue(index, forKey: endpoint) == nil { primaries.append(endpoint) }
            for slot in first...last { owners[slot] = index }
        }
        if primaries.isEmpty { return nil }
    }

    package func primary(of slot: Int) -> RedisEndpoint? {
        owners[slot] < 0 ? nil : primaries[Int(owners[slot])]
    }
}

/// What a server of a Redis Cluster says about a command that it did not run because the slot is not, or not wholly, its
/// own.
package enum RedisRedirection: Equatable {
    /// The slot is another's now.
    case moved(slot: Int, to: RedisEndpoint)
    /// The slot is on its way to another, which may have this key already.
    case ask(RedisEndpoint)
    /// The slot is on its way; some keys are here, some there.
    case tryAgain

    /// - Parameter server: Who answered. It may leave its host out if the other has the same one.
    package init?(_ error: RedisError, from server: RedisEndpoint) {
        guard case .server(let prefix) = error.code, ["MOVED", "ASK", "TRYAGAIN"].contains(prefix) else { return nil }
        if prefix == "TRYAGAIN" {
            self = .tryAgain
            return
        }
        // `MOVED 3999 127.0.0.1:6381`; an IPv6 address comes without brackets.
        let words = error.message.split(separator: " ")
        guard words.count == 3, let slot = Int(words[1]), 0..<RedisSlot.count ~= slot,
            let colon = words[2].lastIndex(of: ":"), let port = Int(words[2][words[2].index(after: colon)...])
        else { return nil }
        let host = words[2][..<colon]
        let target = RedisEndpoint(host: host.isEmpty || host == "?" ? server.host : String(host), port: port)
        self = prefix == "MOVED" ? .moved(slot: slot, to: target) : .ask(target)
    }
}
