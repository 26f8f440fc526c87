import Hiredis
import NIOCore
import Testing

@Suite("Commands to bytes and bytes to replies")
struct HiredisCodecTests {
    private func encoded(_ command: RedisCommand, inFull: Bool = false) -> String {
        var buffer = ByteBuffer()
        #expect(HiredisEncoder.append(command, inFull: inFull, to: &buffer))
        return String(buffer: buffer)
    }

    @Test("A command becomes an array of bulks, whatever its arguments hold")
    func encodes() {
        #expect(encoded(RedisCommand("PING")) == "*1\r\n$4\r\nPING\r\n")
        #expect(encoded(RedisCommand("GET", "键")) == "*2\r\n$3\r\nGET\r\n$3\r\n键\r\n")
        var command = RedisCommand("X", "")
        command.append(-12)
        command.append([13, 10, 0])
        command.append(ByteBuffer(string: "buffer"))
        command.append([1, 2, 3].lazy.map { UInt8($0 + 64) })
        command.append("last")
        #expect(
            encoded(command)
                == "*7\r\n$1\r\nX\r\n$0\r\n\r\n$3\r\n-12\r\n$3\r\n\r\n\0\r\n$6\r\nbuffer\r\n$3\r\nABC\r\n$4\r\nlast\r\n"
        )
    }

    @Test("A large argument and many arguments arrive whole")
    func encodesLarge() {
        let large = [UInt8](repeating: 120, count: 3_000_000)
        var command = RedisCommand("SET", "k")
        command.append(large)
        #expect(encoded(command).utf8.count == "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$3000000\r\n\r\n".utf8.count + 3_000_000)
        var many = RedisCommand("DEL")
        for number in 0..<10_000 { many.append(number) }
        #expect(encoded(many).hasPrefix("*10001\r\n$3\r\nDEL\r\n$1\r\n0\r\n"))
        #expect(encoded(many).hasSuffix("$4\r\n9999\r\n"))
    }

    @Test("A script goes by its SHA-1, or in full")
    func encodesScripts() {
        let script = RedisScript(name: "one", source: "return 1".utf8)
        #expect(script.sha1 == "e0e1f9fabfc9d4800c877a703b823ac0578ff8db")
        var command = RedisCommand(evaluating: script, keys: ["a", "b"])
        command.append("x")
        let tail = "$1\r\n2\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nx\r\n"
        #expect(
            encoded(command)
                == "*6\r\n$7\r\nEVALSHA\r\n$40\r\ne0e1f9fabfc9d4800c877a703b823ac0578ff8db\r\n\(tail)"
        )
        #expect(encoded(command, inFull: true) == "*6\r\n$4\r\nEVAL\r\n$8\r\nreturn 1\r\n\(tail)")
    }

    private static let wire =
        "+OK\r\n:-42\r\n$-1\r\n*-1\r\n$0\r\n\r\n$5\r\na\r\nbc\r\n*0\r\n-WRONGTYPE no\r\n"
        + "*4\r\n:1\r\n*2\r\n$1\r\nx\r\n*1\r\n+deep\r\n-ERR inner\r\n$-1\r\n"
        + "$9000\r\n\(String(repeating: "y", count: 9000))\r\n"
    private static let replies: [RedisReply] = [
        .status("OK"), .integer(-42), .null, .null, .bulk([]), .bulk(Array("a\r\nbc".utf8)), .array([]),
        .error("WRONGTYPE no"),
        .array([
            .integer(1), .array([.bulk([120]), .array([.status("deep")])]), .error("ERR inner"), .null,
        ]),
        .bulk([UInt8](repeating: 121, count: 9000)),
    ]

    @Test(
        "Replies of every kind come out whole, in whatever pieces they come",
        arguments: [1, 2, 3, 7, 4096, 1_000_000]
    )
    func decodes(pieceBytes: Int) throws {
        let reader = HiredisReader()
        var replies: [RedisReply] = []
        let bytes = Array(HiredisCodecTests.wire.utf8)
        for start in stride(from: 0, to: bytes.count, by: pieceBytes) {
            try bytes[start..<min(start + pieceBytes, bytes.count)].withUnsafeBytes { piece in
                try reader.feed(piece) { reply in
                    replies.append(reply.value())
                    return true
                }
            }
        }
        #expect(replies == HiredisCodecTests.replies)
    }

    @Test("Parts of a reply can be read in place; what is not there is nil")
    func readsInPlace() throws {
        let reader = HiredisReader()
        var parts: [String?] = []
        try Array("*2\r\n$7\r\nmessage\r\n$1\r\nt\r\n:5\r\n".utf8).withUnsafeBytes { bytes in
            try reader.feed(bytes) { reply in
                for index in 0..<3 {
                    parts.append(reply.element(index).map { String(decoding: $0.bytes, as: UTF8.self) })
                }
                return true
            }
        }
        #expect(parts == ["message", "t", nil, nil, nil, nil])
    }

    @Test("An error reply is a failure with its prefix; a refusal has not run")
    func decodesErrors() throws {
        func error(_ text: String) throws -> RedisError? {
            var found: RedisError?
            try Array("-\(text)\r\n".utf8).withUnsafeBytes { bytes in
                try HiredisReader().feed(bytes) { reply in
                    if case .failure(let error) = reply.result() { found = error }
                    return true
                }
            }
            return found
        }
        #expect(try error("WRONGTYPE bad")?.code == .server(prefix: "WRONGTYPE"))
        #expect(try error("WRONGTYPE bad")?.message == "WRONGTYPE bad")
        #expect(try error("WRONGTYPE bad")?.mayHaveRun == true)
        #expect(try error("something else")?.code == .server(prefix: "ERR"))
        for prefix in ["OOM", "READONLY", "LOADING", "NOSCRIPT", "NOAUTH", "MOVED"] {
            #expect(try error("\(prefix) text")?.mayHaveRun == false)
        }
        #expect(try error("OOM command not allowed script: abc, on @user_script:1.")?.mayHaveRun == true)
    }

    @Test(
        "What is not RESP is refused, and the reader stays refused",
        arguments: ["@x\r\n", "$abc\r\n", "*abc\r\n", "HTTP/1.1 400 Bad\r\n"]
    )
    func refusesMalformed(text: String) {
        let reader = HiredisReader()
        for bytes in [Array(text.utf8), Array("+OK\r\n".utf8)] {
            let error = #expect(throws: RedisError.self) {
                try bytes.withUnsafeBytes { try reader.feed($0) { _ in true } }
            }
            #expect(error?.code == .protocolViolation)
        }
    }

    @Test("After the body says no, the rest is left alone")
    func stops() throws {
        var count = 0
        try Array("+1\r\n+2\r\n+3\r\n".utf8).withUnsafeBytes { bytes in
            try HiredisReader().feed(bytes) { _ in
                count += 1
                return count < 2
            }
        }
        #expect(count == 2)
    }

    @Test("Conveniences read numbers, texts and bytes from the kinds that hold them")
    func conveniences() {
        #expect(RedisReply.integer(7).int == 7)
        #expect(RedisReply.bulk(Array("-7".utf8)).int == -7)
        #expect(RedisReply.bulk(Array("7x".utf8)).int == nil)
        #expect(RedisReply.null.int == nil)
        #expect(RedisReply.status("OK").string == "OK")
        #expect(RedisReply.integer(7).string == nil)
        #expect(RedisReply.bulk([1, 2]).bytes == [1, 2])
        #expect(RedisReply.array([.null]).array == [.null])
        #expect(RedisReply.null.array == nil)
        #expect(RedisReply.null.isNull)
    }
}

@Suite("Topics by their bytes")
struct RedisTopicTableTests {
    private func index(_ topic: String, _ table: RedisTopicTable) -> Int? {
        Array(topic.utf8).withUnsafeBytes { table.index(of: $0) }
    }

    @Test("Each topic has the index of its first place, others have none")
    func finds() {
        let topics = (0..<1000).map { "{p\($0 % 64)}:to:gateway-\($0)" }
        let table = RedisTopicTable(topics + ["{p0}:to:gateway-0"])
        for (number, topic) in topics.enumerated() { #expect(index(topic, table) == number) }
        #expect(index("{p0}:to:gateway-1000", table) == nil)
        #expect(index("", table) == nil)
        #expect(index("键", RedisTopicTable(["", "键"])) == 1)
        #expect(index("", RedisTopicTable(["", "键"])) == 0)
    }
}
