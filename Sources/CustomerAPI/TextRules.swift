import Messaging

/// What texts may be. Characters are Unicode scalars, so that a limit bounds bytes too.
enum TextRules {
    static let maxNameCharacters = 100
    static let maxChannelIDBytes = 128

    /// A name: kept as sent, but not blank, in one line, and without ``withoutDirections(_:)``.
    static func name(_ text: String, field: String) throws(APIError) -> String {
        var line = String.UnicodeScalarView()
        for scalar in withoutDirections(text).unicodeScalars {
            line.append(scalar.properties.generalCategory == .control ? " " : scalar)
        }
        return try notBlank(String(line), field: field, maxCharacters: maxNameCharacters)
    }

    /// A text without the marks that turn its direction or end its line: with them a name can look like another one, or
    /// turn what is shown after it.
    static func withoutDirections(_ text: String) -> String {
        var kept = String.UnicodeScalarView()
        for scalar in text.unicodeScalars where !scalar.properties.isBidiControl {
            switch scalar.properties.generalCategory {
            case .lineSeparator, .paragraphSeparator: break
            default: kept.append(scalar)
            }
        }
        return String(kept)
    }

    static func notBlank(_ text: String, field: String, maxCharacters: Int) throws(APIError) -> String {
        guard text.unicodeScalars.count <= maxCharacters, !text.allSatisfy(\.isWhitespace) else {
            throw .invalid(field, "\"\(field)\" must have 1 to \(maxCharacters) characters and must not be blank.")
        }
        return text
    }

    /// Who somebody is in a channel: compared byte for byte.
    static func channelID(_ text: String, field: String) throws(APIError) -> String {
        guard 1...maxChannelIDBytes ~= text.utf8.count, !text.allSatisfy(\.isWhitespace) else {
            throw .invalid(field, "\"\(field)\" must have 1 to \(maxChannelIDBytes) bytes and must not be blank.")
        }
        return text
    }

    static func channel(_ text: String, field: String) throws(APIError) -> CustomerChannel {
        guard let channel = CustomerChannel(rawValue: text) else {
            let names = CustomerChannel.allCases.map(\.rawValue).joined(separator: ", ")
            throw .invalid(field, "\"\(field)\" must be one of \(names).")
        }
        return channel
    }
}

/// What agents' logins, passwords and roles may be.
enum AgentRules {
    /// - Returns: The login in lower case.
    static func login(_ text: String, field: String) throws(APIError) -> String {
        guard let login = Agent.login(text) else {
            throw .invalid(field, "\"\(field)\" must have 1 to 64 characters, each one of a-z 0-9 . _ @ -")
        }
        return login
    }

    static func password(_ text: String, field: String) throws(APIError) -> String {
        guard 8...200 ~= text.unicodeScalars.count else {
            throw .invalid(field, "\"\(field)\" must have 8 to 200 characters.")
        }
        return text
    }

    static func role(_ text: String, field: String) throws(APIError) -> AgentRole {
        guard let role = AgentRole(rawValue: text) else {
            let names = AgentRole.allCases.map(\.rawValue).joined(separator: ", ")
            throw .invalid(field, "\"\(field)\" must be one of \(names).")
        }
        return role
    }
}
