import Hiredis
import Testing

@Suite("Keys, slots and the map of a Redis Cluster")
struct RedisSlotTests {
    @Test("A key's slot is that of its hash tag, as Redis computes it")
    func slots() {
        #expect(RedisSlot.of("123456789") == 0x31C3)
        #expect(RedisSlot.of("foo") == 12182)
        #expect(RedisSlot.of("") == 0)
        #expect(RedisSlot.of("{user1000}.following") == RedisSlot.of("user1000"))
        #expect(RedisSlot.of("a{user1000}{x}") == RedisSlot.of("user1000"))
        // The specification's own examples of what is no tag, or an odd one.
        #expect(RedisSlot.of("foo{}{bar}") == RedisSlot.of("foo{}{bar}x".dropLast().description))
        #expect(RedisSlot.of("foo{}{bar}") != RedisSlot.of("bar"))
        #expect(RedisSlot.of("foo{{bar}}zap") == RedisSlot.of("{bar"))
        #expect(RedisSlot.of("foo{bar") != RedisSlot.of("bar"))
    }

    @Test("A command goes by its first key")
    func commands() {
        let script = RedisScript(name: "s", source: "return 1".utf8)
        #expect(RedisCommand("PING").slot == nil)
        #expect(RedisCommand("GET", "foo").slot == 12182)
        #expect(RedisCommand("HSET", "foo", "bar", "baz").slot == 12182)
        #expect(RedisCommand(evaluating: script, keys: ["foo"]).slot == 12182)
        #expect(RedisCommand(evaluating: script, keys: []).slot == nil)
        #expect(RedisCommand("EVAL", "return 1", "1", "foo", "bar").slot == 12182)
    }

    private let asked = RedisEndpoint(host: "h", port: 1)

    private func range(_ first: Int, _ last: Int, _ host: RedisReply, _ port: Int) -> RedisReply {
        .array([.integer(first), .integer(last), .array([host, .integer(port), .bulk(Array("id".utf8))])])
    }

    @Test("CLUSTER SLOTS is read, with gaps and with servers that do not know their own host")
    func map() throws {
        let reply = RedisReply.array([
            range(0, 99, .bulk(Array("10.0.0.1".utf8)), 7000), range(200, 16383, .null, 7001),
            range(100, 100, .bulk(Array("10.0.0.1".utf8)), 7000),
        ])
        let map = try #require(RedisClusterMap(reply, asked: asked))
        #expect(map.primaries == [RedisEndpoint(host: "10.0.0.1", port: 7000), RedisEndpoint(host: "h", port: 7001)])
        #expect(map.primary(of: 0)?.port == 7000)
        #expect(map.primary(of: 100)?.port == 7000)
        #expect(map.primary(of: 101) == nil)
        #expect(map.primary(of: 16383)?.port == 7001)
        for bad: RedisReply in [
            .null, .array([]), .array([.integer(1)]), .array([range(5, 4, .null, 1)]),
            .array([range(0, 16384, .null, 1)]),
        ] {
            #expect(RedisClusterMap(bad, asked: asked) == nil)
        }
    }

    @Test("Redirections are told from other errors")
    func redirections() {
        func redirection(_ prefix: String, _ text: String) -> RedisRedirection? {
            RedisRedirection(RedisError(.server(prefix: prefix), text, mayHaveRun: false), from: asked)
        }
        #expect(
            redirection("MOVED", "MOVED 3999 10.0.0.1:6381")
                == .moved(slot: 3999, to: .init(host: "10.0.0.1", port: 6381))
        )
        #expect(redirection("MOVED", "MOVED 1 fe80::1:6381") == .moved(slot: 1, to: .init(host: "fe80::1", port: 6381)))
        #expect(redirection("ASK", "ASK 3999 :6381") == .ask(RedisEndpoint(host: "h", port: 6381)))
        #expect(redirection("TRYAGAIN", "TRYAGAIN Multiple keys request during rehashing of slot") == .tryAgain)
        #expect(redirection("MOVED", "MOVED 99999 h:1") == nil)
        #expect(redirection("MOVED", "MOVED") == nil)
        #expect(redirection("ERR", "ERR no") == nil)
    }
}
