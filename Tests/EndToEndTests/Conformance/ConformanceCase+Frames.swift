/// Chapters 1 to 5: framing, pings, reserved bits, opcodes, fragments.
extension ConformanceCase {
    static let frames: [ConformanceCase] = framing + pings + reservedBits + opcodes + fragmentation

    private static var framing: [ConformanceCase] {
        var cases = [
            ConformanceCase(
                number: "1.1.1",
                summary: "text of no bytes",
                steps: [.bytes(frame(.text, []))],
                expected: Outcome(errors: ["malformed_json"])
            )
        ]
        for (index, bytes) in [125, 126, 127, 128, 65_535, 65_536].enumerated() {
            let content = content(forMessageOf: bytes)
            cases.append(
                ConformanceCase(
                    number: "1.1.\(index + 2)",
                    summary: "text of \(bytes) bytes",
                    steps: [.bytes(frame(.text, message(content)))],
                    expected: Outcome(echoes: [content])
                )
            )
        }
        let content = content(forMessageOf: 65_536)
        cases.append(
            ConformanceCase(
                number: "1.1.8",
                summary: "text of 65,536 bytes in pieces of 997",
                steps: chops(frame(.text, message(content)), of: 997),
                expected: Outcome(echoes: [content])
            )
        )
        for (index, bytes) in [0, 125, 126, 127, 128, 65_535, 65_536, 65_536].enumerated() {
            let binary = frame(.binary, [UInt8](repeating: 0xfe, count: bytes))
            cases.append(
                ConformanceCase(
                    number: "1.2.\(index + 1)",
                    summary: "binary of \(bytes) bytes, which is not for this endpoint",
                    steps: index == 7 ? chops(binary, of: 997) : [.bytes(binary)],
                    expected: Outcome(close: 1003)
                )
            )
        }
        return cases
    }

    private static var pings: [ConformanceCase] {
        let longest = String(repeating: "\u{1}", count: 125)
        let ten = (1...10).map { "payload-\($0)" }
        return [
            ConformanceCase(
                number: "2.1",
                summary: "ping without a payload",
                steps: [.bytes(frame(.ping, []))],
                expected: Outcome(pongs: [""])
            ),
            ConformanceCase(
                number: "2.2",
                summary: "ping with text",
                steps: [.bytes(frame(.ping, "Hello, world!".utf8))],
                expected: Outcome(pongs: ["Hello, world!"])
            ),
            ConformanceCase(
                number: "2.3",
                summary: "ping with bytes that are no text",
                steps: [.bytes(frame(.ping, [0x00, 0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0x00, 0xff]))],
                expected: Outcome(
                    pongs: [
                        String(decoding: [0x00, 0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0x00, 0xff] as [UInt8], as: UTF8.self)
                    ]
                )
            ),
            ConformanceCase(
                number: "2.4",
                summary: "ping of 125 bytes",
                steps: [.bytes(frame(.ping, longest.utf8))],
                expected: Outcome(pongs: [longest])
            ),
            ConformanceCase(
                number: "2.5",
                summary: "ping of 126 bytes",
                steps: [.bytes(frame(.ping, [UInt8](repeating: 0xfe, count: 126)))],
                expected: Outcome(close: 1002)
            ),
            ConformanceCase(
                number: "2.6",
                summary: "ping of 125 bytes, byte by byte",
                steps: chops(frame(.ping, longest.utf8), of: 1),
                expected: Outcome(pongs: [longest])
            ),
            ConformanceCase(
                number: "2.7",
                summary: "pong that nobody asked for, empty",
                steps: [.bytes(frame(.pong, []))],
                expected: Outcome()
            ),
            ConformanceCase(
                number: "2.8",
                summary: "pong that nobody asked for, with a payload",
                steps: [.bytes(frame(.pong, "unsolicited pong payload".utf8))],
                expected: Outcome()
            ),
            ConformanceCase(
                number: "2.9",
                summary: "such a pong, then a ping",
                steps: [.bytes(frame(.pong, "unsolicited".utf8) + frame(.ping, "ping payload".utf8))],
                expected: Outcome(pongs: ["ping payload"])
            ),
            ConformanceCase(
                number: "2.10",
                summary: "10 pings",
                steps: [.bytes(ten.flatMap { frame(.ping, $0.utf8) })],
                expected: Outcome(pongs: ten)
            ),
            ConformanceCase(
                number: "2.11",
                summary: "10 pings, byte by byte",
                steps: chops(ten.flatMap { frame(.ping, $0.utf8) }, of: 1),
                expected: Outcome(pongs: ten)
            ),
        ]
    }

    private static var reservedBits: [ConformanceCase] {
        let good = frame(.text, message("good"))
        func bad(_ rsv: UInt8) -> [UInt8] { frame(.text, message("bad"), rsv: rsv) }
        return [
            ConformanceCase(
                number: "3.1",
                summary: "RSV 1 alone",
                steps: [.bytes(bad(1))],
                expected: Outcome(close: 1002)
            ),
            ConformanceCase(
                number: "3.2",
                summary: "good text, RSV 2, ping",
                steps: [.bytes(good + bad(2) + frame(.ping, []))],
                expected: Outcome(echoes: ["good"], close: 1002)
            ),
            ConformanceCase(
                number: "3.3",
                summary: "good text, RSV 3, ping, frame by frame",
                steps: [.bytes(good), .bytes(bad(3)), .bytes(frame(.ping, []))],
                expected: Outcome(echoes: ["good"], close: 1002)
            ),
            ConformanceCase(
                number: "3.4",
                summary: "good text, RSV 4, ping, byte by byte",
                steps: chops(good + bad(4) + frame(.ping, []), of: 1),
                expected: Outcome(echoes: ["good"], close: 1002)
            ),
            ConformanceCase(
                number: "3.5",
                summary: "binary with RSV 5",
                steps: [.bytes(frame(.binary, [0, 1, 2], rsv: 5))],
                expected: Outcome(close: 1002)
            ),
            ConformanceCase(
                number: "3.6",
                summary: "ping with RSV 6",
                steps: [.bytes(frame(.ping, "p".utf8, rsv: 6))],
                expected: Outcome(close: 1002)
            ),
            ConformanceCase(
                number: "3.7",
                summary: "close with RSV 7",
                steps: [.bytes(frame(.close, [0x03, 0xe8], rsv: 7))],
                expected: Outcome(close: 1002)
            ),
        ]
    }

    private static var opcodes: [ConformanceCase] {
        let good = frame(.text, message("good"))
        func reserved(_ opcode: UInt8, _ payload: String = "") -> [UInt8] {
            var bytes = frame(.text, payload.utf8)
            bytes[0] = 0x80 | opcode
            return bytes
        }
        return [(1, 3 as UInt8), (2, 11)].flatMap { section, first in
            (0..<5).map { index in
                let opcode = first + UInt8(index)
                let isAlone = index < 2
                let bad = reserved(opcode, index % 2 == 0 ? "" : "reserved opcode payload")
                let all = isAlone ? bad : good + bad + frame(.ping, [])
                let steps: [Step] =
                    switch index {
                    case 3: [.bytes(good), .bytes(bad), .bytes(frame(.ping, []))]
                    case 4: chops(all, of: 1)
                    default: [.bytes(all)]
                    }
                return ConformanceCase(
                    number: "4.\(section).\(index + 1)",
                    summary: "the reserved opcode \(opcode)",
                    steps: steps,
                    expected: Outcome(echoes: isAlone ? [] : ["good"], close: 1002)
                )
            }
        }
    }

    private static var fragmentation: [ConformanceCase] {
        let bytes = message("fragment1fragment2")
        let (first, second) = (Array(bytes[..<20]), Array(bytes[20...]))
        let two = fragments([first, second])
        let ping = frame(.ping, "pinged".utf8)
        let echoed = Outcome(echoes: ["fragment1fragment2"])
        let pinged = Outcome(echoes: ["fragment1fragment2"], pongs: ["pinged"])
        let lost = frame(.continuation, "non-continuation payload".utf8)
        let openLost = frame(.continuation, "non-continuation payload".utf8, fin: false)
        let five = fragments(message("fragment1fragment2fragment3fragment4fragment5").pieces(of: 12))
        let fiveEchoed = ["fragment1fragment2fragment3fragment4fragment5"]
        let whole = frame(.text, message("whole"))

        var cases: [ConformanceCase] = []
        func add(_ number: String, _ summary: String, _ frames: [[UInt8]], _ expected: Outcome, _ chop: Int? = 0) {
            let steps: [Step] =
                switch chop {
                case nil: frames.map { .bytes($0) }
                case 0?: [.bytes(frames.flatMap { $0 })]
                case let size?: chops(frames.flatMap { $0 }, of: size)
                }
            cases.append(ConformanceCase(number: number, summary: summary, steps: steps, expected: expected))
        }
        let brokenPing = [frame(.ping, "fr".utf8, fin: false), frame(.continuation, "ag".utf8)]
        let brokenPong = [frame(.pong, "fr".utf8, fin: false), frame(.continuation, "ag".utf8)]
        add("5.1", "a ping in two fragments", brokenPing, Outcome(close: 1002))
        add("5.2", "a pong in two fragments", brokenPong, Outcome(close: 1002))
        add("5.3", "text in two fragments at once", two, echoed)
        add("5.4", "text in two fragments, frame by frame", two, echoed, nil)
        add("5.5", "text in two fragments, byte by byte", two, echoed, 1)
        add("5.6", "a ping between two fragments", [two[0], ping, two[1]], pinged)
        add("5.7", "a ping between two fragments, frame by frame", [two[0], ping, two[1]], pinged, nil)
        add("5.8", "a ping between two fragments, byte by byte", [two[0], ping, two[1]], pinged, 1)
        let broken = Outcome(close: 1002)
        add("5.9", "a last continuation of nothing, then text", [lost, whole], broken)
        add("5.10", "the same, frame by frame", [lost, whole], broken, nil)
        add("5.11", "the same, byte by byte", [lost, whole], broken, 1)
        add("5.12", "a continuation of nothing that goes on, then text", [openLost, whole], broken)
        add("5.13", "the same, frame by frame", [openLost, whole], broken, nil)
        add("5.14", "the same, byte by byte", [openLost, whole], broken, 1)
        add(
            "5.15",
            "fragments, and one more after the last",
            two + [openLost, whole],
            {
                var outcome = echoed
                outcome.close = 1002
                return outcome
            }()
        )
        let loop = [openLost, two[0], two[1]]
        add("5.16", "a continuation of nothing, text in fragments, twice", loop + loop, broken)
        add("5.17", "the same with a last continuation", [lost, two[0], two[1], lost, two[0], two[1]], broken)
        add("5.18", "text inside text", [two[0], frame(.text, second)], broken)
        let pinged2 = Outcome(echoes: fiveEchoed, pongs: ["pongme 1!", "pongme 2!"])
        let (one, other) = (frame(.ping, "pongme 1!".utf8), frame(.ping, "pongme 2!".utf8))
        cases.append(
            ConformanceCase(
                number: "5.19",
                summary: "five fragments with pings between, and a pause",
                steps: [
                    .bytes(five[0] + five[1] + one), .pause,
                    .bytes(five[2...].dropLast().flatMap { $0 } + other + five.last!),
                ],
                expected: pinged2
            )
        )
        cases.append(
            ConformanceCase(
                number: "5.20",
                summary: "the same, frame by frame",
                steps: [.bytes(five[0]), .bytes(five[1]), .bytes(one), .pause]
                    + five[2...].dropLast().map { .bytes($0) } + [.bytes(other), .bytes(five.last!)],
                expected: pinged2
            )
        )
        return cases
    }
}
