package import NIOCore

/// Who sends messages, and from where: what is the same in each of them, made once for a connection.
package final class MessageSender: Sendable {
    let principal: Principal
    /// ` KIND ID`: what follows a message's id in its record.
    let recordHead: [UInt8]
    /// `MAILBOX:NUMBER`: what its messages bear as their ``Message/origin``.
    package let originInLog: ByteBuffer
    /// `ORIGIN `: what precedes ``Message/recordTail(content:metadata:clientMessageID:senderNote:)``.
    let origin: [UInt8]
    /// What `append_message.lua` seldom needs: `ROLE CHANNEL CONVERSATIONS MS `, and of an agent `ADDRESS NAME`.
    let details: [UInt8]

    /// - Parameters:
    ///   - origin: `MAILBOX:NUMBER` of the connection; `-` for none.
    ///   - address: The client's, for the audit log.
    init(_ principal: Principal, origin: String, address: NetworkAddress?, _ limits: MessageLog.Limits) {
        self.principal = principal
        originInLog = ByteBuffer(string: origin)
        self.origin = Array("\(origin) ".utf8)
        let remembered = Int(limits.remembered.components.seconds) * 1000
        let bounds = "\(limits.conversationsPerCustomer) \(remembered)"
        switch principal {
        case .customer(let id, let channel):
            recordHead = Array(" c \(id)".utf8)
            details = Array("- \(channel.rawValue) \(bounds) ".utf8)
        case .agent(let id, let role, let name):
            recordHead = Array(" \(role == .bot ? "b" : "a") \(id)".utf8)
            details = Array(
                "\(role.rawValue) - \(bounds) \(address?.description ?? "-") \(JSONText.literal(name))".utf8
            )
        }
    }

    /// Where a message goes by what the client names: `nil` if an agent names what can't be a conversation.
    func partition(of conversation: UniqueID?) -> Partition? {
        switch principal {
        case .customer(let id, _): id.partition
        case .agent: conversation?.partition
        }
    }
}
