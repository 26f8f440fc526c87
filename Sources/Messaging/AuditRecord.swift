import FoundationEssentials
import Hiredis

/// Who does something that is kept in the audit log, and where from.
package struct AuditAuthor: Codable, Equatable, Sendable {
    package enum Kind: String, Codable, Sendable {
        case agent
        case customer
        /// Somebody who has shown no token.
        case anybody
        /// Somebody on a machine that runs `customer-api agent …`, or the program itself.
        case commandLine
    }

    package let kind: Kind
    /// The agent's or customer's.
    package var id: UniqueID?
    /// The agent's as it was then; of the command line the user of the operating system.
    package var name: String?
    /// The client's, as `TRUSTED_PROXIES` decides; `nil` on the command line.
    package var address: String?

    package init(_ kind: Kind, id: UniqueID? = nil, name: String? = nil, address: String? = nil) {
        self.kind = kind
        self.id = id
        self.name = name
        self.address = address
    }
}

/// What the audit log says of one act. It names ids, fields and roles; no token, no password, no text that a customer wrote,
/// and no value of a customer's record.
package struct AuditRecord: Codable, Equatable, Sendable {
    /// What was done, `SUBJECT.VERB`. Raw values are what the REST interface says.
    package enum Act: String, Codable, CaseIterable, Sendable {
        case customerCreate = "customer.create"
        case customerUpdate = "customer.update"
        case customerErase = "customer.erase"
        /// All that there was of the customer is gone.
        case customerErased = "customer.erased"
        case customerExport = "customer.export"
        case conversationClaim = "conversation.claim"
        case conversationRelease = "conversation.release"
        case conversationTransfer = "conversation.transfer"
        case conversationResolve = "conversation.resolve"
        case agentCreate = "agent.create"
        case agentUpdate = "agent.update"
        case agentLogin = "agent.login"
        case agentLoginRefused = "agent.login-refused"
        case agentLogout = "agent.logout"
        /// An agent got a token for a customer, or the command line one for an agent.
        case tokenIssue = "token.issue"
        case tokenRevoke = "token.revoke"
        case proofRefused = "proof.refused"
        case auditRead = "audit.read"
    }

    /// What it was done to.
    package enum Subject: Equatable, Sendable {
        case customer(UniqueID)
        case conversation(UniqueID)
        case agent(UniqueID)

        package var id: UniqueID {
            switch self {
            case .customer(let id), .conversation(let id), .agent(let id): id
            }
        }
        package var kind: String {
            switch self {
            case .customer: "customer"
            case .conversation: "conversation"
            case .agent: "agent"
            }
        }
    }

    package let act: Act
    package let author: AuditAuthor
    package let subject: Subject?
    /// What else there is to say, such as the fields that were changed.
    package let details: [String: String]

    package init(_ act: Act, by author: AuditAuthor, on subject: Subject? = nil, _ details: [String: String] = [:]) {
        self.act = act
        self.author = author
        self.subject = subject
        self.details = details
    }

    private enum CodingKeys: String, CodingKey {
        case act, author, subject, subjectKind, details
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        act = try container.decode(Act.self, forKey: .act)
        author = try container.decode(AuditAuthor.self, forKey: .author)
        details = try container.decodeIfPresent([String: String].self, forKey: .details) ?? [:]
        guard let id = try container.decodeIfPresent(UniqueID.self, forKey: .subject) else {
            subject = nil
            return
        }
        switch try container.decode(String.self, forKey: .subjectKind) {
        case "customer": subject = .customer(id)
        case "conversation": subject = .conversation(id)
        default: subject = .agent(id)
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(act, forKey: .act)
        try container.encode(author, forKey: .author)
        try container.encodeIfPresent(subject?.id, forKey: .subject)
        try container.encodeIfPresent(subject?.kind, forKey: .subjectKind)
        if !details.isEmpty { try container.encode(details, forKey: .details) }
    }

    /// As Redis holds it: JSON.
    var text: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    init?(text: [UInt8]) {
        guard let record = try? JSONDecoder().decode(AuditRecord.self, from: Data(text)) else { return nil }
        self = record
    }
}

extension UniqueID: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let id = UniqueID(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "no UUID")
        }
        self = id
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

extension RedisCommand {
    /// The last argument of scripts that begin with `audit.lua`; `nil` for what the audit log says nothing of.
    mutating func append(_ record: AuditRecord?) { append(record?.text ?? "") }
}
