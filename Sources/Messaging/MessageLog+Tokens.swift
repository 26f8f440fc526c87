import Hiredis

extension MessageLog {
    /// Whom a token stands for: ``TokenStore/authenticate(_:)`` on an event loop, without a task.
    package func authenticate(_ token: Token, _ completion: @escaping Completion<AuthenticatedToken>) {
        let hash = token.hash
        redis.send(TokenStore.question(about: token, hash)) { result in
            completion(
                result.mapError { MessagingError($0) }.flatMap { reply in
                    Result { () throws(MessagingError) in try TokenStore.holder(of: token, hash, in: reply) }
                }
            )
        }
    }

    /// Finds out which tokens Redis no longer has: revoked, or expired by its clock.
    ///
    /// For connections that may have missed a revocation's publication.
    ///
    /// - Parameters:
    ///   - hashes: ``Token/hash`` of each.
    ///   - partition: where their records are.
    /// - Returns: Through `completion`, which is called once: the hashes without a record, in no particular order.
    ///   ``MessagingError`` `.storeUnavailable` when not all could be looked up.
    /// - Complexity: One round trip, one short command for each token.
    package func findDeadTokens(
        _ hashes: [String],
        in partition: Partition,
        _ completion: @escaping Completion<[String]>
    ) {
        guard !hashes.isEmpty else { return completion(.success([])) }
        var dead: [String] = []
        var failure: RedisError?
        var missing = hashes.count
        for hash in hashes {
            redis.send(RedisCommand("EXISTS", Keyspace.token(hash, in: partition))) { result in
                switch result {
                case .success(.integer(0)): dead.append(hash)
                case .success: break
                case .failure(let error): failure = error
                }
                missing -= 1
                if missing == 0 { completion(failure.map { .failure(MessagingError($0)) } ?? .success(dead)) }
            }
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
