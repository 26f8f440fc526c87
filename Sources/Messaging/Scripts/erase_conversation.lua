-- Takes a conversation of a customer who is erased out of all lists, and tells who sees it that it is over. Its log is dropped
-- after this, and then its id, by which whoever goes on finds it. publish.lua stands before this.
--
-- KEYS[1]  prefix of the partition
-- ARGV     conversation, customer
-- Reply    1, or 0 if that was done before
local prefix, conversation, customer = KEYS[1], ARGV[1], ARGV[2]

local key = prefix .. 'conversation:' .. conversation
local fields = redis.call('HMGET', key, 'customer', 'channel', 'state', 'assignee', 'fence', 'seq', 'answered',
    'assigneeName')
if fields[1] ~= customer then
    return 0
end
local assignee = fields[4] or ''
if fields[3] ~= 'resolved' then
    publish_assignment(prefix, customer, conversation, fields[2], 'resolved', assignee, tonumber(fields[5] or 0) + 1,
        tonumber(fields[6] or 0), tonumber(fields[7] or 0), fields[8] or '')
end
redis.call('ZREM', prefix .. 'conversations', conversation)
redis.call('ZREM', prefix .. 'waiting', conversation)
if assignee ~= '' then
    redis.call('ZREM', prefix .. 'assigned:' .. assignee, conversation)
end
redis.call('UNLINK', key, prefix .. 'cursors:' .. conversation, prefix .. 'notes:' .. conversation)
return 1
