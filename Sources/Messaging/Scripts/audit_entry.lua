-- Put before the scripts that keep acts in the audit log: an act and what is said of it are one step.

-- Adds an entry to the partition's log (AuditRecord.swift says of what), which has as many as AuditLog.maxEntries.
local function add_audit_entry(prefix, record)
    redis.call('XADD', prefix .. 'audit', 'MAXLEN', '~', 100000, '*', 'r', record)
end
