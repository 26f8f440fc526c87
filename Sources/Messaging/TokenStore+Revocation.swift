import Hiredis

/// Ending tokens before their time.
///
/// Each of these closes the connections that were opened with the tokens, on every gateway, and lasts over a failover: see
/// ``MessagingError`` `.storeUnavailable` below.
extension TokenStore {
    /// Ends an agent's token.
    ///
    /// - Parameter hash: ``Token/hash``. A token that ended already is no error.
    /// - Throws: ``MessagingError`` `.storeUnavailable`; the token may have ended nevertheless.
    package func revokeAgentToken(
        _ hash: String,
        of agent: UniqueID,
        by author: AuditAuthor? = nil
    ) async throws(MessagingError) {
        var command = RedisCommand(evaluating: Scripts.revokeAgentToken, keys: [Keyspace.prefix(.ofAgents)])
        command.append(agent.description)
        command.append(hash)
        command.append(author.map { AuditRecord(.agentLogout, by: $0, on: .agent(agent)) })
        _ = try await redis.lastingAnswer(to: command)
    }

    /// Ends all tokens of a customer, and the proofs of identity that they were given for.
    ///
    /// - Returns: How many live ones there were.
    /// - Throws: ``MessagingError`` `.notFound`; `.storeUnavailable`: Redis gave no answer, or has the revocation and no
    ///   replica confirmed it within 1 s. Repeat it.
    package func revokeTokens(
        ofCustomer customer: UniqueID,
        by author: AuditAuthor? = nil
    ) async throws(MessagingError) -> Int {
        let record = author.map { AuditRecord(.tokenRevoke, by: $0, on: .customer(customer), ["tokens": "all"]) }
        guard let revoked = try await revoke("customer", customer, in: customer.partition, record) else {
            throw .noCustomer(customer)
        }
        return revoked
    }

    /// Ends all tokens of an agent.
    ///
    /// - Returns: How many live ones there were.
    /// - Throws: As ``revokeTokens(ofCustomer:)``.
    package func revokeTokens(
        ofAgent agent: UniqueID,
        by author: AuditAuthor? = nil
    ) async throws(MessagingError) -> Int {
        let record = author.map { AuditRecord(.tokenRevoke, by: $0, on: .agent(agent), ["tokens": "all"]) }
        guard let revoked = try await revoke("agent", agent, in: .ofAgents, record) else { throw .noAgent(agent) }
        return revoked
    }

    private func revoke(
        _ kind: String,
        _ id: UniqueID,
        in partition: Partition,
        _ record: AuditRecord?
    ) async throws(MessagingError) -> Int? {
        var command = RedisCommand(evaluating: Scripts.revokeTokens, keys: [Keyspace.prefix(partition)])
        command.append(kind)
        command.append(id.description)
        command.append(record)
        guard let revoked = try await redis.lastingAnswer(to: command).int else {
            throw .unexpectedReply(to: Scripts.revokeTokens.name)
        }
        return revoked < 0 ? nil : revoked
    }
}
