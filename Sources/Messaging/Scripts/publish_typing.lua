-- Tells the other side, in the full dialect, that somebody types. Nothing is stored.
--
-- KEYS[1]  prefix of the conversation's partition
-- ARGV     conversation, sender id, 'c' (customer) or 'a' (agent), role or '', '1' or '0'
-- Reply    'ok', or the refusal: not_found, assigned_to_other
local prefix = KEYS[1]
local conversation, sender, kind, role, typing = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]

local fields = redis.call('HMGET', prefix .. 'conversation:' .. conversation, 'customer', 'state', 'assignee')
local customer, state, assignee = fields[1], fields[2], fields[3] or ''
if not customer or (kind == 'c' and customer ~= sender) then
    return 'not_found'
end
local boxes = {}
local target = '-'
if kind == 'a' then
    if state == 'assigned' and assignee ~= sender and role ~= 'admin' then
        return 'assigned_to_other'
    end
    add_customer(prefix, customer, boxes, true)
elseif state == 'waiting' then
    target = '*'
    add_all_agents(prefix, boxes, true)
elseif assignee ~= '' then
    target = assignee
    add_agent(prefix, assignee, boxes, true)
end
publish(prefix, boxes, 't', table.concat({customer, conversation, target, kind, sender, typing}, ' '), customer)
return 'ok'
