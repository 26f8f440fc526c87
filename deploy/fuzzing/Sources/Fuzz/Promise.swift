/// Ends the process unless `holds`: the input at hand breaks what `promise` says.
func promise(_ holds: Bool, _ promise: @autoclosure () -> String) {
    if !holds { fatalError("Broken: \(promise())") }
}

/// Cuts bytes into pieces of lengths that follow from a seed, most of them short.
struct Pieces: Sequence, IteratorProtocol {
    private var rest: ArraySlice<UInt8>
    private var state: UInt32

    init(of bytes: [UInt8], seed: UInt8) {
        rest = bytes[...]
        state = UInt32(seed) &* 2_654_435_761 | 1
    }

    mutating func next() -> ArraySlice<UInt8>? {
        guard !rest.isEmpty else { return nil }
        state ^= state << 13
        state ^= state >> 17
        state ^= state << 5
        let piece = rest.prefix(1 + Int(state % (state & 0x700 == 0 ? 4000 : 13)))
        rest = rest[piece.endIndex...]
        return piece
    }
}
