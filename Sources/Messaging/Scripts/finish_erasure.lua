-- Ends the erasure of a customer: what is left, and the mark that it is under way. audit.lua stands before this.
--
-- KEYS[1]  prefix of the customer's partition
-- ARGV[1]  customer id
--
-- Reply    1, or 0 if there are conversations or attachments left
local prefix, id = KEYS[1], ARGV[1]
local left = prefix .. 'erasing:' .. id
if redis.call('EXISTS', prefix .. 'customer-conversations:' .. id, prefix .. 'customer-attachments:' .. id) > 0 then
    return 0
end
for _, mailbox in ipairs(redis.call('HKEYS', prefix .. 'routes:' .. id)) do
    redis.call('SREM', prefix .. 'mailbox-customers:' .. mailbox, id)
end
redis.call('UNLINK', prefix .. 'routes:' .. id, prefix .. 'aliases:' .. id, prefix .. 'attachment-bytes:' .. id)
redis.call('ZREM', prefix .. 'erasures', id)
if redis.call('DEL', left) == 1 then
    audit(prefix)
end
return 1
