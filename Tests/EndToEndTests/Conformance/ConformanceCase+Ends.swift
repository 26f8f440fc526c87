/// Chapter 7: the close handshake; chapters 9 and 10: limits.
extension ConformanceCase {
    static let ends: [ConformanceCase] = closing + codes + sizes + bursts

    private static var closing: [ConformanceCase] {
        let hello = frame(.text, message("Hello World!"))
        let long = content(forMessageOf: 262_144)
        let two = fragments(message("fragment1fragment2").pieces(of: 20))
        let heard = Outcome(echoes: ["Hello World!"], close: 1000)
        func add(_ number: String, _ summary: String, _ frames: [[UInt8]], _ expected: Outcome) -> ConformanceCase {
            ConformanceCase(
                number: number,
                summary: summary,
                steps: [.bytes(frames.flatMap { $0 })],
                expected: expected
            )
        }
        let closed = Outcome(close: 1000)
        let text = frame(.text, message("too late"))
        let lastReason = [UInt8](repeating: 0x2a, count: 123)
        return [
            add("7.1.1", "a message, then close", [hello, close(1000)], heard),
            add("7.1.2", "close twice", [close(1000), close(1000)], closed),
            add("7.1.3", "a ping after close", [close(1000), frame(.ping, [])], closed),
            add("7.1.4", "text after close", [close(1000), text], closed),
            add("7.1.5", "close between two fragments", [two[0], close(1000), two[1]], closed),
            add(
                "7.1.6",
                "256 KiB, a message, close, a ping",
                [frame(.text, message(long)), hello, close(1000), frame(.ping, [])],
                Outcome(echoes: [long, "Hello World!"], close: 1000)
            ),
            add("7.3.1", "close without a payload", [close(nil)], Outcome(close: 1005)),
            add("7.3.2", "close with one byte", [frame(.close, [0x61])], Outcome(close: 1002)),
            add("7.3.3", "close with a code", [close(1000)], closed),
            add("7.3.4", "close with a code and a reason", [close(1000, reason: "Hello World!".utf8)], closed),
            add("7.3.5", "close with the longest reason", [close(1000, reason: lastReason)], closed),
            add("7.3.6", "close with a longer one", [close(1000, reason: lastReason + [0x2a])], Outcome(close: 1002)),
            add(
                "7.5.1",
                "close with a reason that is not UTF-8",
                [close(1000, reason: Array("κόσμε".utf8) + [0xed, 0xa0, 0x80] + Array("edited".utf8))],
                Outcome(close: 1007)
            ),
        ]
    }

    private static var codes: [ConformanceCase] {
        let valid: [Int] = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999]
        let invalid: [Int] = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999]
        return valid.enumerated().map { index, code in
            ConformanceCase(
                number: "7.7.\(index + 1)",
                summary: "close code \(code)",
                steps: [.bytes(close(code))],
                expected: Outcome(close: code)
            )
        }
            + invalid.enumerated().map { index, code in
                ConformanceCase(
                    number: "7.9.\(index + 1)",
                    summary: "close code \(code), which may not be sent",
                    steps: [.bytes(close(code))],
                    expected: Outcome(close: 1002)
                )
            }
            + ([5000, 65_535] as [Int]).enumerated().map { index, code in
                ConformanceCase(
                    number: "7.13.\(index + 1)",
                    summary: "close code \(code), which is nobody's",
                    steps: [.bytes(close(code))],
                    expected: Outcome(close: 1002)
                )
            }
    }

    // MARK: Limits

    /// `MAX_MESSAGE_BYTES` of the gateway under test.
    static let maxMessageBytes = 1024 * 1024

    private static var sizes: [ConformanceCase] {
        let mebibyte = 1024 * 1024
        var cases: [ConformanceCase] = []
        for (index, bytes) in [65_536, 262_144, mebibyte, 4 * mebibyte, 8 * mebibyte, 16 * mebibyte].enumerated() {
            let content = content(forMessageOf: bytes)
            let fits = bytes <= maxMessageBytes
            cases.append(
                ConformanceCase(
                    number: "9.1.\(index + 1)",
                    summary: "text of \(bytes / 1024) KiB",
                    // Past the limit the head alone decides.
                    steps: [.bytes(Array(frame(.text, message(content)).prefix(fits ? .max : 4096)))],
                    expected: fits ? Outcome(echoes: [content]) : Outcome(close: 1009)
                )
            )
            cases.append(
                ConformanceCase(
                    number: "9.2.\(index + 1)",
                    summary: "binary of \(bytes / 1024) KiB",
                    steps: [.bytes(Array(frame(.binary, [UInt8](repeating: 0, count: bytes)).prefix(4096)))],
                    expected: Outcome(close: 1003)
                )
            )
        }
        let whole = content(forMessageOf: mebibyte)
        for (index, size) in [64, 256, 1024, 4096, 16_384, 65_536, 262_144, mebibyte].enumerated() {
            let frames = fragments(message(whole).pieces(of: size))
            let fits = frames.count <= 1024
            cases.append(
                ConformanceCase(
                    number: "9.3.\(index + 1)",
                    summary: "1 MiB of text in fragments of \(size) bytes",
                    steps: [.bytes(frames.prefix(1025).flatMap { $0 })],
                    expected: fits ? Outcome(echoes: [whole]) : Outcome(close: 1008)
                )
            )
            cases.append(
                ConformanceCase(
                    number: "9.4.\(index + 1)",
                    summary: "1 MiB of binary in fragments of \(size) bytes",
                    steps: [.bytes(frame(.binary, [UInt8](repeating: 0, count: size), fin: false))],
                    expected: Outcome(close: 1003)
                )
            )
        }
        for (index, size) in [64, 128, 256, 512, 1024, 2048].enumerated() {
            cases.append(
                ConformanceCase(
                    number: "9.5.\(index + 1)",
                    summary: "1 MiB of text in pieces of \(size) bytes",
                    steps: chops(frame(.text, message(whole)), of: size),
                    expected: Outcome(echoes: [whole])
                )
            )
            cases.append(
                ConformanceCase(
                    number: "9.6.\(index + 1)",
                    summary: "1 MiB of binary in pieces of \(size) bytes",
                    steps: Array(chops(frame(.binary, [UInt8](repeating: 0, count: mebibyte)), of: size).prefix(16)),
                    expected: Outcome(close: 1003)
                )
            )
        }
        return cases
    }

    private static var bursts: [ConformanceCase] {
        var cases: [ConformanceCase] = []
        for (index, size) in [0, 16, 64, 256, 1024, 4096].enumerated() {
            // The shortest message that says anything has 15 bytes.
            let contents = (0..<1000).map { number in
                let mark = String(number, radix: 36)
                return mark + String(repeating: "*", count: max(0, size - message(mark).count))
            }
            cases.append(
                ConformanceCase(
                    number: "9.7.\(index + 1)",
                    summary: "1,000 texts of \(size) bytes",
                    steps: [.bytes(contents.flatMap { frame(.text, message($0)) })],
                    expected: Outcome(echoes: contents)
                )
            )
            cases.append(
                ConformanceCase(
                    number: "9.8.\(index + 1)",
                    summary: "binaries of \(size) bytes",
                    steps: [.bytes(frame(.binary, [UInt8](repeating: 0, count: size)))],
                    expected: Outcome(close: 1003)
                )
            )
        }
        let content = content(forMessageOf: 65_536)
        cases.append(
            ConformanceCase(
                number: "10.1.1",
                summary: "64 KiB of text in fragments of 1,300 bytes",
                steps: [.bytes(fragments(message(content).pieces(of: 1300)).flatMap { $0 })],
                expected: Outcome(echoes: [content])
            )
        )
        return cases
    }
}
