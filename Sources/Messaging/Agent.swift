/// Somebody, or a program, who answers customers.
package struct Agent: Sendable, Equatable, Identifiable {
    package let id: UniqueID
    /// 1 to 64 characters of `a`–`z`, `0`–`9`, `.`, `_`, `@`, `-`.
    package let login: String
    /// What customers and other agents see.
    package let name: String
    package let role: AgentRole
    /// An agent who is not can't log in, and has no tokens.
    package let active: Bool
    package let createdAt: Timestamp
    package let updatedAt: Timestamp

    init?(id: UniqueID, fields: RecordFields) {
        guard let login = fields["login"], let name = fields["name"],
            let role = fields["role"].flatMap(AgentRole.init), let createdAt = fields.timestamp("createdAt")
        else { return nil }
        self.id = id
        self.login = login
        self.name = name
        self.role = role
        active = fields["active"] == "1"
        self.createdAt = createdAt
        updatedAt = fields.timestamp("updatedAt") ?? createdAt
    }

    /// A login as it is stored and compared: lower case.
    ///
    /// - Returns: `nil` for what can't be a login.
    package static func login(_ text: String) -> String? {
        let login = text.lowercased()
        let isLogin = login.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
            case UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "@"), UInt8(ascii: "-"): true
            default: false
            }
        }
        return isLogin && 1...64 ~= login.utf8.count ? login : nil
    }
}

/// What to change of an agent; `nil` leaves it.
package struct AgentChanges: Sendable {
    package var name: String?
    package var role: AgentRole?
    /// A new one ends all of the agent's tokens.
    package var passwordHash: String?
    /// `false` ends all of the agent's tokens.
    package var active: Bool?

    package init(name: String? = nil, role: AgentRole? = nil, passwordHash: String? = nil, active: Bool? = nil) {
        self.name = name
        self.role = role
        self.passwordHash = passwordHash
        self.active = active
    }
}
