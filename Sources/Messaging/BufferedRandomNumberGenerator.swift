import Glibc

/// The system's random numbers, 256 bytes at a time: `SystemRandomNumberGenerator` is a system call for each eight bytes.
///
/// For ids, which must be unique. Tokens, which must be secret, keep the system's generator: nothing of them is to lie in
/// memory before they are made.
struct BufferedRandomNumberGenerator: RandomNumberGenerator {
    /// As much as one `getentropy` gives.
    private static let count = 256 / MemoryLayout<UInt64>.size
    private var numbers = [UInt64](repeating: 0, count: count)
    private var used = count

    mutating func next() -> UInt64 {
        if used == Self.count {
            // It fails only where the kernel has no such call.
            guard numbers.withUnsafeMutableBytes({ getentropy($0.baseAddress, $0.count) }) == 0 else {
                var system = SystemRandomNumberGenerator()
                return system.next()
            }
            used = 0
        }
        used += 1
        return numbers[used - 1]
    }
}
