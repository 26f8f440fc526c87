import Hiredis

/// The scripts of customers, agents, tokens, and of what agents and customers keep. Those that end one token of an agent
/// after the other begin with `agent_tokens.lua`, those that write what customers are listed by with `customer_rows.lua`,
/// those that take or end proofs of identity with `proofs.lua`, and those whose acts are kept in the audit log with `audit.lua`.
extension Scripts {
    /// What stands before the scripts whose last argument is a record for the audit log.
    static let auditing = PackageResources.audit_entry_lua + PackageResources.audit_lua

    static let issueCustomerToken = RedisScript(
        name: "issue_customer_token",
        source: auditing + PackageResources.customer_rows_lua + PackageResources.proofs_lua
            + PackageResources.issue_customer_token_lua,
        mustBeReplicated: true
    )
    static let readToken = RedisScript(name: "read_token", source: PackageResources.read_token_lua)
    static let writeCustomer = RedisScript(
        name: "write_customer",
        source: auditing + PackageResources.customer_rows_lua + PackageResources.write_customer_lua,
        mustBeReplicated: true
    )
    static let indexCustomers = RedisScript(
        name: "index_customers",
        source: PackageResources.customer_rows_lua + PackageResources.index_customers_lua
    )
    static let customerChanges = RedisScript(name: "customer_changes", source: PackageResources.customer_changes_lua)
    static let readCustomers = RedisScript(name: "read_customers", source: PackageResources.read_customers_lua)
    static let reserveIdentity = RedisScript(
        name: "reserve_identity",
        source: PackageResources.reserve_identity_lua,
        mustBeReplicated: true
    )
    static let settleIdentity = RedisScript(
        name: "settle_identity",
        source: PackageResources.settle_identity_lua,
        mustBeReplicated: true
    )

    static let createAgent = RedisScript(
        name: "create_agent",
        source: auditing + PackageResources.create_agent_lua,
        mustBeReplicated: true
    )
    static let updateAgent = publishing(
        "update_agent",
        auditing + PackageResources.agent_tokens_lua + PackageResources.update_agent_lua,
        mustBeReplicated: true
    )
    static let issueAgentToken = publishing(
        "issue_agent_token",
        auditing + PackageResources.agent_tokens_lua + PackageResources.issue_agent_token_lua,
        mustBeReplicated: true
    )
    static let revokeAgentToken = publishing(
        "revoke_agent_token",
        auditing + PackageResources.agent_tokens_lua + PackageResources.revoke_agent_token_lua,
        mustBeReplicated: true
    )
    static let revokeTokens = publishing(
        "revoke_tokens",
        auditing + PackageResources.publish_lua + PackageResources.proofs_lua
            + PackageResources.revoke_tokens_lua,
        mustBeReplicated: true
    )
    static let revokeCustomerToken = publishing(
        "revoke_customer_token",
        auditing + PackageResources.publish_lua + PackageResources.revoke_customer_token_lua,
        mustBeReplicated: true
    )
    static let writeCannedAnswer = RedisScript(
        name: "write_canned_answer",
        source: PackageResources.write_canned_answer_lua,
        mustBeReplicated: true
    )
    static let deleteCannedAnswer = RedisScript(
        name: "delete_canned_answer",
        source: PackageResources.delete_canned_answer_lua,
        mustBeReplicated: true
    )
    static let forgetLoginFailures = RedisScript(
        name: "forget_login_failures",
        source: PackageResources.forget_login_failures_lua
    )
    static let trimAudit = RedisScript(name: "trim_audit", source: PackageResources.trim_audit_lua)

    static let beginErasure = publishing(
        "begin_erasure",
        auditing + PackageResources.publish_lua + PackageResources.customer_rows_lua
            + PackageResources.proofs_lua + PackageResources.begin_erasure_lua,
        mustBeReplicated: true
    )
    static let eraseConversation = publishing(
        "erase_conversation",
        PackageResources.publish_lua + PackageResources.publish_assignment_lua + PackageResources.erase_conversation_lua
    )
    static let eraseAttachment = RedisScript(name: "erase_attachment", source: PackageResources.erase_attachment_lua)
    static let finishErasure = RedisScript(
        name: "finish_erasure",
        source: auditing + PackageResources.finish_erasure_lua,
        mustBeReplicated: true
    )

    static let addAttachment = RedisScript(
        name: "add_attachment",
        source: PackageResources.add_attachment_lua,
        mustBeReplicated: true
    )
    static let countTokenIssue = RedisScript(
        name: "count_token_issue",
        source: PackageResources.count_token_issue_lua
    )
    static let countLoginAttempt = RedisScript(
        name: "count_login_attempt",
        source: PackageResources.count_login_attempt_lua
    )
}
