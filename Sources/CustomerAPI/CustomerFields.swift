import Messaging

/// What agents may write of a customer, field by field, and within which limits.
enum CustomerFields {
    static let maxEmailCharacters = 254
    static let maxPhoneCharacters = 32
    static let maxNotesCharacters = 4000
    static let maxTags = 50
    static let maxTagCharacters = 50

    /// The channels whose ids are fields that can be written.
    static let channels = CustomerChannel.allCases.filter { $0.hasFieldOfItsOwn && $0 != .web }

    static let names: Set<String> = Set(
        ["name", "primaryChannel", "email", "phone", "tags", "notes", "active"] + channels.map(\.customerField)
    )

    static func email(_ text: String) throws -> String {
        let email = try TextRules.notBlank(text, field: "email", maxCharacters: maxEmailCharacters)
        guard email.contains("@"), !email.contains(where: \.isWhitespace) else {
            throw APIError.invalid("email", "\"email\" must be an e-mail address.")
        }
        return email
    }

    static func phone(_ text: String) throws -> String {
        try TextRules.notBlank(text, field: "phone", maxCharacters: maxPhoneCharacters)
    }

    static func notes(_ text: String) throws -> String {
        guard text.unicodeScalars.count <= maxNotesCharacters else {
            throw APIError.invalid("notes", "\"notes\" must not have more than \(maxNotesCharacters) characters.")
        }
        return text
    }

    static func tags(_ texts: [String]) throws -> [String] {
        guard texts.count <= maxTags else {
            throw APIError.invalid("tags", "There must not be more than \(maxTags) tags.")
        }
        var tags: [String] = []
        for text in texts {
            let tag = try TextRules.notBlank(text, field: "tags", maxCharacters: maxTagCharacters)
            guard !tag.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else {
                throw APIError.invalid("tags", "A tag must not have control characters.")
            }
            if !tags.contains(tag) { tags.append(tag) }
        }
        return tags
    }

    /// `email` and `phone` may be longer than a channel id may be, unless they are one.
    static func checkIdentities(of profile: CustomerProfile) throws {
        for identity in profile.identities {
            _ = try TextRules.channelID(identity.channelID, field: identity.channel.customerField)
        }
    }
}

/// The body of `POST /customers`.
struct NewCustomer: JSONBody {
    let profile: CustomerProfile

    init(fields: JSONFields) throws {
        let changes = try CustomerChanges(fields: fields)
        guard let name = changes.name else { throw APIError.missing("name") }
        guard let channel = changes.primaryChannel else { throw APIError.missing("primaryChannel") }
        var profile = CustomerProfile(name: name, primaryChannel: channel)
        changes.apply(to: &profile)
        try CustomerFields.checkIdentities(of: profile)
        self.profile = profile
    }
}

/// The body of `PUT /customers/{id}`: only what is named changes, `null` clears.
struct CustomerChanges: JSONBody {
    let name: String?
    let primaryChannel: CustomerChannel?
    private let active: Bool?
    private let email: JSONFields.Change<String>
    private let phone: JSONFields.Change<String>
    private let notes: JSONFields.Change<String>
    private let tags: JSONFields.Change<[String]>
    private let channelIDs: [(channel: CustomerChannel, id: JSONFields.Change<String>)]

    init(fields: JSONFields) throws {
        try fields.refuseUnknown(except: CustomerFields.names)
        name = try fields.optionalText("name").required("name", "a string").map {
            try TextRules.name($0, field: "name")
        }
        primaryChannel = try fields.optionalText("primaryChannel").required("primaryChannel", "a string").map {
            try TextRules.channel($0, field: "primaryChannel")
        }
        active = try fields.optionalFlag("active").required("active", "true or false")
        email = try fields.optionalText("email").map(CustomerFields.email)
        phone = try fields.optionalText("phone").map(CustomerFields.phone)
        notes = try fields.optionalText("notes").map(CustomerFields.notes)
        tags = try fields.optionalTexts("tags").map(CustomerFields.tags)
        channelIDs = try CustomerFields.channels.map { channel in
            let field = channel.customerField
            return (channel, try fields.optionalText(field).map { try TextRules.channelID($0, field: field) })
        }
    }

    func apply(to profile: inout CustomerProfile) {
        profile.name = name ?? profile.name
        profile.primaryChannel = primaryChannel ?? profile.primaryChannel
        profile.active = active ?? profile.active
        email.apply(to: &profile.email)
        phone.apply(to: &profile.phone)
        notes.apply(to: &profile.notes)
        var tagList: [String]? = profile.tags
        tags.apply(to: &tagList)
        profile.tags = tagList ?? []
        for (channel, id) in channelIDs { id.apply(to: &profile.channelIDs[channel]) }
    }
}

extension JSONFields.Change {
    func map<Other>(_ transform: (Value) throws -> Other) rethrows -> JSONFields.Change<Other> {
        switch self {
        case .keep: .keep
        case .clear: .clear
        case .set(let value): .set(try transform(value))
        }
    }

    /// For a field that can't be cleared.
    ///
    /// - Returns: `nil` to keep what is there.
    func required(_ field: String, _ expected: String) throws -> Value? {
        switch self {
        case .keep: nil
        case .clear: throw APIError.wrongType(field, expected: expected)
        case .set(let value): value
        }
    }

    func apply(to value: inout Value?) {
        switch self {
        case .keep: break
        case .clear: value = nil
        case .set(let new): value = new
        }
    }
}
