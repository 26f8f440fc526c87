import Hiredis

/// A customer's live tokens, one by one.
extension TokenStore {
    /// The live tokens of a customer, at most ``maxLiveTokens``, in the order in which they end.
    ///
    /// - Throws: ``MessagingError`` `.notFound`, `.storeUnavailable`.
    /// - Complexity: Two round trips.
    package func tokens(ofCustomer customer: UniqueID) async throws(MessagingError) -> [LiveToken] {
        let replies = try await redis.answers(to: [
            RedisCommand("EXISTS", Keyspace.customer(customer)),
            RedisCommand("ZRANGE", Keyspace.customerTokens(customer), "0", "-1"),
        ])
        guard replies[0].int == 1 else { throw .noCustomer(customer) }
        let hashes = (replies[1].array ?? []).compactMap(\.string)
        let records = try await redis.answers(
            to: hashes.map { RedisCommand("HGETALL", Keyspace.token($0, in: customer.partition)) }
        )
        return zip(hashes, records).compactMap { hash, record in
            guard let fields = RecordFields(record.array ?? []), let issuedAt = fields.timestamp("issuedAt"),
                let channel = fields["channel"].flatMap(CustomerChannel.init),
                let expiresAt = fields.timestamp("expiresAt")
            else { return nil }
            let id = String(hash.prefix(LiveToken.idDigits))
            return LiveToken(id: id, channel: channel, issuedAt: issuedAt, expiresAt: expiresAt)
        }
    }

    /// Ends one token of a customer and closes the connections opened with it, on every gateway.
    ///
    /// - Parameter token: its ``LiveToken/id``.
    /// - Returns: Whether there was such a token.
    /// - Throws: ``MessagingError`` `.notFound` for the customer; `.storeUnavailable`: Redis gave no answer, or has the
    ///   revocation and no replica confirmed it within 1 s. Repeat it.
    package func revokeToken(
        _ token: String,
        ofCustomer customer: UniqueID,
        by author: AuditAuthor? = nil
    ) async throws(MessagingError) -> Bool {
        var command = RedisCommand(
            evaluating: Scripts.revokeCustomerToken,
            keys: [Keyspace.prefix(customer.partition)]
        )
        command.append(customer.description)
        command.append(token)
        command.append(author.map { AuditRecord(.tokenRevoke, by: $0, on: .customer(customer), ["tokens": token]) })
        switch try await redis.lastingAnswer(to: command).int {
        case 1: return true
        case 0: return false
        case -1: throw .noCustomer(customer)
        default: throw .unexpectedReply(to: Scripts.revokeCustomerToken.name)
        }
    }
}
