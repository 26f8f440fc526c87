extension RedisConfiguration {
    /// Reads a Redis URL.
    ///
    /// - `redis://[[user]:password@]host[:port][/db]`; port 6379 and database 0 if not named; IPv6 in brackets.
    /// - `unix://[[user]:password@]/path/to.sock[?db=1]`.
    /// - `redis-sentinel://[[user]:password@]host[:port][,host[:port]…]/primary[/db]`: sentinels, port 26379 if not named,
    ///   and the name they give the primary. `?sentinel_username=` and `?sentinel_password=` log in to the sentinels.
    /// - `redis-cluster://[[user]:password@]host[:port][,host[:port]…]`: some servers of a Redis Cluster, port 6379 if not
    ///   named; they tell of the others.
    ///
    /// Where `password` is given the URL may have `user@` in place of `user:password@`, or nothing.
    ///
    /// User, password, host and path are percent-decoded: a `/`, `?` or `#` in a password must be written `%2F`, `%3F`,
    /// `%23`. `?db=` is understood in each of these.
    ///
    /// - Parameter password: taken as it is; for a URL without one.
    /// - Throws: ``RedisError`` `.configuration`. The message says what is wrong and quotes no part that might be a
    ///   password.
    ///
    /// Source: [the redis URI scheme](https://www.iana.org/assignments/uri-schemes/prov/redis).
    package init(url: String, password: String? = nil) throws(RedisError) {
        let parts = try URLParts(url)
        switch parts.scheme {
        case "redis":
            let server = try parts.endpoint()
            self.init(address: .tcp(host: server.host, port: server.port), database: try parts.database(parts.path))
        case "unix":
            guard parts.authority.isEmpty, !parts.path.isEmpty else {
                throw .url("A unix Redis URL needs three slashes and a path, as in unix:///run/redis.sock.")
            }
            let path = try URLParts.decode(parts.path, of: "path")
            // sun_path has 108 bytes including its end; hiredis would cut the rest off silently.
            guard path.utf8.count <= 107 else {
                throw .url("The socket path in the Redis URL is longer than 107 bytes, the system's limit.")
            }
            self.init(address: .unix(path: path), database: try parts.database())
        case "redis-sentinel":
            let sentinels = try parts.endpoints(defaultPort: 26379)
            let names = parts.path.dropFirst()
            let primary = try URLParts.decode(names.prefix { $0 != "/" }, of: "primary's name")
            guard !primary.isEmpty else {
                throw .url("A redis-sentinel:// URL must name the primary, as in redis-sentinel://host:26379/mymaster.")
            }
            self.init(
                address: .sentinel(sentinels, primary: primary),
                database: try parts.database(names.drop { $0 != "/" }, "sentinel_username", "sentinel_password")
            )
            sentinelUsername = try parts.parameter("sentinel_username")
            sentinelPassword = try parts.parameter("sentinel_password")
            guard sentinelUsername == nil || sentinelPassword != nil else {
                throw .url("The Redis URL has a sentinel_username without a sentinel_password.")
            }
            expectsFailover()
        case "redis-cluster":
            let seeds = try parts.endpoints(defaultPort: 6379)
            guard try parts.database(parts.path) == 0 else {
                throw .url("A Redis Cluster has database 0 only.")
            }
            self.init(address: .cluster(seeds))
            expectsFailover()
        case "rediss":
            throw .url("TLS to Redis (rediss://) is not supported; use redis:// on a private network.")
        default:
            throw .url("The Redis URL must begin with redis://, unix://, redis-sentinel:// or redis-cluster://.")
        }
        (username, self.password) = try parts.login(password: password)
    }

    /// Another server takes over when one dies: look for it often, so that work goes on soon after its promotion.
    private mutating func expectsFailover() {
        backoff = RedisBackoff(first: .milliseconds(50), longest: .milliseconds(250))
    }
}

extension RedisError {
    fileprivate static func url(_ message: String) -> RedisError {
        RedisError(.configuration, message, mayHaveRun: false)
    }
}

/// A URL cut at its delimiters, before decoding.
private struct URLParts {
    /// In lower case.
    let scheme: String
    /// What stands before the last `@` of the authority; `nil` without an `@`.
    let userInfo: Substring?
    /// Host and port.
    let authority: Substring
    /// With its leading slash; may be empty.
    let path: Substring
    let query: Substring

    init(_ url: String) throws(RedisError) {
        guard let colon = url.firstIndex(of: ":"), url[colon...].hasPrefix("://") else {
            throw .url(
                "The Redis URL has no scheme; it must begin with redis://, unix://, redis-sentinel:// or redis-cluster://."
            )
        }
        guard !url.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7F }) else {
            throw .url("The Redis URL contains a space or a control character; percent-encode it.")
        }
        guard !url.contains("#") else {
            throw .url("The Redis URL contains a '#'; in a password write it as %23.")
        }
        scheme = url[..<colon].lowercased()
        let rest = url[url.index(colon, offsetBy: 3)...]
        let beforeQuery = rest.prefix { $0 != "?" }
        query = rest[beforeQuery.endIndex...].dropFirst()
        let server = beforeQuery.prefix { $0 != "/" }
        path = beforeQuery[server.endIndex...]
        if let at = server.lastIndex(of: "@") {
            userInfo = server[..<at]
            authority = server[server.index(after: at)...]
        } else {
            userInfo = nil
            authority = server
        }
    }

    /// - Parameter given: the password, if it is not in the URL.
    func login(password given: String?) throws(RedisError) -> (user: String?, password: String?) {
        guard let userInfo else { return (nil, given) }
        guard let colon = userInfo.firstIndex(of: ":") else {
            if let given { return (try URLParts.decode(userInfo, of: "user"), given) }
            throw .url("The Redis URL has one word before the '@'; write user:password@ or :password@.")
        }
        guard given == nil else {
            throw .url("There is a password in the Redis URL and another one beside it; use one of them.")
        }
        let user = try URLParts.decode(userInfo[..<colon], of: "user")
        let password = try URLParts.decode(userInfo[userInfo.index(after: colon)...], of: "password")
        guard !password.isEmpty else {
            throw .url("The password in the Redis URL is empty; leave out everything up to the '@' to use none.")
        }
        return (user.isEmpty ? nil : user, password)
    }

    /// The one server of the authority.
    func endpoint() throws(RedisError) -> RedisEndpoint {
        guard !authority.contains(",") else {
            throw .url("A redis:// URL names one host; for several use redis-sentinel:// or redis-cluster://.")
        }
        return try endpoints(defaultPort: 6379)[0]
    }

    /// The servers of the authority, at least one.
    func endpoints(defaultPort: Int) throws(RedisError) -> [RedisEndpoint] {
        guard !path.contains("@"), !query.contains("@") else {
            throw .url("The Redis URL has an '@' behind a '/' or '?'; in a password write those as %2F and %3F.")
        }
        var endpoints: [RedisEndpoint] = []
        for server in authority.split(separator: ",", omittingEmptySubsequences: false) {
            endpoints.append(try URLParts.endpoint(server, defaultPort: defaultPort))
        }
        return endpoints
    }

    private static func endpoint(_ server: Substring, defaultPort: Int) throws(RedisError) -> RedisEndpoint {
        let host: Substring
        let tail: Substring
        if server.first == "[" {
            guard let end = server.firstIndex(of: "]") else {
                throw .url("The IPv6 address in the Redis URL has no closing bracket.")
            }
            host = server[server.index(after: server.startIndex)..<end]
            tail = server[server.index(after: end)...]
        } else {
            host = server.prefix { $0 != ":" }
            tail = server[host.endIndex...]
            guard !tail.dropFirst().contains(":") else {
                throw .url("An IPv6 address in a Redis URL needs brackets, as in redis://[::1]:6379.")
            }
        }
        let name = try URLParts.decode(host, of: "host")
        guard !name.isEmpty else { throw .url("The Redis URL names no host.") }
        if tail.isEmpty { return RedisEndpoint(host: name, port: defaultPort) }
        guard tail.first == ":", let port = URLParts.number(tail.dropFirst()), (1...65535).contains(port) else {
            throw .url("The port in the Redis URL must be a number from 1 to 65535.")
        }
        return RedisEndpoint(host: name, port: port)
    }

    /// - Parameters:
    ///   - path: Where a database may stand, with its leading slash; empty: nowhere.
    ///   - others: The parameters that are allowed besides `db`.
    func database(_ path: Substring = "", _ others: String...) throws(RedisError) -> Int {
        var database: Int?
        if path.count > 1 {
            database = URLParts.number(path.dropFirst())
            guard database != nil else {
                throw .url("What follows the host in the Redis URL must be a database number, as in redis://host/1.")
            }
        }
        for item in query.split(separator: "&") {
            if others.contains(where: { item.hasPrefix($0 + "=") }) { continue }
            guard item.hasPrefix("db=") else {
                let names = ["db"] + others
                let verb = names.count == 1 ? "parameter that a Redis URL may have is" : "parameters of such a URL are"
                throw .url("The only \(verb) \(names.joined(separator: ", ")).")
            }
            guard let number = URLParts.number(item.dropFirst(3)), database == nil || database == number else {
                throw .url("The parameter db of the Redis URL must be one database number.")
            }
            database = number
        }
        return database ?? 0
    }

    /// The decoded value of a parameter; `nil` if it is not there or empty.
    func parameter(_ name: String) throws(RedisError) -> String? {
        guard let item = query.split(separator: "&").first(where: { $0.hasPrefix(name + "=") }) else { return nil }
        let value = try URLParts.decode(item.dropFirst(name.count + 1), of: name)
        return value.isEmpty ? nil : value
    }

    /// Digits only: `Int` alone would take a sign.
    private static func number(_ text: Substring) -> Int? {
        text.utf8.allSatisfy { (48...57).contains($0) } ? Int(text) : nil
    }

    static func decode(_ text: Substring, of part: String) throws(RedisError) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(hexValue), let low = rest.popFirst().flatMap(hexValue) else {
                throw .url("The \(part) in the Redis URL has a '%' without two hexadecimal digits; write '%' as %25.")
            }
            bytes.append(high << 4 | low)
        }
        guard let decoded = String(validating: bytes, as: UTF8.self), !bytes.contains(0) else {
            throw .url("The \(part) in the Redis URL does not decode to UTF-8 text.")
        }
        return decoded
    }

    private static func hexValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 48...57: byte - 48
        case 65...70: byte - 55
        case 97...102: byte - 87
        default: nil
        }
    }
}
