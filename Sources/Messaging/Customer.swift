/// Somebody who asks, and what is known about them. Field names in JSON and in Redis are the access guide's.
///
/// Source: access guide, "Customer Management API".
package struct Customer: Sendable, Equatable, Identifiable {
    package let id: UniqueID
    package var profile: CustomerProfile
    /// When the customer last wrote; of one who never did, when the record was made.
    package let lastInteractionAt: Timestamp
    package let createdAt: Timestamp
    package let updatedAt: Timestamp
    /// Counts the changes, so that two at the same moment can't undo each other.
    package let version: Int
    /// Identities that were proved, where an earlier version noted it: in the record, of each channel the last one.
    let notedAsProved: [ChannelIdentity]

    /// Reads a record; `nil` when it lacks what every record has.
    init?(id: UniqueID, fields: RecordFields) {
        guard let name = fields["name"], let channel = fields["primaryChannel"].flatMap(CustomerChannel.init),
            let createdAt = fields.timestamp("createdAt"), let version = fields["version"].flatMap({ Int($0) })
        else { return nil }
        self.id = id
        profile = CustomerProfile(name: name, primaryChannel: channel)
        profile.email = fields["email"]
        profile.phone = fields["phone"]
        profile.tags = fields["tags"].map { $0.split(separator: "\n").map(String.init) } ?? []
        profile.notes = fields["notes"]
        profile.active = fields["active"] != "0"
        for channel in CustomerChannel.allCases where channel.hasFieldOfItsOwn {
            profile.channelIDs[channel] = fields[channel.customerField]
        }
        lastInteractionAt = fields.timestamp("lastInteractionAt") ?? createdAt
        self.createdAt = createdAt
        updatedAt = fields.timestamp("updatedAt") ?? createdAt
        self.version = version
        notedAsProved = CustomerChannel.allCases.compactMap { channel in
            fields["proved:\(channel.rawValue)"].map { ChannelIdentity(channel: channel, channelID: $0) }
        }
    }
}

/// What people may change of a customer.
package struct CustomerProfile: Sendable, Equatable {
    /// 1 to 100 characters.
    package var name: String
    package var primaryChannel: CustomerChannel
    /// Contact data. Claims the channel identity EMAIL only while that is the primary channel.
    package var email: String?
    /// Contact data. Claims the channel identity PHONE or SMS only while that is the primary channel.
    package var phone: String?
    /// At most 50 of 1 to 50 characters, none of them a control character.
    package var tags: [String] = []
    /// For agents; at most 4,000 characters.
    package var notes: String?
    /// A mark for agents to filter by. It changes nothing else: an inactive customer still gets tokens.
    package var active = true
    /// By channel, for those with a field of their own: each claims that channel identity.
    package var channelIDs: [CustomerChannel: String] = [:]

    package init(name: String, primaryChannel: CustomerChannel) {
        self.name = name
        self.primaryChannel = primaryChannel
    }

    /// The channel identities this customer has: a token request with one of them finds this customer. The primary
    /// channel's comes first; it decides where a new customer is placed.
    package var identities: [ChannelIdentity] {
        let others = CustomerChannel.allCases.filter { $0 != primaryChannel }
        return ([primaryChannel] + others).compactMap { channel in
            channelID(in: channel).map { ChannelIdentity(channel: channel, channelID: $0) }
        }
    }

    private func channelID(in channel: CustomerChannel) -> String? {
        switch channel {
        case .email: primaryChannel == channel ? email : nil
        case .sms, .phone: primaryChannel == channel ? phone : nil
        default: channelIDs[channel]
        }
    }

    /// The record's fields; `nil` for those that it does not have.
    var fields: [(name: String, value: String?)] {
        var fields: [(name: String, value: String?)] = [
            ("name", name), ("nameFolded", name.foldedForSearch), ("primaryChannel", primaryChannel.rawValue),
            ("email", email), ("phone", phone), ("tags", tags.joined(separator: "\n")), ("notes", notes),
            ("active", active ? "1" : "0"),
        ]
        for channel in CustomerChannel.allCases where channel.hasFieldOfItsOwn {
            fields.append((channel.customerField, channelIDs[channel]))
        }
        return fields
    }
}

extension CustomerChannel {
    /// The field of a customer that holds their id in this channel. `webId` is kept in the record only: a browser's id
    /// says nothing to an agent, and nobody can type it in.
    package var customerField: String {
        switch self {
        case .web: "webId"
        case .weChat: "wechatOpenId"
        case .whatsApp: "whatsappPhone"
        case .line: "lineUserId"
        case .telegram: "telegramId"
        case .facebook: "facebookPsid"
        case .app: "appUserId"
        case .email: "email"
        case .sms, .phone: "phone"
        }
    }

    /// Whether that field is for this channel alone, so that it always claims the channel identity.
    package var hasFieldOfItsOwn: Bool {
        switch self {
        case .email, .sms, .phone: false
        default: true
        }
    }
}

extension String {
    /// The text as names are searched: full-width forms (U+FF01 to U+FF5E, and the space U+3000) as the ASCII they look
    /// like, and lower case. Two names that people take for the same when they type it fold to the same bytes.
    package var foldedForSearch: String {
        var narrow = String.UnicodeScalarView()
        for scalar in unicodeScalars {
            switch scalar.value {
            case 0xff01...0xff5e: narrow.append(Unicode.Scalar(UInt8(scalar.value - 0xfee0)))
            case 0x3000: narrow.append(" ")
            default: narrow.append(scalar)
            }
        }
        return String(narrow).lowercased()
    }
}
