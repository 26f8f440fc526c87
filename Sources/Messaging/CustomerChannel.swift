/// Where a customer comes from. Raw values are spelt as in the access guide, "Supported Channels".
package enum CustomerChannel: String, CaseIterable, Sendable, Codable {
    case web = "WEB"
    case weChat = "WECHAT"
    case whatsApp = "WHATSAPP"
    case line = "LINE"
    case telegram = "TELEGRAM"
    case facebook = "FACEBOOK"
    case email = "EMAIL"
    case sms = "SMS"
    case phone = "PHONE"
    case app = "APP"
}

/// What makes two requests the same customer: a channel, and who somebody is in it.
package struct ChannelIdentity: Hashable, Sendable {
    package let channel: CustomerChannel
    /// 1 to 128 bytes of UTF-8, compared byte for byte within its channel.
    package let channelID: String

    package init(channel: CustomerChannel, channelID: String) {
        self.channel = channel
        self.channelID = channelID
    }
}
