/// Every key and topic in Redis, built here and nowhere else in Swift. The README's key table is this one.
///
/// All but ``layout`` begin with the hash tag of their partition, `{p}` below. Scripts take that
/// beginning (``prefix(_:)``) as `KEYS[1]`, because the id of a conversation is often only known inside the script, and
/// append the names of this table to it.
///
/// | key | type | holds | lifetime |
/// | --- | --- | --- | --- |
/// | `layout` | string | the number of partitions, set once | none |
/// | `{p}:identity:CHANNEL:CHANNELID` | string | the id of the customer who has that channel identity, or `ID@MS`: reserved for ID at MS by a creation under way | none |
/// | `{p}:proved:IDENTITY` | string | `1`: that channel identity was proved once, whoever has it; IDENTITY = 16 bytes of SHA-256 of `CHANNEL:CHANNELID`, hex | until the customer who has it is erased |
/// | `{p}:customer:ID` | hash | the guide's fields; times in ms since 1970 UTC; `conversation`: the one its next message goes to; `row`; `tokensRevokedAt`; `proved:CHANNEL`, of an earlier version: the channel id of that channel that was proved | none |
/// | `{p}:customer-ids` | string | the ids of the partition's customers, 16 bytes each, in the order of creation; the number of an id, from 0, is its customer's `row` | none |
/// | `{p}:customer-times` | string | `lastInteractionAt` of each row (ms, up to 200 ms old), 6 bytes each | none |
/// | `{p}:customer-touches` | string | a mark for each 128 rows, 8 bytes each; another one with each new time among them | none |
/// | `{p}:customer-edits` | stream | the `row` of each changed record | the last 1,000 |
/// | `{p}:customers` | zset | ids of customers without a `row`, stored by a version before there were rows; emptied by customer-api | as its last member |
/// | `{p}:token:HASH` | hash | `kind` (`customer` or `agent`), `id`, `channel` (customers), `issuedAt`, `expiresAt`; HASH = SHA-256 of the token, hex | `PEXPIREAT` expiry |
/// | `{p}:customer-tokens:ID` | zset | that customer's live token hashes by expiry (ms) | as its last token |
/// | `{p}:proof:DIGEST` | string | who used that proof of identity first: 16 bytes of SHA-256 of signature and address, hex, and the customer's id; empty: it was ended with the customer's tokens; DIGEST = 16 bytes of SHA-256 of the signature, hex. In the partition of the identity, and in its customer's | `PEXPIREAT` the proof's expiry + 5 min |
/// | `{p}:customer-proofs:ID` | zset | digests of the proofs that customer's tokens were given for, by when they are forgotten (ms), and under an empty name that of the last one that was dropped because there were 1,000 | as its last proof |
/// | `{p}:customer-conversations:ID` | zset | that customer's conversation ids by creation (ms) | none |
/// | `{p}:aliases:ID` | hash | that customer's own names for conversations → conversation id | none |
/// | `{p}:conversation:ID` | hash | ``Conversation``'s fields | none |
/// | `{p}:log:ID` | stream | the messages, field `m`; entry id `<seq>-0` | the last `CONVERSATION_LOG_LIMIT` |
/// | `{p}:cursors:ID` | hash | reader id → seq acknowledged; `read:` + reader id → seq read; `seen:` + reader id → messages of the other side up to there | none |
/// | `{p}:notes:ID` | list | the notes that agents made about a conversation; see ``Note`` | none |
/// | `{p}:conversations` | zset | conversation ids by last message (ms, up to 200 ms old) | none |
/// | `{p}:waiting` | zset | ids of conversations nobody answers yet, by the time that began (ms) | none |
/// | `{p}:assigned:AGENT` | zset | ids of that agent's unresolved conversations, by assignment (ms) | none |
/// | `{p}:sent:DIGEST` | string | where the message with that sender (an agent's: and conversation) and `clientMessageId` is: conversation id and message id (16 bytes each), seq (4), time in ms (6); DIGEST is 15 bytes of SHA-256 | 24 h |
/// | `{p}:attachment:ID` | hash | customer, `name`, `contentType`, `size` in bytes, `createdAt` (ms) | none |
/// | `{p}:attachment-bytes:CUSTOMER` | string | how many bytes of its quota a customer's attachments take | none |
/// | `{p}:attachment-data:ID` | string | an attachment, where `ATTACHMENTS_DIR` is not set | none |
/// | `{p}:attachment-data-bytes` | string | how many bytes all of these have in this partition | none |
/// | `{p}:customer-attachments:ID` | set | ids of that customer's attachments | none |
/// | `{p}:erasing:ID` | hash | what is left of the record of a customer whose erasure is under way | until that is done |
/// | `{p}:erasures` | zset | ids of those customers, by the beginning (ms) | as its last member |
/// | `{p}:audit` | stream | who did what to which customer, conversation or agent, field `r` (``AuditRecord``) | `AUDIT_RETENTION` days, 100,000 at most |
/// | `{p}:routes:CUSTOMER` | hash | mailbox → `N:F`: that many of the customer's connections, F of them in the full dialect | self-healing |
/// | `{p}:agents` | hash | agent id → `MAILBOX=N:F …`; in all partitions, since any customer may be theirs | self-healing |
/// | `{p}:mailbox` | hash | mailbox → count of what was ever published to it in this partition, in memory only | as its lease |
/// | `{p}:mailbox-customers:MAILBOX` | set | customers that have a route to that mailbox | as its routes |
/// | `{p}:leases` | hash | mailbox → when its gateway counts as dead (ms), renewed every second, renewals in memory only | 5 s past its gateway's death |
/// | `{p}:to:MAILBOX` | pub/sub | what is for the connections of one event loop of one gateway | – |
///
/// Agents are few and live in one partition, ``Partition/ofAgents``, with what there is once for the whole system:
///
/// | key | type | holds | lifetime |
/// | --- | --- | --- | --- |
/// | `{p}:agent:ID` | hash | login, name, role, password hash, `active`, times in ms | none |
/// | `{p}:agent-login:LOGIN` | string | agent id; LOGIN is folded to lower case | none |
/// | `{p}:agent-list` | zset | agent ids by creation (ms) | none |
/// | `{p}:agent-tokens:ID` | zset | that agent's live token hashes by expiry (ms) | as its last token |
/// | `{p}:figures:MAILBOX` | string | how an event loop of a gateway does; see ``GatewayFigures`` | 5.5 s past the last |
/// | `{p}:messages` | string | how many messages were ever stored | none |
/// | `{p}:canned-answers` | hash | id → `MS SHORTCUT`, a line feed, the text; MS is its last change | none |
/// | `{p}:canned-shortcuts` | hash | folded shortcut → id of the canned answer that has it | none |
/// | `{p}:audit-refusals` | stream | failed logins and refused proofs, as in `{p}:audit` | `AUDIT_RETENTION` days, 100,000 at most |
/// | `{p}:login-failures:LOGIN` | string | failed logins since the last success | 15 min after the last |
/// | `{p}:login-failures-from:ADDRESS` | string | failed logins of a client's address | 15 min after the first |
/// | `{p}:token-issues:AGENT` | string | tokens that agent issued for customers | 1 min after the first |
package enum Keyspace {
    /// The number of partitions this deployment began with. A program that is built for another refuses to start.
    package static let layout = "layout"

    /// What every key of `partition` begins with: the hash tag and a colon.
    package static func prefix(_ partition: Partition) -> String { prefixes[partition.number] }
    private static let prefixes = Partition.all.map { $0.tag + ":" }

    package static func identity(_ identity: ChannelIdentity) -> String {
        "\(prefix(Partition(of: identity)))identity:\(identity.channel.rawValue):\(identity.channelID)"
    }
    package static func proved(_ identity: ChannelIdentity) -> String {
        "\(prefix(Partition(of: identity)))proved:\(identity.digest)"
    }
    package static func customer(_ id: UniqueID) -> String { "\(prefix(id.partition))customer:\(id)" }
    package static func customerIDs(in partition: Partition) -> String { "\(prefix(partition))customer-ids" }
    package static func customerTimes(in partition: Partition) -> String { "\(prefix(partition))customer-times" }
    package static func customerTouches(in partition: Partition) -> String { "\(prefix(partition))customer-touches" }
    package static func customerEdits(in partition: Partition) -> String { "\(prefix(partition))customer-edits" }
    package static func customers(in partition: Partition) -> String { "\(prefix(partition))customers" }
    /// `hash`: ``Token/hash``.
    package static func token(_ hash: String, in partition: Partition) -> String { "\(prefix(partition))token:\(hash)" }
    package static func customerTokens(_ customer: UniqueID) -> String {
        "\(prefix(customer.partition))customer-tokens:\(customer)"
    }

    package static func conversation(_ id: UniqueID) -> String { "\(prefix(id.partition))conversation:\(id)" }
    package static func conversations(in partition: Partition) -> String { "\(prefix(partition))conversations" }
    package static func waiting(in partition: Partition) -> String { "\(prefix(partition))waiting" }
    package static func assigned(to agent: UniqueID, in partition: Partition) -> String {
        "\(prefix(partition))assigned:\(agent)"
    }
    package static func customerConversations(_ customer: UniqueID) -> String {
        "\(prefix(customer.partition))customer-conversations:\(customer)"
    }
    package static func cursors(_ conversation: UniqueID) -> String {
        "\(prefix(conversation.partition))cursors:\(conversation)"
    }
    package static func log(_ conversation: UniqueID) -> String {
        "\(prefix(conversation.partition))log:\(conversation)"
    }

    package static func notes(_ conversation: UniqueID) -> String {
        "\(prefix(conversation.partition))notes:\(conversation)"
    }

    package static func attachment(_ id: UniqueID) -> String { "\(prefix(id.partition))attachment:\(id)" }
    package static func attachmentBytes(_ customer: UniqueID) -> String {
        "\(prefix(customer.partition))attachment-bytes:\(customer)"
    }
    package static func attachmentData(_ id: UniqueID) -> String { "\(prefix(id.partition))attachment-data:\(id)" }

    package static func customerAttachments(_ customer: UniqueID) -> String {
        "\(prefix(customer.partition))customer-attachments:\(customer)"
    }
    package static func aliases(_ customer: UniqueID) -> String { "\(prefix(customer.partition))aliases:\(customer)" }
    package static func erasures(in partition: Partition) -> String { "\(prefix(partition))erasures" }
    package static func audit(in partition: Partition) -> String { "\(prefix(partition))audit" }
    package static let auditOfRefusals = "\(prefix(.ofAgents))audit-refusals"
    /// - Parameter digest: ``AppendBatch/digest(of:)``.
    static func sent(_ digest: [UInt8], in partition: Partition) -> [UInt8] {
        Array("\(prefix(partition))sent:".utf8) + digest
    }

    package static func routes(_ customer: UniqueID) -> String { "\(prefix(customer.partition))routes:\(customer)" }
    package static func connectedAgents(in partition: Partition) -> String { "\(prefix(partition))agents" }
    package static func leases(in partition: Partition) -> String { "\(prefix(partition))leases" }
    package static func topic(of mailbox: String, in partition: Partition) -> String {
        "\(prefix(partition))to:\(mailbox)"
    }

    package static func agent(_ id: UniqueID) -> String { "\(prefix(.ofAgents))agent:\(id)" }
    package static func agentLogin(_ login: String) -> String { "\(prefix(.ofAgents))agent-login:\(login)" }
    package static let agentList = "\(prefix(.ofAgents))agent-list"
    package static func agentTokens(_ agent: UniqueID) -> String { "\(prefix(.ofAgents))agent-tokens:\(agent)" }
    package static func figures(of mailbox: String) -> String { "\(prefix(.ofAgents))figures:\(mailbox)" }
    package static let messageCount = "\(prefix(.ofAgents))messages"
    package static let cannedAnswers = "\(prefix(.ofAgents))canned-answers"
    package static func loginFailures(_ login: String) -> String { "\(prefix(.ofAgents))login-failures:\(login)" }
}
