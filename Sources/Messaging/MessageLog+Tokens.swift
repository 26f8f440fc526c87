import Hiredis

extension MessageLog {
    /// Whom a token stands for: ``TokenStore/authenticate(_:)`` on an event loop, without a task.
    package func authenticate(_ token: Token, _ completion: @escaping Completion<AuthenticatedToken>) {
        let hash = token.hash
        redis.send(TokenStore.question(about: hash, in: token.partition)) { result in
            completion(
                result.mapError { MessagingError($0) }.flatMap { reply in
                    Result { () throws(MessagingError) in
                        try TokenStore.holder(ofCustomers: token.isCustomer, hash, in: reply)
                    }
                }
            )
        }
    }

    /// What has become of a token since its handshake.
    package enum TokenEnd: Sendable {
        /// Redis no longer has it: revoked, or expired by its clock; or its agent was deactivated.
        case gone
        /// Its agent has another role or name.
        case changed
    }

    /// Finds out which tokens are no longer what they were.
    ///
    /// For connections that may have missed a revocation's publication, or that of a new role.
    ///
    /// - Parameter partition: where the records of all of them are.
    /// - Returns: Through `completion`, which is called once: those that are not, by ``Token/hash``. ``MessagingError``
    ///   `.storeUnavailable` when not all could be looked up.
    /// - Complexity: One round trip, one short command for each token.
    package func findEndedTokens(
        _ tokens: [AuthenticatedToken],
        in partition: Partition,
        _ completion: @escaping Completion<[String: TokenEnd]>
    ) {
        guard !tokens.isEmpty else { return completion(.success([:])) }
        var ended: [String: TokenEnd] = [:]
        var failure: MessagingError?
        var missing = tokens.count
        for token in tokens {
            redis.send(Self.question(about: token, in: partition)) { result in
                do throws(MessagingError) {
                    ended[token.hash] = try Self.end(of: token, in: result.mapError { MessagingError($0) }.get())
                } catch {
                    failure = error
                }
                missing -= 1
                if missing == 0 { completion(failure.map { .failure($0) } ?? .success(ended)) }
            }
        }
    }

    /// Of a customer, who stays the same, it is enough to ask whether the token is there.
    private static func question(about token: AuthenticatedToken, in partition: Partition) -> RedisCommand {
        guard token.principal.isAgent else { return RedisCommand("EXISTS", Keyspace.token(token.hash, in: partition)) }
        return TokenStore.question(about: token.hash, in: partition)
    }

    private static func end(of token: AuthenticatedToken, in reply: RedisReply) throws(MessagingError) -> TokenEnd? {
        guard token.principal.isAgent else { return reply.int == 0 ? .gone : nil }
        do {
            let holder = try TokenStore.holder(ofCustomers: false, token.hash, in: reply)
            return holder.principal == token.principal ? nil : .changed
        } catch {
            guard error.code == .unauthenticated else { throw error }
            return .gone
        }
    }

    /// When a token of a customer or agent was last ended before its time, by Redis's clock; `nil`: never.
    package func findLastRevocation(of principal: Principal, _ completion: @escaping Completion<Timestamp?>) {
        let record =
            switch principal {
            case .customer(let id, _): Keyspace.customer(id)
            case .agent(let id, _, _): Keyspace.agent(id)
            }
        redis.send(RedisCommand("HGET", record, "tokensRevokedAt")) { result in
            completion(result.map { $0.int.map { Timestamp(milliseconds: $0) } }.mapError { MessagingError($0) })
        }
    }
}
