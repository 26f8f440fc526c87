import Crypto
import Synchronization

/// A Lua script that Redis runs as one atomic step.
///
/// Make each one once (a `static let`): its SHA-1 is computed here, and each connection remembers by ``index`` which
/// scripts it has already sent in full.
package struct RedisScript: Sendable {
    private let contents: Contents

    /// What logs call it; by convention the name of its file without `.lua`.
    package var name: String { contents.name }
    /// The SHA-1 of the source, 40 lower-case hexadecimal digits, as `EVALSHA` wants it.
    package var sha1: String { contents.sha1 }

    var source: [UInt8] { contents.source }
    /// Counts the scripts of this process from 0.
    var index: Int { contents.index }

    package init(name: String, source: some Sequence<UInt8>) {
        contents = Contents(name: name, source: Array(source))
    }

    private final class Contents: Sendable {
        let name: String
        let source: [UInt8]
        let sha1: String
        let index: Int

        init(name: String, source: [UInt8]) {
            self.name = name
            self.source = source
            self.sha1 = String(decoding: Insecure.SHA1.hash(data: source).flatMap(Contents.hex), as: UTF8.self)
            self.index = Contents.count.wrappingAdd(1, ordering: .relaxed).oldValue
        }

        private static let count = Atomic<Int>(0)

        private static func hex(_ byte: UInt8) -> [UInt8] {
            let digits = Array("0123456789abcdef".utf8)
            return [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        }
    }
}
