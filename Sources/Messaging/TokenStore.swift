package import Hiredis

/// Tokens in Redis: only their hashes, each with whom it stands for, gone when it expires.
package struct TokenStore: Sendable {
    let redis: RedisClient
    private let claims: IdentityClaims
    private let lifetime: Duration
    private let perMinute: Int
    private let perMinuteOfAgent: Int

    /// How many live tokens one customer or agent may have. One more ends the oldest, so that asking for tokens for ever
    /// fills nothing.
    package static let maxLiveTokens = 1000

    /// - Parameters:
    ///   - lifetime: From issue; a token's expiry never moves.
    ///   - perMinute: How many tokens a customer may get within a minute before one is refused to who names an identity; at
    ///     most ``maxLiveTokens``; 0: any number.
    ///   - perMinuteOfAgent: How many tokens an agent may issue for customers within a minute; 0: any number.
    package init(redis: RedisClient, lifetime: Duration, perMinute: Int = 0, perMinuteOfAgent: Int = 0) {
        self.redis = redis
        self.lifetime = lifetime
        self.perMinute = perMinute
        self.perMinuteOfAgent = perMinuteOfAgent
        claims = IdentityClaims(redis: redis)
    }

    /// Whom a token stands for.
    ///
    /// - Throws: ``MessagingError`` `.unauthenticated` when there is no such token, it expired or was revoked, or its
    ///   agent was deactivated; `.storeUnavailable`.
    /// - Complexity: One round trip; constant time in Redis.
    package func authenticate(_ token: Token) async throws(MessagingError) -> AuthenticatedToken {
        let hash = token.hash
        let reply = try await redis.answer(to: Self.question(about: hash, in: token.partition))
        return try Self.holder(ofCustomers: token.isCustomer, hash, in: reply)
    }

    static func question(about hash: String, in partition: Partition) -> RedisCommand {
        var command = RedisCommand(evaluating: Scripts.readToken, keys: [Keyspace.prefix(partition)])
        command.append(hash)
        return command
    }

    /// What the answer to ``question(about:in:)`` says.
    ///
    /// - Parameter isCustomers: whether the token has the form of a customer's.
    static func holder(
        ofCustomers isCustomers: Bool,
        _ hash: String,
        in reply: RedisReply
    ) throws(MessagingError) -> AuthenticatedToken {
        let reply = reply.array ?? []
        let words = reply.map { $0.string ?? "" }
        guard words.first != "unknown" else { throw .noToken }
        guard words.count >= 4, let id = UniqueID(words[1]), let expiry = reply[2].int else {
            throw .unexpectedReply(to: Scripts.readToken.name)
        }
        let principal: Principal
        if words[0] == "customer", isCustomers, let channel = CustomerChannel(rawValue: words[3]) {
            principal = .customer(id: id, channel: channel)
        } else if words[0] == "agent", !isCustomers, let role = AgentRole(rawValue: words[3]), words.count == 5 {
            principal = .agent(id: id, role: role, name: words[4])
        } else {
            throw .noToken
        }
        return AuthenticatedToken(principal: principal, hash: hash, expiresAt: Timestamp(milliseconds: expiry))
    }

    /// Finds or creates the customer behind a channel identity and issues a new token for them, as one atomic step.
    ///
    /// Runs `Scripts/issue_customer_token.lua` in the identity's partition, so that two first requests at the same moment
    /// make one customer. Every call issues a new token; tokens issued before stay valid until they expire, as long as
    /// there are no more than ``maxLiveTokens``. A known customer keeps the name on record. Where the identity was linked
    /// to a customer of another partition, the script runs once more over there.
    ///
    /// - Parameters:
    ///   - name: 1 to 100 characters; used only when the customer is new.
    ///   - identity: `channelID` is 1 to 128 bytes of UTF-8, compared byte for byte within its channel.
    ///   - proof: that the identity is theirs who ask, which was found to be good. From the first one on, nobody gets a token
    ///     for the identity without, whoever has it by then. In the same step the proof becomes this client's and this
    ///     customer's.
    /// - Throws: ``MessagingError`` `.forbidden`: the identity was proved before, and is not now; `.proofUsed`: by another
    ///   client or for another customer, or it was ended with the customer's tokens; `.rateLimited`;
    ///   `.storeUnavailable`: Redis gave no answer, or somebody is just claiming this identity.
    ///   A token may then exist that nobody holds; it expires by itself, so simply repeat.
    /// - Complexity: One round trip, two for a linked identity; constant time in Redis.
    ///
    /// Source: access guide, "Obtaining a Customer Token", Q2 and Q3.
    package func issueToken(
        named name: String,
        for identity: ChannelIdentity,
        proof: ProofUse? = nil
    ) async throws(MessagingError) -> IssuedToken {
        let home = Partition(of: identity)
        var former: UniqueID?
        for _ in 0..<3 {
            let token = Token.forCustomer(in: home)
            let subject = Subject.identity(newID: UniqueID(in: home))
            switch try await issue(token, subject, identity, name: name, proof, former: former) {
            case .issued(let issued):
                return issued
            case .reserved(let value):
                _ = try await claims.settle(identity, seen: value)
            case .elsewhere(let customer):
                let token = Token.forCustomer(customer)
                switch try await issue(token, .customer(customer), identity, name: "", proof, former: former) {
                case .issued(let issued): return issued
                case .unproved: throw .unproved(identity)
                case .used: throw .usedProof
                case .limited(let wait): throw .tooManyTokens(wait)
                case .elsewhere, .reserved, .unlisted, .unknown: break
                }
                _ = try await claims.settle(identity, seen: customer.description)
                former = customer
            case .unproved:
                throw .unproved(identity)
            case .used:
                throw .usedProof
            case .limited(let wait):
                throw .tooManyTokens(wait)
            case .unlisted, .unknown:
                throw .unexpectedReply(to: Scripts.issueCustomerToken.name)
            }
        }
        throw .unsettled(identity)
    }

    /// Issues a token for a customer; its channel is the customer's primary one.
    ///
    /// - Parameter author: For the audit log; an agent may issue only so many.
    /// - Throws: ``MessagingError`` `.notFound`, `.rateLimited`, `.storeUnavailable`.
    package func issueToken(
        for customer: UniqueID,
        by author: AuditAuthor? = nil
    ) async throws(MessagingError) -> IssuedToken {
        if let author, author.kind == .agent, let agent = author.id { try await countIssue(by: agent) }
        let record = author.map { AuditRecord(.tokenIssue, by: $0, on: .customer(customer)) }
        let outcome = try await issue(.forCustomer(customer), .customer(customer), nil, name: "", audit: record)
        guard case .issued(let issued) = outcome else { throw .noCustomer(customer) }
        return issued
    }

    private func countIssue(by agent: UniqueID) async throws(MessagingError) {
        guard perMinuteOfAgent > 0 else { return }
        var command = RedisCommand(evaluating: Scripts.countTokenIssue, keys: [Keyspace.prefix(.ofAgents)])
        command.append(agent.description)
        command.append(perMinuteOfAgent)
        guard let wait = try await redis.answer(to: command).int else {
            throw .unexpectedReply(to: Scripts.countTokenIssue.name)
        }
        guard wait == 0 else {
            throw MessagingError(
                .rateLimited,
                "You have issued very many tokens within a minute. Please wait before you issue more.",
                retryAfter: .milliseconds(wait)
            )
        }
    }

    private enum Subject {
        /// Whoever has the identity; if nobody has, a new customer with this id.
        case identity(newID: UniqueID)
        case customer(UniqueID)
    }

    private enum Outcome {
        case issued(IssuedToken)
        case elsewhere(UniqueID)
        case reserved(value: String)
        case unproved
        case used
        case limited(Duration)
        case unlisted
        case unknown
    }

    private func issue(
        _ token: Token,
        _ subject: Subject,
        _ identity: ChannelIdentity?,
        name: String,
        _ proof: ProofUse? = nil,
        former: UniqueID? = nil,
        audit record: AuditRecord? = nil
    ) async throws(MessagingError) -> Outcome {
        var command = RedisCommand(
            evaluating: Scripts.issueCustomerToken,
            keys: [Keyspace.prefix(token.partition)]
        )
        switch subject {
        case .identity(let newID):
            command.append("identity")
            command.append(newID.description)
        case .customer(let id):
            command.append("customer")
            command.append(id.description)
        }
        command.append(identity?.channel.rawValue ?? "")
        command.append(identity?.channelID ?? "")
        command.append(identity?.channel.customerField ?? "name")
        command.append(identity?.digest ?? "")
        command.append(name)
        command.append(name.foldedForSearch)
        command.append(token.hash)
        command.append(lifetime.milliseconds)
        command.append(Self.maxLiveTokens)
        command.append(proof?.digest ?? "")
        command.append(proof?.user ?? "")
        command.append(proof?.remembered.milliseconds ?? 0)
        command.append(former?.description ?? "")
        command.append(ProofUse.maxRemembered)
        command.append(perMinute)
        command.append(record)

        let reply = try await redis.answer(to: command).array ?? []
        let words = reply.map { $0.string ?? "" }
        switch words.first {
        case "issued" where words.count == 5:
            guard let id = UniqueID(words[1]), let channel = CustomerChannel(rawValue: words[3]),
                let expiry = reply[4].int
            else { break }
            return .issued(
                IssuedToken(
                    token: token,
                    customer: id,
                    name: words[2],
                    channel: channel,
                    expiresAt: Timestamp(milliseconds: expiry)
                )
            )
        case "elsewhere" where words.count == 2:
            guard let id = UniqueID(words[1]) else { break }
            return .elsewhere(id)
        case "reserved" where words.count == 2: return .reserved(value: words[1])
        case "unproved": return .unproved
        case "used": return .used
        case "limited": return .limited(.milliseconds(reply.last?.int ?? 60_000))
        case "unlisted": return .unlisted
        case "unknown": return .unknown
        default: break
        }
        throw .unexpectedReply(to: Scripts.issueCustomerToken.name)
    }
}

/// Agents' tokens.
extension TokenStore {
    /// Issues a token for an active agent.
    ///
    /// - Parameters:
    ///   - author: For the audit log.
    ///   - act: How it comes about.
    /// - Throws: ``MessagingError`` `.notFound` when there is no such agent or it is not active; `.storeUnavailable`.
    package func issueAgentToken(
        for agent: UniqueID,
        by author: AuditAuthor? = nil,
        _ act: AuditRecord.Act = .tokenIssue
    ) async throws(MessagingError) -> (token: Token, expiresAt: Timestamp) {
        let token = Token.forAgent()
        var command = RedisCommand(evaluating: Scripts.issueAgentToken, keys: [Keyspace.prefix(.ofAgents)])
        command.append(agent.description)
        command.append(token.hash)
        command.append(lifetime.milliseconds)
        command.append(Self.maxLiveTokens)
        command.append(author.map { AuditRecord(act, by: $0, on: .agent(agent)) })
        let reply = try await redis.answer(to: command).array ?? []
        if reply.first?.string == "issued", let expiry = reply.last?.int {
            return (token, Timestamp(milliseconds: expiry))
        }
        throw .noAgent(agent)
    }
}

/// A customer's new token. It is nowhere else: Redis has its hash only.
package struct IssuedToken: Sendable {
    package let token: Token
    package let customer: UniqueID
    /// The name on record.
    package let name: String
    package let channel: CustomerChannel
    package let expiresAt: Timestamp
}

extension MessagingError {
    fileprivate static func unproved(_ identity: ChannelIdentity) -> MessagingError {
        MessagingError(
            .forbidden,
            "This \(identity.channel.rawValue) identity was proved before; without a proof nobody gets a token for it.",
            field: "channelId"
        )
    }

    fileprivate static var usedProof: MessagingError {
        MessagingError(
            .proofUsed,
            "This proof was used from another address or for another customer, or has ended with the customer's tokens. "
                + "Sign a new one.",
            field: "signature"
        )
    }

    fileprivate static func tooManyTokens(_ wait: Duration) -> MessagingError {
        MessagingError(
            .rateLimited,
            "This customer got very many tokens within a minute. Keep the one you have, or wait.",
            retryAfter: wait
        )
    }

    fileprivate static var noToken: MessagingError {
        MessagingError(.unauthenticated, "The token is not valid, or it expired or was revoked.")
    }
}
