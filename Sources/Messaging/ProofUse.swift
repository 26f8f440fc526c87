import Crypto

/// Who uses a proof of an identity: the first use makes the proof that client's and that customer's, until it ends.
///
/// Redis keeps neither the signature nor the address, but what stands for them.
package struct ProofUse: Sendable {
    /// Which proof: 16 bytes of SHA-256 of its signature, hex.
    let digest: String
    /// Who uses it: the same of signature and address together. An address alone could be found by trying all.
    let user: String
    /// Until when it has to be known who used it.
    let remembered: Timestamp

    /// How many proofs of a customer are remembered. One more ends the one that would end first, and from then on none that
    /// ends before that is taken: whoever holds such a one needs a new one.
    package static let maxRemembered = 1000
    /// How much the clocks of who signs, of this program and of Redis may differ, in seconds. A proof may end so much later
    /// than it should, and is remembered for so much longer than it is good.
    package static let clockSlack = 300

    /// - Parameters:
    ///   - signature: The bytes that its digits mean.
    ///   - expires: When it ends, in seconds since 1970 UTC.
    ///   - address: The client's; an IPv6 network counts as one (``NetworkAddress/subscriber``).
    package init(of signature: [UInt8], expires: Int, by address: NetworkAddress) {
        digest = SHA256.text(of: signature, bytes: 16)
        user = SHA256.text(of: signature + Array(address.subscriber.description.utf8), bytes: 16)
        remembered = Timestamp(milliseconds: (expires + Self.clockSlack) * 1000)
    }
}
