import Crypto
import CryptoExtras
import FoundationEssentials
import Messaging
import NIOPosix
import Synchronization

/// Hashes and checks passwords with scrypt, on threads of its own: each takes some 0.1 s and 32 MiB.
///
/// A hash is text: `scrypt$15$8$1$SALT$KEY`, that is log2 of N, r, p, and salt and key in base64, so that the cost can be
/// raised later without losing older hashes.
///
/// Source: RFC 7914; [OWASP, password storage](https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html).
struct PasswordHasher: Sendable {
    /// How many are computed at once; bounds memory at 64 MiB and leaves processors to the rest.
    private static let threads = 2
    /// How many may be computed or wait. One more is refused, so that a flood of logins does not make everybody wait for
    /// minutes.
    static let maxPending = 32

    private static let logRounds = 15
    private static let blockSize = 8
    private static let parallelism = 1
    private static let keyBytes = 32

    private static let pool: NIOThreadPool = {
        let pool = NIOThreadPool(numberOfThreads: threads)
        pool.start()
        return pool
    }()
    private let pending = Pending()

    fileprivate final class Pending: Sendable {
        let count = Mutex(0)
    }

    /// One of ``maxPending``, until nobody holds it.
    final class Place: Sendable {
        private let pending: Pending

        fileprivate init(_ pending: Pending) { self.pending = pending }

        deinit { pending.count.withLock { $0 -= 1 } }
    }

    /// A place for one password, to be had before anything else is done for it.
    ///
    /// - Throws: ``MessagingError`` `.rateLimited` when ``maxPending`` are taken.
    func place() throws -> Place {
        let isFree = pending.count.withLock { count in
            guard count < Self.maxPending else { return false }
            count += 1
            return true
        }
        guard isFree else {
            throw MessagingError(
                .rateLimited,
                "Too many log in at this moment. Please try again.",
                retryAfter: .seconds(1)
            )
        }
        return Place(pending)
    }

    /// - Throws: As ``place()``.
    func hash(_ password: String) async throws -> String {
        try await run(in: try place()) {
            var generator = SystemRandomNumberGenerator()
            let salt = Data((0..<16).map { _ in UInt8.random(in: .min ... .max, using: &generator) })
            let key = try Self.key(password, salt, Self.logRounds, Self.blockSize, Self.parallelism)
            let words = [
                "scrypt", "\(Self.logRounds)", "\(Self.blockSize)", "\(Self.parallelism)", salt.base64EncodedString(),
                key.withUnsafeBytes { Data($0) }.base64EncodedString(),
            ]
            return words.joined(separator: "$")
        }
    }

    /// Whether `password` is the one that `hash` was made of. Takes as long when `hash` is `nil`, and is `false` then.
    func verify(_ password: String, against hash: String?, in place: Place) async throws -> Bool {
        try await run(in: place) {
            let words = (hash ?? "").split(separator: "$")
            guard words.count == 6, words[0] == "scrypt", let logRounds = Int(words[1]), 1...20 ~= logRounds,
                let blockSize = Int(words[2]), let parallelism = Int(words[3]),
                let salt = Data(base64Encoded: String(words[4])), let key = Data(base64Encoded: String(words[5]))
            else {
                _ = try Self.key(password, Data(count: 16), Self.logRounds, Self.blockSize, Self.parallelism)
                return false
            }
            // SymmetricKey compares in constant time.
            return try Self.key(password, salt, logRounds, blockSize, parallelism) == SymmetricKey(data: key)
        }
    }

    private static func key(
        _ password: String,
        _ salt: Data,
        _ logRounds: Int,
        _ blockSize: Int,
        _ parallelism: Int
    ) throws -> SymmetricKey {
        try KDF.Scrypt.deriveKey(
            from: Data(password.utf8),
            salt: salt,
            outputByteCount: keyBytes,
            rounds: 1 << logRounds,
            blockSize: blockSize,
            parallelism: parallelism
        )
    }

    private func run<Result: Sendable>(
        in place: Place,
        _ work: @escaping @Sendable () throws -> Result
    ) async throws -> Result {
        defer { withExtendedLifetime(place) {} }
        return try await Self.pool.runIfActive(work)
    }
}
