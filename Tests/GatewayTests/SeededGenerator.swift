/// The same numbers for the same seed (SplitMix64), so that a failure can be seen again.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

/// Random JSON texts, with everything that RFC 8259 allows in them.
struct RandomJSON {
    var generator: SeededGenerator

    init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

    mutating func text(maxDepth: Int = 4) -> String { space() + value(depth: maxDepth) + space() }

    mutating func value(depth: Int) -> String {
        switch Int.random(in: 0..<(depth > 0 ? 10 : 7), using: &generator) {
        case 0: return "true"
        case 1: return "false"
        case 2: return "null"
        case 3, 4: return number()
        case 5, 6: return string()
        case 7: return list("[", "]") { $0.value(depth: depth - 1) }
        default: return object(depth: depth)
        }
    }

    mutating func object(depth: Int) -> String {
        // Names are numbered, so that none occurs twice.
        var count = 0
        return list("{", "}") { random in
            count += 1
            return "\"\(count)\(random.string().dropFirst())" + random.space() + ":" + random.space()
                + random.value(depth: depth - 1)
        }
    }

    mutating func number() -> String {
        var text = Bool.random(using: &generator) ? "-" : ""
        text += String(Int.random(in: 0...(Bool.random(using: &generator) ? 9 : 999_999), using: &generator))
        if Bool.random(using: &generator) { text += "." + String(Int.random(in: 0...9999, using: &generator)) }
        if Int.random(in: 0..<4, using: &generator) == 0 {
            text +=
                ["e", "E", "e+", "E-"].randomElement(using: &generator)!
                + String(Int.random(in: 0...20, using: &generator))
        }
        return text
    }

    /// A string literal; surrogate escapes come in pairs only.
    mutating func string() -> String {
        let pieces = [
            "a", "Z", "0", " ", "hello", "你好", "é", "🙂", "\u{7f}", "\u{2028}", "\u{fffd}", "/", "'", "{", "]", ",", ":",
            #"\""#, #"\\"#, #"\/"#, #"\b"#, #"\f"#, #"\n"#, #"\r"#, #"\t"#, #"\u0041"#, #"\u4f60"#, #"\uD83D\uDE42"#,
            #"\u00e9"#, #"\u001f"#,
        ]
        let count = Int.random(in: 0...12, using: &generator)
        return "\"" + (0..<count).map { _ in pieces.randomElement(using: &generator)! }.joined() + "\""
    }

    mutating func space() -> String {
        Int.random(in: 0..<4, using: &generator) == 0
            ? [" ", "\n", "\t", "\r\n", "  "].randomElement(using: &generator)! : ""
    }

    /// The text with one to three characters changed, taken out or put in.
    mutating func mutated(_ text: String) -> String {
        var scalars = Array(text.unicodeScalars)
        let alphabet = Array("{}[]\",:\\/0123456789.-+eEtrufalsn \t\n\u{1}\u{0}'x你".unicodeScalars)
        for _ in 0..<Int.random(in: 1...3, using: &generator) where !scalars.isEmpty {
            let position = Int.random(in: 0..<scalars.count, using: &generator)
            switch Int.random(in: 0..<4, using: &generator) {
            case 0: scalars.remove(at: position)
            case 1: scalars.insert(alphabet.randomElement(using: &generator)!, at: position)
            case 2: scalars[position] = alphabet.randomElement(using: &generator)!
            default: scalars.swapAt(position, Int.random(in: 0..<scalars.count, using: &generator))
            }
        }
        var result = String.UnicodeScalarView()
        result.append(contentsOf: scalars)
        return String(result)
    }

    private mutating func list(_ open: String, _ close: String, _ element: (inout RandomJSON) -> String) -> String {
        let count = Int.random(in: 0...4, using: &generator)
        var text = open + space()
        for index in 0..<count { text += (index > 0 ? "," + space() : "") + element(&self) + space() }
        return text + close
    }
}
