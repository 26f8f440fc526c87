-- Writes how many connections a customer has in a mailbox, tells its agents when it comes or goes, and tells a new
-- connection where the customer's conversations stand.
--
-- KEYS[1]  prefix of the customer's partition
-- ARGV     customer, mailbox, its connections there, of them in the full dialect, '1' to list the conversations, '1' for
--          the other side's details
-- Reply    rows {conversation, state, assignee or '', generation, seq, cursor, unread}, newest last; with details also
--          the assignee's name as JSON or '', 1 if it is connected, and up to which seq any agent got and read messages
local prefix = KEYS[1]
local customer, mailbox, all, full, list, details = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]

local routes = prefix .. 'routes:' .. customer
local was_online = redis.call('EXISTS', routes) == 1
if all == '0' then
    redis.call('HDEL', routes, mailbox)
    redis.call('SREM', prefix .. 'mailbox-customers:' .. mailbox, customer)
else
    redis.call('HSET', routes, mailbox, all .. ':' .. full)
    redis.call('SADD', prefix .. 'mailbox-customers:' .. mailbox, customer)
end
local is_online = all ~= '0' or redis.call('EXISTS', routes) == 1
if was_online ~= is_online then
    publish_customer_presence(prefix, customer, is_online)
end
if list ~= '1' then
    return {}
end

-- The furthest of all readers' cursors but the customer's.
local function agents_cursors(conversation)
    local delivered, read = 0, 0
    local cursors = redis.call('HGETALL', prefix .. 'cursors:' .. conversation)
    for i = 1, #cursors, 2 do
        local field, seq = cursors[i], tonumber(cursors[i + 1])
        if string.sub(field, -#customer) ~= customer then
            if string.sub(field, 1, 5) == 'read:' then
                read = math.max(read, seq)
            elseif string.sub(field, 1, 5) ~= 'seen:' then
                delivered = math.max(delivered, seq)
            end
        end
    end
    return delivered, read
end

local rows = {}
for _, conversation in ipairs(redis.call('ZRANGE', prefix .. 'customer-conversations:' .. customer, 0, -1)) do
    local fields = redis.call('HMGET', prefix .. 'conversation:' .. conversation, 'state', 'assignee', 'generation',
        'seq', 'customerMessages', 'assigneeName')
    if fields[1] then
        local cursors = redis.call('HMGET', prefix .. 'cursors:' .. conversation, customer, 'seen:' .. customer)
        local from_agents = tonumber(fields[4] or 0) - tonumber(fields[5] or 0)
        rows[#rows + 1] = {
            conversation, fields[1], fields[2] or '', tonumber(fields[3]), tonumber(fields[4] or 0),
            tonumber(cursors[1] or 0), math.max(0, from_agents - tonumber(cursors[2] or 0)),
        }
        if details == '1' then
            local row, assignee = rows[#rows], fields[2] or ''
            row[8] = fields[6] or ''
            row[9] = assignee ~= '' and redis.call('HEXISTS', prefix .. 'agents', assignee) or 0
            row[10], row[11] = agents_cursors(conversation)
        end
    end
end
return rows
