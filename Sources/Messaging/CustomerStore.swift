package import Hiredis

/// Customers in Redis: their records, the channel identities they have, and the list of them.
///
/// To be made once for a program: it keeps what customers are listed by in memory, once a page was asked for.
package struct CustomerStore: Sendable {
    private let redis: RedisClient
    private let claims: IdentityClaims
    private let index: CustomerIndex

    /// How often a write starts again because somebody else wrote in between.
    private static let maxAttempts = 5

    package init(redis: RedisClient) {
        self.redis = redis
        claims = IdentityClaims(redis: redis)
        index = CustomerIndex(redis: redis)
    }

    /// - Throws: ``MessagingError`` `.notFound`, `.storeUnavailable`.
    /// - Complexity: One round trip.
    package func customer(_ id: UniqueID) async throws(MessagingError) -> Customer {
        let reply = try await redis.answer(to: RedisCommand("HGETALL", Keyspace.customer(id)))
        guard let customer = RecordFields(reply.array ?? []).flatMap({ Customer(id: id, fields: $0) }) else {
            throw .noCustomer(id)
        }
        return customer
    }

    /// Which of `ids` are connected.
    package func connected(of ids: [UniqueID]) async throws(MessagingError) -> Set<UniqueID> {
        let replies = try await redis.answers(to: ids.map { RedisCommand("EXISTS", Keyspace.routes($0)) })
        return Set(zip(ids, replies).filter { $0.1.int == 1 }.map(\.0))
    }

    /// One page of customers, newest interaction first; see ``CustomerListing``.
    package func customers(
        matching filter: CustomerFilter,
        page: Int,
        size: Int
    ) async throws(MessagingError) -> Page<Customer> {
        try await CustomerListing(redis: redis, index: index).page(page, size: size, matching: filter)
    }

    /// Gets ready for ``customers(matching:page:size:)``, which would do so itself but then take seconds: customers that were
    /// stored by a version before the list had its present form are added to it, and it is read into memory.
    ///
    /// - Parameter onProgress: Called while customers are added.
    /// - Returns: How many customers there are.
    package func prepareListing(
        onProgress: @Sendable (_ done: Int, _ left: Int) -> Void = { _, _ in }
    ) async throws(MessagingError) -> Int {
        try await index.indexStored(onProgress: onProgress)
        return try await index.current().reduce(0) { $0 + $1.ids.count }
    }

    /// Creates a customer and claims their channel identities.
    ///
    /// The customer is placed where the first identity belongs (anywhere without one), so record and claims are one
    /// script there. Identities that belong elsewhere are reserved before and confirmed after (``IdentityClaims``).
    ///
    /// - Parameter author: For the audit log.
    /// - Throws: ``MessagingError`` `.conflict` naming customer and field when another has one of the identities;
    ///   `.storeUnavailable`. In the second case the customer may exist: look before repeating.
    /// - Complexity: One round trip, and two for each identity that belongs to another partition.
    package func create(
        _ profile: CustomerProfile,
        by author: AuditAuthor? = nil
    ) async throws(MessagingError) -> Customer {
        let id = UniqueID(in: profile.identities.first.map { Partition(of: $0) } ?? .random())
        for _ in 0..<Self.maxAttempts {
            if let customer = try await write(profile, of: id, replacing: nil, by: author) { return customer }
        }
        throw .busy(id)
    }

    /// Changes a customer. A new identity is claimed before the record lists it; one that was given up is released after,
    /// and the next token request with it makes a new customer. Wherever an identity goes, that it was proved goes with it:
    /// ``Keyspace/proved(_:)`` is not the customer's.
    ///
    /// - Parameters:
    ///   - author: For the audit log.
    ///   - isExpected: whether a version may be changed.
    ///   - change: Applied to what is on record; more than once if somebody else writes at the same moment.
    /// - Throws: As ``create(_:)``, and `.notFound`; `.preconditionFailed` for another version than expected.
    package func update(
        _ id: UniqueID,
        by author: AuditAuthor? = nil,
        ifVersion isExpected: (Int) -> Bool = { _ in true },
        _ change: (inout CustomerProfile) -> Void
    ) async throws(MessagingError) -> Customer {
        for _ in 0..<Self.maxAttempts {
            let customer = try await customer(id)
            guard isExpected(customer.version) else {
                throw MessagingError(.preconditionFailed, "Somebody else changed customer \(id) in between.")
            }
            var profile = customer.profile
            change(&profile)
            if profile == customer.profile { return customer }
            if let changed = try await write(profile, of: id, replacing: customer, by: author) { return changed }
        }
        throw .busy(id)
    }

    /// - Returns: `nil` when the record or a claim changed in between, so that it is to be tried again.
    private func write(
        _ profile: CustomerProfile,
        of id: UniqueID,
        replacing old: Customer?,
        by author: AuditAuthor?
    ) async throws(MessagingError) -> Customer? {
        let before = old?.profile.identities ?? []
        let after = profile.identities
        let claimed = after.filter { !before.contains($0) }
        let released = before.filter { !after.contains($0) }
        let isHere = { (identity: ChannelIdentity) in Partition(of: identity) == id.partition }
        let claimedHere = claimed.filter(isHere)
        // Before they go: in this record nobody would look for it then. To note it too early, or again, does no harm.
        for identity in old?.notedAsProved ?? [] { try await claims.noteProved(identity) }
        let reservations = try await reserve(claimed.filter { !isHere($0) }, for: id)

        var command = RedisCommand(evaluating: Scripts.writeCustomer, keys: [Keyspace.prefix(id.partition)])
        command.append(id.description)
        command.append(old.map { String($0.version) } ?? "")
        let deadline = reservations.map { $0.at.milliseconds + IdentityClaims.writableFor.milliseconds }.min()
        command.append(deadline.map { String($0) } ?? "")
        command.append(list: claimedHere.map(\.suffix))
        command.append(list: released.filter(isHere).map(\.suffix))
        let fields = profile.fields
        command.append(list: fields.filter { $0.value == nil }.map(\.name))
        for case (let name, let value?) in fields {
            command.append(name)
            command.append(value)
        }
        command.append(author.map { record(of: id, from: old?.profile, to: profile, by: $0) })

        let reply = try await redis.answer(to: command).array ?? []
        switch reply.first?.string {
        case "written":
            // Failures from here on are settled by whoever meets the claim.
            for reservation in reservations { try? await claims.confirm(reservation) }
            for identity in released where !isHere(identity) { try? await claims.release(identity, of: id) }
            guard let customer = RecordFields(reply.dropFirst()).flatMap({ Customer(id: id, fields: $0) }) else {
                throw .unexpectedReply(to: Scripts.writeCustomer.name)
            }
            return customer
        case "changed", "late":
            try await cancel(reservations)
            return nil
        case "unknown":
            try await cancel(reservations)
            throw .noCustomer(id)
        case "taken":
            try await cancel(reservations)
            guard reply.count == 3, let position = reply[1].int, let value = reply[2].string else {
                throw .unexpectedReply(to: Scripts.writeCustomer.name)
            }
            let identity = claimedHere[position - 1]
            guard case .customer(let holder) = try await claims.settle(identity, seen: value) else { return nil }
            throw .taken(identity, by: holder)
        default:
            throw .unexpectedReply(to: Scripts.writeCustomer.name)
        }
    }

    private func record(
        of id: UniqueID,
        from old: CustomerProfile?,
        to new: CustomerProfile,
        by author: AuditAuthor
    ) -> AuditRecord {
        guard let old else { return AuditRecord(.customerCreate, by: author, on: .customer(id)) }
        let changed = zip(old.fields, new.fields).filter { $0.0.value != $0.1.value }.map(\.0.name)
        let fields = changed.filter { $0 != "nameFolded" }.joined(separator: ", ")
        return AuditRecord(.customerUpdate, by: author, on: .customer(id), ["fields": fields])
    }

    private func reserve(
        _ identities: [ChannelIdentity],
        for customer: UniqueID
    ) async throws(MessagingError) -> [IdentityClaims.Reservation] {
        var reservations: [IdentityClaims.Reservation] = []
        for identity in identities {
            do {
                reservations.append(try await claims.reserve(identity, for: customer))
            } catch {
                try? await cancel(reservations)
                throw error
            }
        }
        return reservations
    }

    private func cancel(_ reservations: [IdentityClaims.Reservation]) async throws(MessagingError) {
        for reservation in reservations { try await claims.cancel(reservation) }
    }
}

extension MessagingError {
    static func noCustomer(_ id: UniqueID) -> MessagingError {
        MessagingError(.notFound, "There is no customer \(id).")
    }

    fileprivate static func busy(_ id: UniqueID) -> MessagingError {
        MessagingError(
            .storeUnavailable,
            "Customer \(id) is being changed by others at this moment. Please try again.",
            retryAfter: .seconds(1)
        )
    }
}

extension RedisCommand {
    /// Appends how many there are, then each.
    fileprivate mutating func append(list texts: [String]) {
        append(texts.count)
        for text in texts { append(text) }
    }
}
