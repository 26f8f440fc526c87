-- Claims, releases, transfers or resolves a conversation for an agent, atomically, with a new fencing number.
-- audit.lua and publish.lua stand before this.
--
-- KEYS[1]  prefix of the conversation's partition
-- ARGV     action, conversation, the agent who does it, its role, the assignee's name from now on as JSON, ms, the agent
--          to have it from now on (claim, transfer)
-- Reply    {'ok'} or {'refused', code}: not_found, assigned_to_other, forbidden, conflict (nobody has it to release or transfer)
local prefix = KEYS[1]
local action, conversation, agent, role, name, now = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6])
local target = ARGV[7]

local key = prefix .. 'conversation:' .. conversation
local fields = redis.call('HMGET', key, 'customer', 'channel', 'state', 'assignee', 'fence', 'seq', 'answered')
local customer, channel, state, assignee = fields[1], fields[2], fields[3], fields[4] or ''
if not customer then
    return {'refused', 'not_found'}
end
local fence, seq, answered = tonumber(fields[5] or 0), tonumber(fields[6] or 0), tonumber(fields[7] or 0)
local admin = role == 'admin'

-- It is so already. Written once more, so that there is something that a replica can confirm: who repeats this may do so
-- because none has confirmed it the first time.
local function unchanged()
    redis.call('HSET', key, 'state', state)
    return {'ok'}
end

if action == 'claim' then
    if state == 'assigned' and assignee == agent then
        return unchanged()
    end
    if state == 'assigned' and not admin then
        return {'refused', 'assigned_to_other'}
    end
elseif action == 'release' then
    if state ~= 'assigned' then
        return {'refused', 'conflict'}
    end
    if assignee ~= agent and not admin then
        return {'refused', 'assigned_to_other'}
    end
elseif action == 'transfer' then
    if state == 'assigned' and assignee == target then
        return {'ok'}
    end
    -- What nobody answers, admins hand over; who resolved it has it no longer.
    if state ~= 'assigned' and not admin then
        return {'refused', 'conflict'}
    end
    if assignee ~= agent and not admin then
        return {'refused', 'assigned_to_other'}
    end
elseif action == 'resolve' then
    if state == 'resolved' then
        return unchanged()
    end
    if state == 'assigned' and assignee ~= agent and not admin then
        return {'refused', 'assigned_to_other'}
    end
end

redis.call('ZREM', prefix .. 'waiting', conversation)
if assignee ~= '' then
    redis.call('ZREM', prefix .. 'assigned:' .. assignee, conversation)
end
if action == 'claim' or action == 'transfer' then
    state, assignee = 'assigned', target
    redis.call('ZADD', prefix .. 'assigned:' .. target, now, conversation)
    local cursor = tonumber(redis.call('HGET', prefix .. 'cursors:' .. conversation, target) or 0)
    if cursor < answered then
        redis.call('HSET', prefix .. 'cursors:' .. conversation, target, answered)
    end
elseif action == 'release' then
    state, assignee, name = 'waiting', '', ''
    redis.call('ZADD', prefix .. 'waiting', now, conversation)
else
    -- Who resolved it stays on record as its assignee, unless somebody else had it.
    state = 'resolved'
    if assignee == '' then
        assignee = agent
    elseif assignee ~= agent then
        name = redis.call('HGET', key, 'assigneeName') or ''
    end
end
redis.call('HSET', key, 'state', state, 'assignee', assignee, 'assigneeName', name, 'fence', fence + 1)
publish_assignment(prefix, customer, conversation, channel, state, assignee, fence + 1, seq, answered, name)
audit(prefix)
return {'ok'}
