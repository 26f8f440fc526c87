import Hiredis

/// The scripts of the conversation part. Those that publish begin with `publish.lua`.
enum Scripts {
    static let appendMessage = RedisScript(
        name: "append_message",
        source: PackageResources.publish_lua + PackageResources.append_message_lua
    )
    static let changeAssignment = RedisScript(
        name: "change_assignment",
        source: PackageResources.publish_lua + PackageResources.change_assignment_lua
    )
    static let registerCustomer = RedisScript(
        name: "register_customer",
        source: PackageResources.publish_lua + PackageResources.register_customer_lua
    )
    static let registerAgent = RedisScript(
        name: "register_agent",
        source: PackageResources.publish_lua + PackageResources.register_agent_lua
    )
    static let readLog = RedisScript(name: "read_log", source: PackageResources.read_log_lua)
    static let moveCursors = RedisScript(
        name: "move_cursors",
        source: PackageResources.publish_lua + PackageResources.move_cursors_lua
    )
    static let publishTyping = RedisScript(
        name: "publish_typing",
        source: PackageResources.publish_lua + PackageResources.publish_typing_lua
    )
    static let listConversations = RedisScript(
        name: "list_conversations",
        source: PackageResources.list_conversations_lua
    )
    static let tick = RedisScript(name: "tick", source: PackageResources.publish_lua + PackageResources.tick_lua)
}
