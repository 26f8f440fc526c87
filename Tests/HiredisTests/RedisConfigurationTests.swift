import Hiredis
import Testing

@Suite("Redis URLs")
struct RedisConfigurationTests {
    struct Good: Sendable, CustomTestStringConvertible {
        let url: String
        let address: RedisConfiguration.Address
        var user: String?
        var password: String?
        var database = 0
        var sentinelUser: String?
        var sentinelPassword: String?
        var testDescription: String { url }
    }

    private static let good: [Good] = [
        Good(url: "redis://localhost", address: .tcp(host: "localhost", port: 6379)),
        Good(url: "REDIS://localhost/", address: .tcp(host: "localhost", port: 6379)),
        Good(url: "redis://10.0.0.1:7000/3", address: .tcp(host: "10.0.0.1", port: 7000), database: 3),
        Good(url: "redis://h?db=4", address: .tcp(host: "h", port: 6379), database: 4),
        Good(url: "redis://:secret@h:1/15", address: .tcp(host: "h", port: 1), password: "secret", database: 15),
        Good(url: "redis://app:secret@h", address: .tcp(host: "h", port: 6379), user: "app", password: "secret"),
        Good(
            url: "redis://us%40er:p%2Fa%3Ass%20%25%E5%AF%86@h:6380",
            address: .tcp(host: "h", port: 6380),
            user: "us@er",
            password: "p/a:ss %密"
        ),
        Good(url: "redis://:a:b@c@h", address: .tcp(host: "h", port: 6379), password: "a:b@c"),
        Good(url: "redis://[::1]:6380/1", address: .tcp(host: "::1", port: 6380), database: 1),
        Good(url: "redis://u:p@[fe80::1]", address: .tcp(host: "fe80::1", port: 6379), user: "u", password: "p"),
        Good(url: "unix:///run/redis.sock", address: .unix(path: "/run/redis.sock")),
        Good(url: "unix:///run/a%20b.sock?db=2", address: .unix(path: "/run/a b.sock"), database: 2),
        Good(
            url: "unix://app:secret@/run/redis.sock",
            address: .unix(path: "/run/redis.sock"),
            user: "app",
            password: "secret"
        ),
        Good(
            url: "redis-sentinel://h1,h2:26380,[::1]/main",
            address: .sentinel(
                [("h1", 26379), ("h2", 26380), ("::1", 26379)].map { RedisEndpoint(host: $0.0, port: $0.1) },
                primary: "main"
            )
        ),
        Good(
            url: "redis-sentinel://app:s,e@h1/my%20main/2?sentinel_username=watch&sentinel_password=a%26b",
            address: .sentinel([RedisEndpoint(host: "h1", port: 26379)], primary: "my main"),
            user: "app",
            password: "s,e",
            database: 2,
            sentinelUser: "watch",
            sentinelPassword: "a&b"
        ),
        Good(
            url: "redis-cluster://app:secret@h1:7000,h2",
            address: .cluster([RedisEndpoint(host: "h1", port: 7000), RedisEndpoint(host: "h2", port: 6379)]),
            user: "app",
            password: "secret"
        ),
    ]

    @Test("A password can come beside the URL, which may still name the user; two passwords are refused")
    func passwordBeside() throws {
        for (url, user) in [
            ("redis://h", nil), ("redis://app@h", "app"), ("unix://a%40b@/run/redis.sock", "a@b"),
            ("redis-cluster://app@h1,h2", "app"), ("redis-sentinel://app@h/main", "app"),
        ] {
            // As it is: nothing in it is a URL's delimiter.
            let configuration = try RedisConfiguration(url: url, password: "p@ss/w%2Frd")
            #expect(configuration.username == user)
            #expect(configuration.password == "p@ss/w%2Frd")
        }
        for url in ["redis://app:other@h", "redis://:other@h"] {
            let error = #expect(throws: RedisError.self) { try RedisConfiguration(url: url, password: "secret") }
            #expect(error?.message.contains("other") != true || error?.message.contains("another") == true)
            #expect(error?.message.contains("secret") == false)
        }
    }

    @Test("Are read in full", arguments: good)
    func reads(good: Good) throws {
        let configuration = try RedisConfiguration(url: good.url)
        #expect(configuration.address == good.address)
        #expect(configuration.username == good.user)
        #expect(configuration.password == good.password)
        #expect(configuration.database == good.database)
        #expect(configuration.sentinelUsername == good.sentinelUser)
        #expect(configuration.sentinelPassword == good.sentinelPassword)
    }

    private static let bad: [(url: String, message: String)] = [
        ("", "has no scheme"),
        ("localhost:6379", "has no scheme"),
        ("http://h", "must begin with redis://, unix://, redis-sentinel:// or redis-cluster://"),
        ("rediss://h", "TLS to Redis (rediss://) is not supported"),
        ("redis://", "names no host"),
        ("redis://:hunter2@", "names no host"),
        ("redis://h:0", "port in the Redis URL must be a number from 1 to 65535"),
        ("redis://h:65536", "port in the Redis URL must be a number from 1 to 65535"),
        ("redis://h:+80", "port in the Redis URL must be a number from 1 to 65535"),
        ("redis://h:", "port in the Redis URL must be a number from 1 to 65535"),
        ("redis://:hunter2/x@h", "write those as %2F and %3F"),
        ("redis://u:6379/hunter2@h", "write those as %2F and %3F"),
        ("redis://u:6379?hunter2@h", "write those as %2F and %3F"),
        ("redis://h/one", "must be a database number"),
        ("redis://h/-1", "must be a database number"),
        ("redis://h/1?db=2", "parameter db"),
        ("redis://h?db=x", "parameter db"),
        ("redis://h?password=hunter2", "only parameter that a Redis URL may have is db"),
        ("redis://hunter2@h", "one word before the '@'"),
        ("redis://user:@h", "password in the Redis URL is empty"),
        ("redis://:hunter2%@h", "'%' without two hexadecimal digits"),
        ("redis://:hunter2%zz@h", "'%' without two hexadecimal digits"),
        ("redis://:hunter2%FF@h", "does not decode to UTF-8"),
        ("redis://:hunter2%00@h", "does not decode to UTF-8"),
        ("redis://:hunter2 x@h", "space or a control character"),
        ("redis://:hunter2#x@h", "write it as %23"),
        ("redis://::1", "needs brackets"),
        ("redis://fe80::1", "needs brackets"),
        ("redis://[::1", "no closing bracket"),
        ("redis://h1,h2", "names one host"),
        ("redis-sentinel://h1,/main", "names no host"),
        ("redis-sentinel://h1", "must name the primary"),
        ("redis-sentinel://h1//1", "must name the primary"),
        ("redis-sentinel://h1/main/x", "must be a database number"),
        ("redis-sentinel://h1/main?sentinel_username=a", "without a sentinel_password"),
        ("redis-sentinel://h1/main?password=hunter2", "db, sentinel_username, sentinel_password"),
        ("redis-cluster://", "names no host"),
        ("redis-cluster://h1/1", "has database 0 only"),
        ("redis-cluster://h1?db=1", "has database 0 only"),
        ("unix://run/redis.sock", "three slashes"),
        ("unix://", "three slashes"),
        ("unix:///\(String(repeating: "x", count: 107))", "longer than 107 bytes"),
    ]

    @Test("Are refused with a sentence that says what is wrong and shows no secret", arguments: bad.indices)
    func refuses(index: Int) {
        let (url, message) = RedisConfigurationTests.bad[index]
        let error = #expect(throws: RedisError.self) { try RedisConfiguration(url: url) }
        #expect(error?.code == .configuration)
        #expect(error?.mayHaveRun == false)
        #expect(error?.message.contains(message) == true, "\(url): \(error?.message ?? "no error")")
        #expect(error?.message.contains("hunter2") == false)
    }

    @Test("Are described without the password, whatever describes them")
    func redacts() throws {
        for url in [
            "redis://app:hunter2@h:6380/1", "unix://:hunter2@/run/redis.sock",
            "redis-sentinel://:hunter2@h1,h2/main?sentinel_password=hunter2",
        ] {
            let configuration = try RedisConfiguration(url: url)
            #expect(configuration.password == "hunter2")
            var dumped = ""
            dump(configuration, to: &dumped)
            for text in ["\(configuration)", String(reflecting: configuration), dumped, "\([configuration])"] {
                #expect(!text.contains("hunter2"))
                #expect(text.contains("***"))
            }
        }
        #expect(try "\(RedisConfiguration(url: "redis://app:x@[::1]:6380/1"))" == "redis://app:***@[::1]:6380/1")
    }
}
