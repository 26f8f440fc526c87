-- Put before the scripts whose acts are kept in the audit log. Their last argument is what it is to say (AuditRecord.swift),
-- or '' for nothing; it is taken off here. An act and what is said of it are one step.
local audit_record = table.remove(ARGV)

local function audit(prefix)
    if audit_record ~= '' then
        redis.call('XADD', prefix .. 'audit', 'MAXLEN', '~', 20000, '*', 'r', audit_record)
    end
end
