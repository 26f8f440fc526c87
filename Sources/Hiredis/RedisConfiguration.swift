/// A host and a port of TCP.
package struct RedisEndpoint: Sendable, Hashable, CustomStringConvertible {
    /// A name, or an IPv4 or IPv6 address without brackets.
    package var host: String
    package var port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// Where Redis is, how to log in, and the limits of each connection to it.
///
/// Descriptions of every kind leave the password out.
package struct RedisConfiguration: Sendable {
    package enum Address: Sendable, Hashable, CustomStringConvertible {
        /// `host` is a name, resolved anew at each connect, or an IPv4 or IPv6 address without brackets.
        case tcp(host: String, port: Int)
        /// The path of a unix socket, at most 107 bytes.
        case unix(path: String)
        /// The primary that these sentinels call `primary`, asked for anew at each connect.
        case sentinel([RedisEndpoint], primary: String)

        /// The Redis Cluster that these servers belong to.
        case cluster([RedisEndpoint])

        package var description: String {
            switch self {
            case .tcp(let host, let port): RedisEndpoint(host: host, port: port).description
            case .unix(let path): path
            case .cluster(let seeds): RedisEndpoint.list(seeds)
            case .sentinel(let sentinels, let primary): "\(RedisEndpoint.list(sentinels))/\(primary)"
            }
        }
    }

    package var address: Address
    /// The ACL user; `nil` is Redis's `default` user.
    package var username: String?
    package var password: String?
    /// The number for `SELECT`.
    package var database = 0
    /// How to log in to the sentinels, which have users of their own; `nil`: not at all.
    package var sentinelUsername: String?
    package var sentinelPassword: String?

    /// What `CLIENT LIST` shows; no spaces. Best effort: a user without the right to set it still connects.
    package var clientName: String?
    /// For the connect, for each answer of the handshake, and for the confirmation of a subscription. A server that was away
    /// is found again so much later at most.
    package var connectTimeout: Duration = .seconds(1)
    /// How long a command may wait for its answer. When it is over, the command fails and the connection is renewed.
    package var commandTimeout: Duration = .seconds(2)
    /// Commands without an answer, per connection. One more fails with ``RedisError`` `.unavailable`, unsent.
    package var maxQueuedCommands = 65_536
    /// Bytes of commands without an answer, per connection. What would pass it fails as above.
    package var maxQueuedBytes = 64 * 1024 * 1024
    /// How long to wait before connecting again.
    package var backoff = RedisBackoff()
    /// How many replicas must have a command that is marked so (``RedisCommand/mustBeReplicated``) before it succeeds;
    /// 0: none, which costs nothing.
    package var replicas = 0
    /// How long to wait for them, at most half of `commandTimeout`. Then the command fails with `.notReplicated`.
    package var replicationTimeout: Duration = .seconds(1)
    /// How often a subscription asks Redis for a sign of life. Silence until the next time means that it is lost.
    package var subscriptionPingInterval: Duration = .seconds(5)

    /// Whether `address` is that of one primary of a Redis Cluster.
    var isOfCluster = false

    package init(address: Address, username: String? = nil, password: String? = nil, database: Int = 0) {
        self.address = address
        self.username = username
        self.password = password
        self.database = database
    }
}

extension RedisEndpoint {
    /// `host:port,host:port`
    static func list(_ endpoints: [RedisEndpoint]) -> String { endpoints.map(\.description).joined(separator: ",") }
}

extension RedisConfiguration: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// As the URL that it could have been read from, with `***` for the password.
    package var description: String {
        let login = password == nil ? "" : "\(username ?? ""):***@"
        return switch address {
        case .tcp: "redis://\(login)\(address)/\(database)"
        case .unix(let path): "unix://\(login)\(path)?db=\(database)"
        case .cluster: "redis-cluster://\(login)\(address)"
        case .sentinel: "redis-sentinel://\(login)\(address)/\(database)"
        }
    }

    package var debugDescription: String { description }

    /// Keeps `dump` and the like from reading the password off the stored properties.
    package var customMirror: Mirror { Mirror(self, children: ["url": description]) }
}
