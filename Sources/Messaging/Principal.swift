/// Whom a token stands for.
package enum Principal: Sendable, Equatable {
    /// `channel`: where this token was asked for; a customer with several channel identities has tokens of several channels.
    case customer(id: UniqueID, channel: CustomerChannel)
    case agent(id: UniqueID, role: AgentRole, name: String)

    package var id: UniqueID {
        switch self {
        case .customer(let id, _), .agent(let id, _, _): id
        }
    }

    package var isAgent: Bool {
        if case .agent = self { true } else { false }
    }
}

/// What an agent may do. Raw values are what the REST interface says.
package enum AgentRole: String, CaseIterable, Sendable, Codable {
    /// Answers, and administers the agents; may claim, release and resolve anybody's conversation.
    case admin
    /// Answers customers.
    case agent
    /// A program that answers customers.
    case bot
}
