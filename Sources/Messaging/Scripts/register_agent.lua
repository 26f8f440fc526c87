-- Writes how many connections an agent has in a mailbox, in one partition, tells its customers there when it comes or
-- goes, and tells a new connection which conversations wait or are the agent's, and from where it has to be shown each.
--
-- KEYS[1]  prefix of the partition
-- ARGV     agent, mailbox, its connections there, of them in the full dialect, '1' to list, most rows of each kind, for
--          how many of the agent's own and of those that wait to tell the customer's details
-- Reply    rows {conversation, state, assignee or '', generation, seq, base, unread}: those that wait longest first; with
--          details also customer, channel, customer's name, 1 if it is connected, up to which seq it got and read messages
local prefix = KEYS[1]
local own_details, waiting_details = tonumber(ARGV[7]), tonumber(ARGV[8])
local agent, mailbox, all, full, list, most = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6])

local agents = prefix .. 'agents'
local kept = {}
local entry = redis.call('HGET', agents, agent)
local was_online = entry and true or false
for word in string.gmatch(entry or '', '%S+') do
    if string.sub(word, 1, #mailbox + 1) ~= mailbox .. '=' then
        kept[#kept + 1] = word
    end
end
if all ~= '0' then
    kept[#kept + 1] = mailbox .. '=' .. all .. ':' .. full
end
if #kept == 0 then
    redis.call('HDEL', agents, agent)
else
    redis.call('HSET', agents, agent, table.concat(kept, ' '))
end
local is_online = #kept > 0
if was_online ~= is_online then
    publish_agent_presence(prefix, agent, is_online, most)
end
if list ~= '1' then
    return {}
end

local rows = {}
local function add_row(conversation, waiting, details)
    local fields = redis.call('HMGET', prefix .. 'conversation:' .. conversation, 'state', 'assignee', 'generation',
        'seq', 'answered', 'customerMessages', 'customer', 'channel')
    if fields[1] then
        local cursors = redis.call('HMGET', prefix .. 'cursors:' .. conversation, agent, 'seen:' .. agent)
        local base = tonumber(cursors[1] or 0)
        if waiting then
            base = math.max(base, tonumber(fields[5] or 0))
        end
        rows[#rows + 1] = {
            conversation, fields[1], fields[2] or '', tonumber(fields[3]), tonumber(fields[4] or 0), base,
            math.max(0, tonumber(fields[6] or 0) - tonumber(cursors[2] or 0)),
        }
        if details then
            local row, customer = rows[#rows], fields[7]
            local theirs = redis.call('HMGET', prefix .. 'cursors:' .. conversation, customer, 'read:' .. customer)
            row[8], row[9] = customer, fields[8]
            row[10] = redis.call('HGET', prefix .. 'customer:' .. customer, 'name') or ''
            row[11] = redis.call('EXISTS', prefix .. 'routes:' .. customer)
            row[12], row[13] = tonumber(theirs[1] or 0), tonumber(theirs[2] or 0)
        end
    end
end
for i, conversation in ipairs(redis.call('ZRANGE', prefix .. 'assigned:' .. agent, 0, most - 1)) do
    add_row(conversation, false, i <= own_details)
end
for i, conversation in ipairs(redis.call('ZRANGE', prefix .. 'waiting', 0, most - 1)) do
    add_row(conversation, true, i <= waiting_details)
end
return rows
