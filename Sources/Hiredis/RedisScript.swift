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

    var sha1Bytes: [UInt8] { contents.sha1Bytes }
    var source: [UInt8] { contents.source }
    /// What to run in its place on a Redis Cluster; `nil`: the same.
    var onCluster: RedisScript? { contents.onCluster }
    /// Counts the scripts of this process from 0.
    var index: Int { contents.index }

    /// Whether what it does must be on replicas before it succeeds: ``RedisCommand/mustBeReplicated``.
    package var mustBeReplicated: Bool { contents.mustBeReplicated }

    package init(name: String, source: some Sequence<UInt8>, mustBeReplicated: Bool = false) {
        contents = Contents(
            name: name,
            source: Array(source),
            onCluster: nil,
            mustBeReplicated: mustBeReplicated
        )
    }

    /// - Parameter onCluster: The source for a Redis Cluster, where some commands are others, such as `SPUBLISH`.
    package init(
        name: String,
        source: some Sequence<UInt8>,
        onCluster: some Sequence<UInt8>,
        mustBeReplicated: Bool = false
    ) {
        contents = Contents(
            name: name,
            source: Array(source),
            onCluster: RedisScript(name: name, source: onCluster),
            mustBeReplicated: mustBeReplicated
        )
    }

    private final class Contents: Sendable {
        let name: String
        let source: [UInt8]
        let sha1: String
        let sha1Bytes: [UInt8]
        let onCluster: RedisScript?
        let mustBeReplicated: Bool
        let index: Int

        init(name: String, source: [UInt8], onCluster: RedisScript?, mustBeReplicated: Bool) {
            self.mustBeReplicated = mustBeReplicated
            self.name = name
            self.source = source
            self.onCluster = onCluster
            self.sha1Bytes = Insecure.SHA1.hash(data: source).flatMap(Contents.hex)
            self.sha1 = String(decoding: sha1Bytes, as: UTF8.self)
            self.index = Contents.count.wrappingAdd(1, ordering: .relaxed).oldValue
        }

        private static let count = Atomic<Int>(0)

        private static func hex(_ byte: UInt8) -> [UInt8] {
            let digits = Array("0123456789abcdef".utf8)
            return [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        }
    }
}
