package import Messaging
package import NIOCore

extension ServerMessage {
    /// A conversation in `welcome`: where it stands, up to where this reader has acknowledged it, and what it has not read.
    package struct ConversationPosition: Sendable {
        package var id: UniqueID
        /// `waiting`, `assigned` or `resolved`.
        package var state: String
        package var assignee: UniqueID?
        package var generation: Int
        /// The last message's seq.
        package var seq: Int
        /// The last seq this reader acknowledged.
        package var cursor: Int
        /// Messages of the other side after the seq this reader has read.
        package var unread: Int
        /// Who is on the other side, where that is known.
        package var details: Messaging.ConversationPosition.Details?

        package init(
            id: UniqueID,
            state: String,
            assignee: UniqueID?,
            generation: Int,
            seq: Int,
            cursor: Int,
            unread: Int,
            details: Messaging.ConversationPosition.Details? = nil
        ) {
            self.id = id
            self.state = state
            self.assignee = assignee
            self.generation = generation
            self.seq = seq
            self.cursor = cursor
            self.unread = unread
            self.details = details
        }
    }

    /// `welcome`, the first frame of the full dialect: who the client is, how long its token lives, how often to expect a
    /// ping, and where its conversations stand.
    package static func welcome(
        connectionID: String,
        principal: Principal,
        expiresAt: Timestamp,
        heartbeatSeconds: Int,
        conversations: [ConversationPosition]
    ) -> ByteBuffer {
        var json = JSONWriter(capacity: 384 + connectionID.utf8.count + conversations.count * 480)
        json.raw(#"{"type":"welcome","connectionId":"#)
        json.string(connectionID)
        json.raw(#","principal":"#)
        write(principal, to: &json)
        json.raw(#","expiresAt":"#)
        json.time(expiresAt)
        json.raw(#","heartbeatSeconds":"#)
        json.number(heartbeatSeconds)
        json.raw(#","conversations":["#)
        for (index, conversation) in conversations.enumerated() {
            if index > 0 { json.raw(",") }
            write(conversation, to: &json)
        }
        json.raw("]}")
        return json.buffer
    }

    private static func write(_ principal: Principal, to json: inout JSONWriter) {
        switch principal {
        case .customer(let id, _):
            json.raw(#"{"type":"customer","id":"#)
            json.id(id)
        case .agent(let id, let role, let name):
            json.raw(#"{"type":"agent","id":"#)
            json.id(id)
            json.raw(#","name":"#)
            json.string(name)
            json.raw(#","role":""#)
            json.raw(role.rawValue)
            json.raw("\"")
        }
        json.raw("}")
    }

    private static func write(_ conversation: ConversationPosition, to json: inout JSONWriter) {
        json.raw(#"{"conversationId":"#)
        json.id(conversation.id)
        json.raw(#","state":"#)
        json.string(conversation.state)
        if let assignee = conversation.assignee {
            json.raw(#","assigneeId":"#)
            json.id(assignee)
        }
        json.raw(#","generation":"#)
        json.number(conversation.generation)
        json.raw(#","seq":"#)
        json.number(conversation.seq)
        json.raw(#","cursor":"#)
        json.number(conversation.cursor)
        if let details = conversation.details { write(details, to: &json) }
        json.raw(#","unread":"#)
        json.number(conversation.unread)
        json.raw("}")
    }

    private static func write(_ details: Messaging.ConversationPosition.Details, to json: inout JSONWriter) {
        switch details.other {
        case .customer(let id, let channel, let name, let isOnline):
            json.raw(#","customerId":"#)
            json.id(id)
            json.raw(#","customerName":"#)
            json.string(name)
            json.raw(#","channel":""#)
            json.raw(channel.rawValue)
            json.raw(#"","online":"#)
            json.bool(isOnline)
        case .assignee(let name, let isOnline):
            if name.readableBytes > 0 {
                json.raw(#","assigneeName":"#)
                json.raw(name)
                json.raw(#","assigneeOnline":"#)
                json.bool(isOnline)
            }
        }
        json.raw(#","delivered":"#)
        json.number(details.delivered)
        json.raw(#","read":"#)
        json.number(details.read)
    }
}
