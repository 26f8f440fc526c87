import Hiredis

/// The scripts of the conversation part. Those that publish begin with `publish.lua`, and with
/// as much of what goes with it as they need.
enum Scripts {
    /// Copies of one script, each another text for Redis, of which an event loop uses one. Where Redis has lost its scripts
    /// (`SCRIPT FLUSH`), a copy that all shared might be loaded by one gateway between two messages of another one's
    /// customer that are on their way: the second would run at once, and the first, refused, after it. Redis keeps each
    /// copy that is used, some 30 KB.
    static let appendMessage = (0..<64).map { copy in
        publishing(
            "append_message",
            PackageResources.audit_entry_lua + PackageResources.publish_lua + PackageResources.publish_assignment_lua
                + PackageResources.customer_rows_lua + PackageResources.append_message_lua
                + Array("\n-- copy \(copy)".utf8),
            mustBeReplicated: true
        )
    }
    static let changeAssignment = publishing(
        "change_assignment",
        auditing + PackageResources.publish_lua + PackageResources.publish_assignment_lua
            + PackageResources.change_assignment_lua,
        mustBeReplicated: true
    )
    static let registerCustomer = publishing(
        "register_customer",
        PackageResources.publish_lua + PackageResources.publish_presence_lua + PackageResources.register_customer_lua
    )
    static let registerAgent = publishing(
        "register_agent",
        PackageResources.publish_lua + PackageResources.publish_presence_lua + PackageResources.register_agent_lua
    )
    static let readLog = RedisScript(name: "read_log", source: PackageResources.read_log_lua)
    static let moveCursors = publishing(
        "move_cursors",
        PackageResources.publish_lua + PackageResources.move_cursors_lua
    )
    static let publishTyping = publishing(
        "publish_typing",
        PackageResources.publish_lua + PackageResources.publish_typing_lua
    )
    static let listConversations = RedisScript(
        name: "list_conversations",
        source: PackageResources.list_conversations_lua
    )
    static let describeConversations = RedisScript(
        name: "describe_conversations",
        source: PackageResources.describe_conversations_lua
    )
    static let addNote = publishing(
        "add_note",
        PackageResources.publish_lua + PackageResources.add_note_lua,
        mustBeReplicated: true
    )
    static let tick = publishing(
        "tick",
        PackageResources.publish_lua + PackageResources.publish_presence_lua + PackageResources.tick_lua
    )

    /// A script that publishes: `redis.call(PUBLISH, topic, payload)`. A Redis Cluster has a command of its own for topics
    /// that lie in slots as keys do.
    ///
    /// - Parameter mustBeReplicated: whether somebody is told that it is done, which must not be lost then.
    static func publishing(_ name: String, _ source: [UInt8], mustBeReplicated: Bool = false) -> RedisScript {
        RedisScript(
            name: name,
            source: Array("local PUBLISH = 'PUBLISH' ".utf8) + source,
            onCluster: Array("local PUBLISH = 'SPUBLISH' ".utf8) + source,
            mustBeReplicated: mustBeReplicated
        )
    }
}
