-- Stores one message and publishes it to everybody it is for, as one step.
--
-- KEYS[1]  prefix of the conversation's partition
-- ARGV     see the names below; times in ms since 1970 UTC
-- Reply    {'ok', conversation, seq, generation, at}
--          {'duplicate', conversation, seq, generation, at, id of the stored message}
--          {'refused', code}: not_found, forbidden, assigned_to_other, limit_reached
local prefix = KEYS[1]
local now, run_id = tonumber(ARGV[1]), ARGV[2]
local kind, sender, role = ARGV[3], ARGV[4], ARGV[5]  -- c, a or b; id; admin, agent, bot or empty
local sender_name = ARGV[6]                           -- JSON string literal or empty
local origin = ARGV[7]                                -- MAILBOX:NUMBER of the connection, or -
local reference = ARGV[8]                             -- conversation id, the customer's own name for one, or empty
local new_id, channel = ARGV[9], ARGV[10]             -- for a conversation that has to be made
local message_id, digest, tail = ARGV[11], ARGV[12], ARGV[13]
local log_limit, conversation_limit, remember_ms = ARGV[14], tonumber(ARGV[15]), ARGV[16]

local from_customer = kind == 'c'
-- Restarts of Redis that a conversation remembers. A client that slept through more is taken back to the oldest of them.
local max_forks = 16

-- An id as 16 bytes.
local function pack_id(id)
    local hex = string.gsub(id, '-', '')
    return struct.pack('>I4I4I4I4', tonumber(string.sub(hex, 1, 8), 16), tonumber(string.sub(hex, 9, 16), 16),
        tonumber(string.sub(hex, 17, 24), 16), tonumber(string.sub(hex, 25, 32), 16))
end

local function unpack_id(bytes, from)
    local hex = string.format('%08x%08x%08x%08x', struct.unpack('>I4I4I4I4', bytes, from))
    return (string.gsub(hex, '^(%x%x%x%x%x%x%x%x)(%x%x%x%x)(%x%x%x%x)(%x%x%x%x)', '%1-%2-%3-%4-'))
end

-- The same sender's same clientMessageId: the first answer again, whether the log still has the message or not.
if digest ~= '' then
    local key = prefix .. 'sent:' .. digest
    local sent = redis.call('GET', key)
    if sent then
        local conversation = unpack_id(sent, 1)
        local seq, at, id
        if #sent == 42 then
            local at_high, at_low
            id = unpack_id(sent, 17)
            seq, at_high, at_low = struct.unpack('>I4I2I4', sent, 33)
            at = at_high * 4294967296 + at_low
        else
            -- As it was written before it held id and time: the seq in decimal; the rest is in the log, or gone.
            seq = tonumber(string.sub(sent, 17))
            local entry = redis.call('XRANGE', prefix .. 'log:' .. conversation, seq, seq)[1]
            if entry then
                id, at = string.match(entry[2][2], '^(%S+) %S+ %S+ (%d+)')
            end
        end
        if id then
            local generation = redis.call('HGET', prefix .. 'conversation:' .. conversation, 'generation')
            -- Written once more, with the time it has left: the first time may have come to no replica, and who waits for
            -- one now needs a write to wait for.
            local left = redis.call('PTTL', key)
            redis.call('PEXPIRE', key, left > 0 and left or remember_ms)
            return {'duplicate', conversation, seq, tonumber(generation), tonumber(at), id}
        end
    end
end

-- Which conversation.
local conversation = reference
local current, row
if from_customer then
    local known = redis.call('HMGET', prefix .. 'customer:' .. sender, 'name', 'conversation', 'row')
    if not known[1] then
        return {'refused', 'forbidden'}
    end
    current, row = known[2], known[3]
    if reference == '' then
        conversation = current or ''
    elseif redis.call('HGET', prefix .. 'conversation:' .. reference, 'customer') ~= sender then
        -- Not one of this customer's: it is the client's own name for one.
        conversation = redis.call('HGET', prefix .. 'aliases:' .. sender, reference) or ''
    end
end

local key = prefix .. 'conversation:' .. conversation
local fields = {}
if conversation ~= '' then
    fields = redis.call('HMGET', key, 'customer', 'channel', 'state', 'assignee', 'fence', 'seq', 'generation',
        'runId', 'answered', 'lastMessageAt', 'customerMessages')
end
local customer, state, assignee = fields[1], fields[3], fields[4] or ''
local fence, seq, generation = tonumber(fields[5] or 0), tonumber(fields[6] or 0), tonumber(fields[7] or 1)
local answered = tonumber(fields[9] or 0)
local customer_messages = tonumber(fields[11] or 0)  -- of seq; the others are from agents
local changed = false  -- whether state or assignee changed

if not customer then
    if not from_customer then
        return {'refused', 'not_found'}
    end
    if redis.call('ZCARD', prefix .. 'customer-conversations:' .. sender) >= conversation_limit then
        return {'refused', 'limit_reached'}
    end
    conversation, customer, state, changed = new_id, sender, 'waiting', true
    key = prefix .. 'conversation:' .. conversation
    redis.call('HSET', key, 'customer', customer, 'channel', channel, 'createdAt', now, 'generation', 1, 'runId', run_id,
        'alias', reference)
    redis.call('ZADD', prefix .. 'customer-conversations:' .. customer, now, conversation)
    redis.call('ZADD', prefix .. 'waiting', now, conversation)
    if reference ~= '' then
        redis.call('HSET', prefix .. 'aliases:' .. customer, reference, conversation)
    end
else
    channel = fields[2]
    if from_customer and state == 'resolved' then
        -- Reopened, for whoever answers first. What came before was dealt with.
        state, assignee, answered, changed = 'waiting', '', seq, true
        redis.call('ZADD', prefix .. 'waiting', now, conversation)
    elseif not from_customer and assignee ~= sender then
        if state == 'assigned' then
            if role ~= 'admin' then
                return {'refused', 'assigned_to_other'}
            end
        else
            -- The first to answer has it.
            state, assignee, changed = 'assigned', sender, true
            redis.call('ZREM', prefix .. 'waiting', conversation)
            redis.call('ZADD', prefix .. 'assigned:' .. sender, now, conversation)
            local cursor = tonumber(redis.call('HGET', prefix .. 'cursors:' .. conversation, sender) or 0)
            if cursor < answered then
                redis.call('HSET', prefix .. 'cursors:' .. conversation, sender, answered)
            end
        end
    elseif not from_customer and state == 'resolved' then
        state, changed = 'assigned', true
        redis.call('ZADD', prefix .. 'assigned:' .. sender, now, conversation)
    end
    -- Another Redis process than the last time: it may have lost a tail, so positions from before are no longer certain.
    if fields[8] ~= run_id then
        generation = generation + 1
        -- Kept: generation:last survivor, both ascending. A fork that a later one reaches behind tells nothing any more.
        local forks = {}
        for born, survived in string.gmatch(redis.call('HGET', key, 'forks') or '', '(%d+):(%d+)') do
            if tonumber(survived) < seq then
                forks[#forks + 1] = born .. ':' .. survived
            end
        end
        if #forks == max_forks then
            table.remove(forks, 1)
        end
        forks[#forks + 1] = string.format('%.0f:%.0f', generation, seq)
        redis.call('HSET', key, 'generation', generation, 'runId', run_id, 'forks', table.concat(forks, ' '))
    end
end
if changed then
    fence = fence + 1
    publish_assignment(prefix, customer, conversation, channel, state, assignee, fence, seq, answered, sender_name)
    redis.call('HSET', key, 'state', state, 'assignee', assignee, 'assigneeName', sender_name, 'fence', fence)
end

-- Store.
seq = seq + 1
if from_customer then
    customer_messages = customer_messages + 1
else
    answered = seq
end
local at = math.max(now, tonumber(fields[10] or 0))
local at_text = string.format('%.0f', at)
local record = table.concat({message_id, kind, sender, at_text, origin, tail}, ' ')
redis.call('XADD', prefix .. 'log:' .. conversation, 'MAXLEN', '~', log_limit, seq .. '-0', 'm', record)
redis.call('HSET', key, 'seq', seq, 'answered', answered, 'lastMessageAt', at_text,
    'customerMessages', customer_messages)
redis.call('ZADD', prefix .. 'conversations', at, conversation)
if from_customer then
    if current == conversation then
        redis.call('HSET', prefix .. 'customer:' .. customer, 'lastInteractionAt', at_text)
    else
        redis.call('HSET', prefix .. 'customer:' .. customer, 'lastInteractionAt', at_text, 'conversation', conversation)
    end
    if row then
        set_customer_time(prefix, row, at, string.sub(message_id, 1, 8))
    end
end
if digest ~= '' then
    -- As short as it can be: Redis holds millions of these. Conversation, message, seq, and time in ms in two parts.
    local packed = pack_id(conversation) .. pack_id(message_id)
        .. struct.pack('>I4I2I4', seq, math.floor(at / 4294967296), at % 4294967296)
    redis.call('SET', prefix .. 'sent:' .. digest, packed, 'PX', remember_ms)
end

-- Publish. A sender's only connection knows from the reply; it needs no publication. The only one on record may also be
-- another one, when the sender's is not registered (again) yet.
local sender_mailbox = string.match(origin, '^(.+):')
local boxes = {}
local customer_boxes = {}
local connections = add_customer(prefix, customer, customer_boxes, false)
if not from_customer or connections > 1 or not customer_boxes[sender_mailbox] then
    boxes = customer_boxes
end
local target = '-'
if state == 'waiting' then
    target = '*'
    add_all_agents(prefix, boxes, false)
elseif assignee ~= '' then
    target = assignee
    local agent_boxes = {}
    connections = add_agent(prefix, assignee, agent_boxes, false)
    if assignee ~= sender or connections > 1 or not agent_boxes[sender_mailbox] then
        for mailbox in pairs(agent_boxes) do
            boxes[mailbox] = true
        end
    end
end
local before = target == '*' and answered or 0
publish(prefix, boxes, 'm', table.concat({customer, conversation, channel, target, generation, seq, before}, ' ')
    .. '\n' .. record, customer)
return {'ok', conversation, seq, generation, at}
