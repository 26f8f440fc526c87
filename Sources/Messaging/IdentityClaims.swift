import Crypto
import Hiredis

/// Claims of channel identities in partitions other than their customer's, where record and claim can't be written in
/// one step.
///
/// The order makes a crash at any point harmless: the identity is reserved (`ID@MS`), then the record that lists it is
/// written, then the claim is confirmed (`ID`). Whoever meets a reservation settles it by looking at the record: it lists
/// the identity → confirmed; it does not, and the reservation is ``abandonedAfter`` old → freed; it does not yet → the
/// caller repeats a second later. When an identity is given up, the record is written first and the claim released
/// after; a claim whose customer does not list it is freed by whoever meets it.
struct IdentityClaims: Sendable {
    let redis: RedisClient

    /// A reservation older than this whose customer does not list the identity was left behind by a crash.
    static let abandonedAfter = Duration.seconds(10)
    /// A record may be written only while its reservations are younger than this, so that nobody else has freed them.
    /// The rest up to ``abandonedAfter`` allows for clocks of several Redis servers that differ.
    static let writableFor = Duration.seconds(5)

    /// An identity that is reserved for a customer.
    struct Reservation: Sendable {
        let identity: ChannelIdentity
        let customer: UniqueID
        /// Redis's time.
        let at: Timestamp

        /// What the claim's key holds.
        fileprivate var value: String { "\(customer)@\(at.milliseconds)" }
    }

    enum Holder: Sendable {
        case nobody
        case customer(UniqueID)
    }

    /// Reserves `identity` for `customer`.
    ///
    /// - Throws: ``MessagingError`` `.conflict` when another customer has it; `.storeUnavailable`, also when somebody
    ///   else's reservation is not settled yet (repeat after a second).
    func reserve(_ identity: ChannelIdentity, for customer: UniqueID) async throws(MessagingError) -> Reservation {
        for _ in 0..<3 {
            var command = RedisCommand(
                evaluating: Scripts.reserveIdentity,
                keys: [Keyspace.prefix(Partition(of: identity))]
            )
            command.append(identity.suffix)
            command.append(customer.description)
            let reply = try await redis.answer(to: command).array ?? []
            if reply.first?.string == "reserved", let at = reply.last?.int {
                return Reservation(identity: identity, customer: customer, at: Timestamp(milliseconds: at))
            }
            guard reply.first?.string == "taken", let value = reply.last?.string else {
                throw .unexpectedReply(to: Scripts.reserveIdentity.name)
            }
            if case .customer(let holder) = try await settle(identity, seen: value) {
                throw .taken(identity, by: holder)
            }
        }
        throw .unsettled(identity)
    }

    /// The record lists the identity now.
    func confirm(_ reservation: Reservation) async throws(MessagingError) {
        _ = try await replace(reservation.identity, reservation.value, with: reservation.customer.description)
    }

    /// The record was not written after all.
    func cancel(_ reservation: Reservation) async throws(MessagingError) {
        _ = try await replace(reservation.identity, reservation.value, with: "")
    }

    /// The record does not list the identity any more. That it was proved stays.
    func release(_ identity: ChannelIdentity, of customer: UniqueID) async throws(MessagingError) {
        _ = try await replace(identity, customer.description, with: "")
    }

    /// The customer is erased. That the identity was proved is forgotten in the same step, if nobody else has it by now.
    func forget(_ identity: ChannelIdentity, of customer: UniqueID) async throws(MessagingError) {
        _ = try await replace(identity, customer.description, with: "", forgettingProof: true)
    }

    /// Notes that an identity was proved, where only a customer's record says so.
    func noteProved(_ identity: ChannelIdentity) async throws(MessagingError) {
        var command = RedisCommand("SET", Keyspace.proved(identity), "1")
        command.mustBeReplicated = true
        _ = try await redis.answer(to: command)
    }

    /// Finds out who has an identity whose claim was seen to hold `value`, and puts the claim right.
    ///
    /// - Throws: ``MessagingError`` `.storeUnavailable` when it is reserved by a creation that may still be under way.
    func settle(_ identity: ChannelIdentity, seen value: String) async throws(MessagingError) -> Holder {
        let words = value.split(separator: "@")
        guard let holder = words.first.flatMap({ UniqueID($0) }) else {
            throw .unexpectedReply(to: Scripts.reserveIdentity.name)
        }
        let record = try await redis.answer(to: RedisCommand("HGETALL", Keyspace.customer(holder)))
        let customer = RecordFields(record.array ?? []).flatMap { Customer(id: holder, fields: $0) }
        if customer?.profile.identities.contains(identity) == true {
            if words.count == 2 { _ = try await replace(identity, value, with: holder.description) }
            return .customer(holder)
        }
        switch try await replace(identity, value, with: "", leastAge: Self.abandonedAfter) {
        case -1: throw .unsettled(identity)
        default: return .nobody
        }
    }

    private func replace(
        _ identity: ChannelIdentity,
        _ seen: String,
        with value: String,
        leastAge: Duration = .zero,
        forgettingProof: Bool = false
    ) async throws(MessagingError) -> Int {
        var command = RedisCommand(
            evaluating: Scripts.settleIdentity,
            keys: [Keyspace.prefix(Partition(of: identity))]
        )
        command.append(identity.suffix)
        command.append(seen)
        command.append(value)
        command.append(leastAge.milliseconds)
        command.append(forgettingProof ? identity.digest : "")
        guard let reply = try await redis.answer(to: command).int else {
            throw .unexpectedReply(to: Scripts.settleIdentity.name)
        }
        return reply
    }
}

extension ChannelIdentity {
    /// As scripts take it: what follows `identity:` in ``Keyspace/identity(_:)``.
    var suffix: String { "\(channel.rawValue):\(channelID)" }

    /// What stands for it where it is not to be read: 16 bytes of SHA-256, hex.
    var digest: String { SHA256.text(of: Array(suffix.utf8), bytes: 16) }
}

extension MessagingError {
    static func taken(_ identity: ChannelIdentity, by customer: UniqueID) -> MessagingError {
        MessagingError(
            .conflict,
            "Another customer has this \(identity.channel.rawValue) identity: \(customer).",
            field: identity.channel.customerField
        )
    }

    static func unsettled(_ identity: ChannelIdentity) -> MessagingError {
        MessagingError(
            .storeUnavailable,
            "This \(identity.channel.rawValue) identity is being given to a customer at this moment. Please try again.",
            field: identity.channel.customerField,
            retryAfter: .seconds(1)
        )
    }
}

extension Duration {
    /// Whole milliseconds, rounded down.
    var milliseconds: Int {
        Int(components.seconds) * 1000 + Int(components.attoseconds / 1_000_000_000_000_000)
    }
}
