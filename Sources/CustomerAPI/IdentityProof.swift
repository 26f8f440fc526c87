import Crypto
import FoundationEssentials
package import Messaging

/// Whether whoever names a channel identity has to prove that it is theirs, and whether they did.
///
/// The site's own server knows who is logged in. It has a secret for the channel, and gives the customer's program a
/// signature: HMAC-SHA-256, in hexadecimal digits, of `CHANNEL`, a line feed, `CHANNELID`, a line feed, `EXPIRES`. No channel has
/// a line feed and neither have digits, so no two identities have the same text, whatever a channel id holds.
///
/// A signature is the client's that uses it first, which may use it again until it expires (``ProofUse``).
///
/// Source: RFC 2104; design.md §5.
package struct IdentityProof: Sendable {
    /// The secrets of channels that demand a proof, each valid: two while one takes the other's place.
    private let keys: [CustomerChannel: [SymmetricKey]]
    /// Whether channels without a secret are closed, but for ``selfChosen``, whose ids must be unguessable.
    package let isRequired: Bool

    /// The shortest secret, in characters.
    package static let minSecretCharacters = 32
    /// How many secrets a channel may have at once.
    package static let maxSecrets = 2
    /// How far ahead a signature may expire, in seconds, and ``ProofUse/clockSlack`` more.
    static let maxLifetime = 24 * 3600

    /// Channels whose ids a customer's own program makes up, so that it can make up one that nobody guesses.
    static let selfChosen: Set<CustomerChannel> = [.web, .app]

    package init(secrets: [CustomerChannel: [String]] = [:], isRequired: Bool = false) {
        keys = secrets.mapValues { $0.map { SymmetricKey(data: Data($0.utf8)) } }
        self.isRequired = isRequired
    }

    /// What a token request says besides the identity.
    struct Claim: Sendable {
        let signature: String?
        /// Seconds since 1970 UTC.
        let expires: Int?
    }

    /// - Parameter address: The client's.
    /// - Returns: What proves the identity, if nobody else has used it; `nil` where the channel demands no proof.
    /// - Throws: 403 `proof_required`, `proof_invalid`, `proof_expired`, `channel_closed`; 422 for an expiry that is too
    ///   far ahead, and for an id that can be guessed.
    func check(
        _ claim: Claim,
        of identity: ChannelIdentity,
        by address: NetworkAddress,
        at now: Timestamp = .now
    ) throws(APIError) -> ProofUse? {
        guard let keys = keys[identity.channel] else {
            if isRequired { try checkUnproved(identity) }
            return nil
        }
        guard let signature = claim.signature else { throw .proofRequired("signature", identity.channel) }
        guard let expires = claim.expires else { throw .proofRequired("expires", identity.channel) }
        // Before the time: what is said about a signature that is not valid is that.
        guard let code = Self.bytes(ofHexadecimal: signature), isSignature(code, of: identity, expires, keys) else {
            throw APIError(
                .forbidden,
                "proof_invalid",
                "The signature is not that of this channel, channelId and expires.",
                field: "signature"
            )
        }
        let seconds = now.milliseconds / 1000
        guard expires > seconds else {
            throw APIError(.forbidden, "proof_expired", "The signature has expired. Get a new one.", field: "expires")
        }
        guard expires - seconds <= Self.maxLifetime + ProofUse.clockSlack else {
            throw .invalid("expires", "\"expires\" must not be more than 24 hours ahead.")
        }
        return ProofUse(of: code, expires: expires, by: address)
    }

    private func isSignature(
        _ code: [UInt8],
        of identity: ChannelIdentity,
        _ expires: Int,
        _ keys: [SymmetricKey]
    ) -> Bool {
        let text = Data("\(identity.channel.rawValue)\n\(identity.channelID)\n\(expires)".utf8)
        // In constant time.
        return keys.contains {
            HMAC<SHA256>.isValidAuthenticationCode(code, authenticating: text, using: $0)
        }
    }

    private func checkUnproved(_ identity: ChannelIdentity) throws(APIError) {
        guard Self.selfChosen.contains(identity.channel) else {
            throw APIError(
                .forbidden,
                "channel_closed",
                """
                Customers of every channel have to prove their identity here, and the server has no secret for \
                \(identity.channel.rawValue).
                """,
                field: "channel"
            )
        }
        guard Self.isUnguessable(identity.channelID) else {
            throw .invalid(
                "channelId",
                "\"channelId\" must be, or end with, a random (version 4) UUID, as in web_UUID."
            )
        }
    }

    /// Whether an id is a version 4 UUID, which has 122 random bits, by itself or after other characters. That they are
    /// random can't be seen.
    static func isUnguessable(_ channelID: String) -> Bool {
        let bytes = Array(channelID.utf8)
        guard bytes.count >= 36, let text = String(validating: bytes.suffix(36), as: UTF8.self), UniqueID(text) != nil
        else { return false }
        let digits = Array(text.lowercased().utf8)
        let variants: [UInt8] = [UInt8(ascii: "8"), UInt8(ascii: "9"), UInt8(ascii: "a"), UInt8(ascii: "b")]
        return digits[14] == UInt8(ascii: "4") && variants.contains(digits[19])
    }

    private static func bytes(ofHexadecimal text: String) -> [UInt8]? {
        let digits = text.utf8.map { Character(Unicode.Scalar($0)).hexDigitValue }
        guard digits.count == 2 * SHA256.byteCount, !digits.contains(nil) else { return nil }
        return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0]! * 16 + digits[$0 + 1]!) }
    }

    /// What an operator should know, in a sentence or two.
    package var summary: String {
        let names = { (channels: [CustomerChannel]) in channels.map(\.rawValue).joined(separator: ", ") }
        let proved = CustomerChannel.allCases.filter { keys[$0] != nil }
        let others = CustomerChannel.allCases.filter { keys[$0] == nil }
        var sentences: [String] = []
        if !proved.isEmpty { sentences.append("Customers of \(names(proved)) have to prove their identity.") }
        if isRequired {
            let open = others.filter(Self.selfChosen.contains)
            let closed = others.filter { !Self.selfChosen.contains($0) }
            if !open.isEmpty {
                sentences.append("Identity proof is off for \(names(open)), whose ids must have a random UUID.")
            }
            if !closed.isEmpty { sentences.append("\(names(closed)) take nobody: they have no secret.") }
        } else if !others.isEmpty {
            sentences.append(
                """
                Identity proof is off for \(names(others)): anybody who names a channel identity (channel and channelId) gets a \
                token for that customer, unless it was proved before. Identities that others can guess, such as phone \
                numbers and e-mail addresses, are not protected.
                """
            )
        }
        return sentences.joined(separator: " ")
    }

    /// Whether somebody's guess of an identity gets a token.
    package var isOpen: Bool { !isRequired && keys.count < CustomerChannel.allCases.count }
}

extension APIError {
    fileprivate static func proofRequired(_ field: String, _ channel: CustomerChannel) -> APIError {
        APIError(
            .forbidden,
            "proof_required",
            "Customers of \(channel.rawValue) have to prove their identity: \"\(field)\" is missing.",
            field: field
        )
    }
}
