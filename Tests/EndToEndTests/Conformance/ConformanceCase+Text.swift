/// Chapter 6: UTF-8.
extension ConformanceCase {
    static let text: [ConformanceCase] = pieces + failFast + sequences

    private static var pieces: [ConformanceCase] {
        let text = "Hello-µ@ßöäüàá-UTF-8!!"
        let bytes = message(text)
        let echoed = Outcome(echoes: [text])
        // Between two characters: behind the µ.
        let cut = message("Hello-µ").count - 2
        func pieces(_ number: String, _ summary: String, _ frames: [[UInt8]], _ expected: Outcome) -> ConformanceCase {
            ConformanceCase(
                number: number,
                summary: summary,
                steps: [.bytes(frames.flatMap { $0 })],
                expected: expected
            )
        }
        let invalid = message(Array("κόσμε".utf8) + [0xed, 0xa0, 0x80] + Array("edited".utf8))
        return [
            pieces("6.1.1", "text of no bytes", [frame(.text, [])], Outcome(errors: ["malformed_json"])),
            pieces("6.1.2", "three empty fragments", fragments([[], [], []]), Outcome(errors: ["malformed_json"])),
            pieces("6.1.3", "an empty fragment, all of it, an empty one", fragments([[], bytes, []]), echoed),
            pieces("6.2.1", "valid text in one frame", [frame(.text, bytes)], echoed),
            pieces(
                "6.2.2",
                "in two fragments, cut between characters",
                fragments([Array(bytes[..<cut]), Array(bytes[cut...])]),
                echoed
            ),
            pieces("6.2.3", "a fragment for each byte", fragments(bytes.pieces(of: 1)), echoed),
            pieces(
                "6.2.4",
                "a fragment for each byte of κόσμε",
                fragments(message("κόσμε").pieces(of: 1)),
                Outcome(echoes: ["κόσμε"])
            ),
            pieces("6.3.1", "invalid text in one frame", [frame(.text, invalid)], Outcome(close: 1007)),
            pieces(
                "6.3.2",
                "invalid text, a fragment for each byte",
                fragments(invalid.pieces(of: 1)),
                Outcome(close: 1007)
            ),
        ]
    }

    /// What can't become UTF-8 has to fail when that shows, not when the message is over.
    private static var failFast: [ConformanceCase] {
        let begin = Array(#"{"content":""#.utf8) + Array("κόσμε".utf8)
        let end = Array("edited\"}".utf8)
        let failed = Outcome(close: 1007)
        func frames(_ number: String, _ summary: String, _ invalid: [UInt8], _ rest: [UInt8]) -> ConformanceCase {
            ConformanceCase(
                number: number,
                summary: summary,
                steps: [
                    .bytes(frame(.text, begin, fin: false)), .pause, .bytes(frame(.continuation, invalid, fin: false)),
                    .pause, .bytes(frame(.continuation, rest)),
                ],
                expected: failed,
                failsWithin: 2
            )
        }
        func bytes(_ number: String, _ summary: String, _ invalid: [UInt8], _ rest: [UInt8]) -> ConformanceCase {
            let whole = frame(.text, begin + invalid + rest)
            let head = whole.count - begin.count - invalid.count - rest.count
            let (first, second) = (head + begin.count, head + begin.count + invalid.count)
            return ConformanceCase(
                number: number,
                summary: summary,
                steps: [
                    .bytes(Array(whole[..<first])), .pause, .bytes(Array(whole[first..<second])), .pause,
                    .bytes(Array(whole[second...])),
                ],
                expected: failed,
                failsWithin: 2
            )
        }
        return [
            frames(
                "6.4.1",
                "the second of three fragments is past the last code point",
                [0xf4, 0x90, 0x80, 0x80],
                end
            ),
            frames(
                "6.4.2",
                "the second of three fragments begins such a character",
                [0xf4, 0x90],
                [0x80, 0x80] + end
            ),
            bytes("6.4.3", "the same in one frame that comes in three pieces", [0xf4, 0x90, 0x80, 0x80], end),
            bytes("6.4.4", "the same, cut inside the character", [0xf4, 0x90], [0x80, 0x80] + end),
        ]
    }

    // MARK: Byte sequences

    private static var sequences: [ConformanceCase] {
        var cases: [ConformanceCase] = []
        func add(_ section: Int, _ index: Int, _ bytes: [UInt8], isValid: Bool) {
            // Control characters must be escaped in JSON, so that the text they stand in is no JSON.
            let isJSON = !bytes.contains { $0 < 0x20 }
            let expected =
                isValid
                ? isJSON
                    ? Outcome(echoes: [String(decoding: bytes, as: UTF8.self)]) : Outcome(errors: ["malformed_json"])
                : Outcome(close: 1007)
            let name = bytes.prefix(12).map { String($0, radix: 16) }.joined(separator: " ")
            cases.append(
                ConformanceCase(
                    number: "6.\(section).\(index)",
                    summary: "\(isValid ? "valid" : "invalid"): \(name)",
                    steps: [.bytes(frame(.text, message(bytes)))],
                    expected: expected
                )
            )
        }
        func section(_ number: Int, valid: [[UInt8]] = [], invalid: [[UInt8]] = []) {
            for (index, bytes) in valid.enumerated() { add(number, index + 1, bytes, isValid: true) }
            for (index, bytes) in invalid.enumerated() { add(number, valid.count + index + 1, bytes, isValid: false) }
        }

        section(5, valid: ["κόσμε", "Κόσμε", "κ ό σ", "-κόσμε-", "κόσμε!"].map { Array($0.utf8) })
        let greek = Array("κόσμε".utf8)
        for end in 1...greek.count {
            let prefix = Array(greek[..<end])
            add(6, end, prefix, isValid: String(validating: prefix, as: UTF8.self) != nil)
        }
        section(7, valid: [[0x00], [0xc2, 0x80], [0xe0, 0xa0, 0x80], [0xf0, 0x90, 0x80, 0x80]])
        section(8, invalid: [[0xf8, 0x88, 0x80, 0x80, 0x80], [0xfc, 0x84, 0x80, 0x80, 0x80, 0x80]])
        section(9, valid: [[0x7f], [0xdf, 0xbf], [0xef, 0xbf, 0xbf], [0xf4, 0x8f, 0xbf, 0xbf]])
        section(
            10,
            invalid: [
                [0xf7, 0xbf, 0xbf, 0xbf], [0xfb, 0xbf, 0xbf, 0xbf, 0xbf], [0xfd, 0xbf, 0xbf, 0xbf, 0xbf, 0xbf],
            ]
        )
        section(
            11,
            valid: [[0xed, 0x9f, 0xbf], [0xee, 0x80, 0x80], [0xef, 0xbf, 0xbd], [0xf4, 0x8f, 0xbf, 0xbf]],
            invalid: [[0xf4, 0x90, 0x80, 0x80]]
        )
        let continuations = (1...6).map { count in (0..<count).map { $0 % 2 == 0 ? 0x80 : 0xbf } as [UInt8] }
        section(12, invalid: [[0x80], [0xbf]] + continuations.dropFirst() + [Array(0x80...0xbf)])
        section(
            13,
            invalid: [0xc0...0xdf, 0xe0...0xef, 0xf0...0xf7, 0xf8...0xfb, 0xfc...0xfd].map {
                (starts: ClosedRange<UInt8>) in
                starts.flatMap { [$0, 0x20] }
            }
        )
        let incomplete: [[UInt8]] = [
            [0xc0], [0xe0, 0x80], [0xf0, 0x80, 0x80], [0xf8, 0x80, 0x80, 0x80], [0xfc, 0x80, 0x80, 0x80, 0x80], [0xdf],
            [0xef, 0xbf], [0xf7, 0xbf, 0xbf], [0xfb, 0xbf, 0xbf, 0xbf], [0xfd, 0xbf, 0xbf, 0xbf, 0xbf],
        ]
        section(14, invalid: incomplete)
        section(15, invalid: [incomplete.flatMap { $0 }])
        section(16, invalid: [[0xfe], [0xff], [0xfe, 0xfe, 0xff, 0xff]])
        func overlong(_ last: [UInt8]) -> [[UInt8]] {
            // The same character in two to six bytes.
            [[0xc0], [0xe0, 0x80], [0xf0, 0x80, 0x80], [0xf8, 0x80, 0x80, 0x80], [0xfc, 0x80, 0x80, 0x80, 0x80]].map {
                $0 + last
            }
        }
        section(17, invalid: overlong([0xaf]))
        section(
            18,
            invalid: [
                [0xc1, 0xbf], [0xe0, 0x9f, 0xbf], [0xf0, 0x8f, 0xbf, 0xbf], [0xf8, 0x87, 0xbf, 0xbf, 0xbf],
                [0xfc, 0x83, 0xbf, 0xbf, 0xbf, 0xbf],
            ]
        )
        section(19, invalid: overlong([0x80]))
        let high: [[UInt8]] = [[0xed, 0xa0, 0x80], [0xed, 0xad, 0xbf], [0xed, 0xae, 0x80], [0xed, 0xaf, 0xbf]]
        let low: [[UInt8]] = [[0xed, 0xb0, 0x80], [0xed, 0xbe, 0x80], [0xed, 0xbf, 0xbf]]
        section(20, invalid: high + low)
        section(21, invalid: high.flatMap { first in [low[0], low[2]].map { first + $0 } })
        let planes: [UInt32] = (0...16).flatMap { [UInt32($0) << 16 | 0xfffe, UInt32($0) << 16 | 0xffff] }
        section(22, valid: planes.compactMap { Unicode.Scalar($0).map { Array(String($0).utf8) } })
        section(
            23,
            valid: (0xfff9...0xffff as ClosedRange<UInt32>).compactMap {
                Unicode.Scalar($0).map { Array(String($0).utf8) }
            }
        )
        return cases
    }
}
