-- Put before the scripts whose acts are kept in the audit log, after audit_entry.lua. Their last argument is what the log is
-- to say (AuditRecord.swift), or '' for nothing; it is taken off here.
local audit_record = table.remove(ARGV)

local function audit(prefix)
    if audit_record ~= '' then
        add_audit_entry(prefix, audit_record)
    end
end
