-- Stores messages and publishes each to everybody it is for, all in one step; one that fails leaves the others as they are.
-- audit_entry.lua, publish.lua, publish_assignment.lua and customer_rows.lua stand before this.
-- Those for one mailbox are published together: `b COUNT LENGTH LENGTH …`, a line feed, and one after the other what would come
-- after `m COUNT ` of each. On one Redis that is a single publication for several partitions, counted in that of the first.
--
-- Nearly all messages are for a conversation that is named and has an assignee, from one of its two sides: the way of such
-- a message is the shortest there is, and what is seldom needed is behind an `if` of its own. Arguments of redis.call are
-- strings where they can be: Redis writes a number with %.17g, which costs more than anything done here with it.
--
-- KEYS     the prefix of each message's partition
-- ARGV     ms since 1970 UTC, the server's run_id, most messages of a log; then for each message
--          its id, kind of sender (c, a or b) and sender's id, with spaces between: how its record begins
--          the conversation's id, the customer's own name for one, or empty
--          what stands for sender and clientMessageId, or empty
--          MAILBOX:NUMBER of the connection, or -, and Message.recordTail, with a space between: how its record ends
--          role (admin, agent, bot or -), channel or -, most conversations of a customer, for how many ms a
--          clientMessageId is remembered, and of an agent the client's address or - and the name as a JSON string literal,
--          with spaces between
-- Reply    for each message one of
--          SEQ GENERATION MS, as text: stored in the conversation that was named by its id
--          {'ok', conversation, seq, generation, ms}
--          {'duplicate', conversation, seq, generation, ms, id of the stored message}
--          {'refused', code}: not_found, forbidden, assigned_to_other, limit_reached
--          an error
--          An error alone if there would be nothing else.
local now, run_id, log_limit = ARGV[1], ARGV[2], ARGV[3]
local now_number = tonumber(now)
local call, sub, format, match = redis.call, string.sub, string.format, string.match

-- Restarts of Redis that a conversation remembers. A client that slept through more is taken back to the oldest of them.
local max_forks = 16
-- How old the times may be, in ms, by which conversations and customers are listed.
local listed_every = 200
-- After how many messages a log's oldest are dropped. Redis drops whole nodes of it, of some ten messages, anyway.
local trimmed_every = 16

-- An id as 16 bytes.
local function pack_id(id)
    local hex = string.gsub(id, '-', '')
    return struct.pack('>I4I4I4I4', tonumber(sub(hex, 1, 8), 16), tonumber(sub(hex, 9, 16), 16),
        tonumber(sub(hex, 17, 24), 16), tonumber(sub(hex, 25, 32), 16))
end

local function unpack_id(bytes, from)
    local hex = format('%08x%08x%08x%08x', struct.unpack('>I4I4I4I4', bytes, from))
    return (string.gsub(hex, '^(%x%x%x%x%x%x%x%x)(%x%x%x%x)(%x%x%x%x)(%x%x%x%x)', '%1-%2-%3-%4-'))
end

-- What was answered to the same sender's same clientMessageId, whether the log still has the message or not; nil if there
-- was none.
local function first_answer(prefix, digest, remember_ms)
    local key = prefix .. 'sent:' .. digest
    local sent = call('GET', key)
    if not sent then
        return nil
    end
    local conversation = unpack_id(sent, 1)
    local seq, at, id
    if #sent == 42 then
        local at_high, at_low
        id = unpack_id(sent, 17)
        seq, at_high, at_low = struct.unpack('>I4I2I4', sent, 33)
        at = at_high * 4294967296 + at_low
    else
        -- As it was written before it held id and time: the seq in decimal; the rest is in the log, or gone.
        seq = tonumber(sub(sent, 17))
        local entry = call('XRANGE', prefix .. 'log:' .. conversation, seq, seq)[1]
        if entry then
            id, at = match(entry[2][2], '^(%S+) %S+ %S+ (%d+)')
        end
    end
    if not id then
        return nil
    end
    local generation = call('HGET', prefix .. 'conversation:' .. conversation, 'generation')
    -- Written once more, with the time it has left: the first time may have come to no replica, and who waits for
    -- one now needs a write to wait for.
    local left = call('PTTL', key)
    call('PEXPIRE', key, left > 0 and left or remember_ms)
    return {'duplicate', conversation, seq, tonumber(generation), tonumber(at), id}
end

-- By mailbox what is still to be published into it: item, number of the message, customer; item …
local gathered, replies, failed = {}, {}, 0

local function gather(mailbox, item, number, customer)
    local bundle = gathered[mailbox]
    if not bundle then
        gathered[mailbox] = {item, number, customer}
        return
    end
    local count = #bundle
    bundle[count + 1], bundle[count + 2], bundle[count + 3] = item, number, customer
end

local function publish_bundle(mailbox, bundle)
    local kind, rest = 'm', bundle[1]
    if #bundle > 3 then
        local lengths, items = {}, {}
        for i = 1, #bundle, 3 do
            lengths[#lengths + 1] = format('%d', #bundle[i])
            items[#items + 1] = bundle[i]
        end
        kind, rest = 'b', table.concat(lengths, ' ') .. '\n' .. table.concat(items)
    end
    if not publish_into(KEYS[bundle[2]], mailbox, kind, rest) then
        for i = 2, #bundle, 3 do
            forget_mailbox(KEYS[bundle[i]], mailbox, bundle[i + 1])
        end
    end
end

-- Notes that the message with this number was not stored, or was and could not be published.
local function fail(number, problem)
    -- It may have failed where nothing was to be replicated; the next ones are.
    redis.set_repl(redis.REPL_ALL)
    failed = failed + 1
    -- `script:` as Redis has it in an error of a script: it may have done a part.
    replies[number] = redis.error_reply(
        (type(problem) == 'table' and problem.err or tostring(problem)) .. ' script: append_message')
end

local function publish_gathered()
    local bundles = gathered
    gathered = {}
    for mailbox, bundle in pairs(bundles) do
        local succeeded, problem = pcall(publish_bundle, mailbox, bundle)
        if not succeeded then
            for i = 2, #bundle, 3 do
                fail(bundle[i], problem)
            end
        end
    end
end

-- Whatever is not as usual: finds or makes the conversation that is meant, reopens it, gives it to the first agent who answers,
-- which the audit log keeps as a claim, and notes a restart of Redis.
-- Returns the conversation, its fields as they are now, and the last message that other agents need not be shown; or nil and
-- a refusal.
local function prepare(prefix, message_id, kind, sender, reference, rest)
    local role, channel, most, address, name = match(rest, '^(%S+) (%S+) (%d+) %d+ (%S*) ?(.*)$')
    local from_customer = kind == 'c'
    local conversation = reference
    if from_customer then
        local known = call('HMGET', prefix .. 'customer:' .. sender, 'name', 'conversation')
        if not known[1] then
            return nil, 'forbidden'
        end
        if reference == '' then
            conversation = known[2] or ''
        elseif call('HGET', prefix .. 'conversation:' .. reference, 'customer') ~= sender then
            -- Not one of this customer's: it is the client's own name for one.
            conversation = call('HGET', prefix .. 'aliases:' .. sender, reference) or ''
        end
    end

    local key = prefix .. 'conversation:' .. conversation
    local fields = conversation == '' and {} or call('HMGET', key, 'customer', 'channel', 'state', 'assignee', 'runId',
        'generation', 'seq', 'lastMessageAt', 'customerMessages', 'listedAt', 'answered', 'fence')
    if not fields[1] then
        if not from_customer then
            return nil, 'not_found'
        end
        if call('ZCARD', prefix .. 'customer-conversations:' .. sender) >= tonumber(most) then
            return nil, 'limit_reached'
        end
        -- As random as its first message's id, and another one.
        conversation = format('%x', (tonumber(sub(message_id, 1, 1), 16) + 8) % 16) .. sub(message_id, 2)
        key = prefix .. 'conversation:' .. conversation
        call('HSET', key, 'customer', sender, 'channel', channel, 'createdAt', now, 'generation', '1', 'runId', run_id,
            'alias', reference)
        call('ZADD', prefix .. 'customer-conversations:' .. sender, now, conversation)
        if reference ~= '' then
            call('HSET', prefix .. 'aliases:' .. sender, reference, conversation)
        end
        fields[1], fields[2], fields[5], fields[6] = sender, channel, run_id, '1'
    end

    local seq, answered = tonumber(fields[7] or 0), tonumber(fields[11] or 0)
    local state, assignee = fields[3], fields[4] or ''
    local before, changed = state, false
    if not state or from_customer and state == 'resolved' then
        -- New, or reopened, for whoever answers first. What came before was dealt with.
        state, assignee, answered, changed = 'waiting', '', seq, true
        call('ZADD', prefix .. 'waiting', now, conversation)
    elseif not from_customer and assignee ~= sender then
        if state == 'assigned' then
            if role ~= 'admin' then
                return nil, 'assigned_to_other'
            end
        else
            -- The first to answer has it.
            state, assignee, changed = 'assigned', sender, true
            call('ZREM', prefix .. 'waiting', conversation)
            call('ZADD', prefix .. 'assigned:' .. sender, now, conversation)
            local cursor = tonumber(call('HGET', prefix .. 'cursors:' .. conversation, sender) or 0)
            if cursor < answered then
                call('HSET', prefix .. 'cursors:' .. conversation, sender, answered)
            end
        end
    elseif not from_customer and state == 'resolved' then
        state, changed = 'assigned', true
        call('ZADD', prefix .. 'assigned:' .. sender, now, conversation)
    end

    -- Another Redis process than the last time: it may have lost a tail, so positions from before are no longer certain.
    if fields[5] ~= run_id then
        -- By the time, not by counting: this fork may be forgotten as well, with what clients were shown of it, and the
        -- next one from the same place must not bear its number.
        local generation = format('%d', math.max(fields[6] + 1, now_number))
        -- Kept: generation:last survivor, both ascending. A fork that a later one reaches behind tells nothing any more.
        local forks = {}
        for born, survived in string.gmatch(call('HGET', key, 'forks') or '', '(%d+):(%d+)') do
            if tonumber(survived) < seq then
                forks[#forks + 1] = born .. ':' .. survived
            end
        end
        if #forks == max_forks then
            table.remove(forks, 1)
        end
        forks[#forks + 1] = generation .. format(':%d', seq)
        call('HSET', key, 'generation', generation, 'runId', run_id, 'forks', table.concat(forks, ' '))
        fields[6] = generation
    end
    if changed then
        local fence = tonumber(fields[12] or 0) + 1
        -- What was said before is shown before.
        publish_gathered()
        publish_assignment(prefix, fields[1], conversation, fields[2], state, assignee, fence, seq, answered, name)
        call('HSET', key, 'state', state, 'assignee', assignee, 'assigneeName', name, 'fence', fence, 'answered', answered)
        if not from_customer then
            -- AuditRecord's JSON. Ids, addresses and states need no escapes; the name has them.
            add_audit_entry(prefix, '{"act":"conversation.claim","author":{'
                .. (address == '-' and '' or '"address":"' .. address .. '",')
                .. '"id":"' .. sender .. '","kind":"agent","name":' .. name
                .. '},"details":{"by":"answer","was":"' .. before .. '"},"subject":"' .. conversation
                .. '","subjectKind":"conversation"}')
        end
        fields[3], fields[4] = state, assignee
    end
    return conversation, fields, answered
end

-- Who is listed when this one is: the customer, by its last interaction. Its next message goes to this conversation.
local function touch_customer(prefix, customer, conversation, at, mark)
    local key = prefix .. 'customer:' .. customer
    local known = call('HMGET', key, 'conversation', 'row', 'name')
    if not known[3] then
        -- Being erased: there must be no record any more.
        return
    end
    if known[1] and known[1] ~= conversation then
        -- Its next message has to come by here, whenever that is, to be the customer's latest again.
        call('HDEL', prefix .. 'conversation:' .. known[1], 'listedAt')
    end
    call('HSET', key, 'lastInteractionAt', at, 'conversation', conversation)
    if known[2] then
        set_customer_time(prefix, known[2], at, mark)
    end
end

-- Whether the record that ends so came in on a connection of `mailbox`.
local function is_of(tail, mailbox)
    return sub(tail, 1, #mailbox + 1) == mailbox .. ':'
end

local function append(number, head, reference, digest, tail, rest)
    local prefix = KEYS[number]
    local kind, sender = sub(head, 38, 38), sub(head, 40)
    local from_customer = kind == 'c'
    if digest ~= '' then
        local answer = first_answer(prefix, digest, match(rest, '^%S+ %S+ %d+ (%d+)'))
        if answer then
            return answer
        end
    end

    local conversation, key = reference, prefix .. 'conversation:' .. reference
    local fields, answered
    if from_customer then
        fields = call('HMGET', key, 'customer', 'channel', 'state', 'assignee', 'runId', 'generation', 'seq',
            'lastMessageAt', 'customerMessages', 'listedAt')
    else
        fields = call('HMGET', key, 'customer', 'channel', 'state', 'assignee', 'runId', 'generation', 'seq',
            'lastMessageAt')
    end
    if fields[3] ~= 'assigned' or fields[from_customer and 1 or 4] ~= sender or fields[5] ~= run_id then
        conversation, fields, answered = prepare(prefix, sub(head, 1, 36), kind, sender, reference, rest)
        if not conversation then
            return {'refused', fields}
        end
        key = prefix .. 'conversation:' .. conversation
    end
    local customer, state, assignee, generation = fields[1], fields[3], fields[4], fields[6]

    -- Store.
    local seq_number = (fields[7] or 0) + 1
    local seq = format('%d', seq_number)
    local at, at_number, last = now, now_number, tonumber(fields[8] or 0)
    if last > now_number then
        at, at_number = fields[8], last
    end
    local record = head .. ' ' .. at .. ' ' .. tail
    if seq_number % trimmed_every == 0 then
        call('XADD', prefix .. 'log:' .. conversation, 'MAXLEN', '~', log_limit, seq .. '-0', 'm', record)
    else
        call('XADD', prefix .. 'log:' .. conversation, seq .. '-0', 'm', record)
    end
    if from_customer then
        local messages = format('%d', (fields[9] or 0) + 1)  -- of seq; the others are from agents
        if at_number - tonumber(fields[10] or 0) >= listed_every then
            call('HSET', key, 'seq', seq, 'lastMessageAt', at, 'customerMessages', messages, 'listedAt', at)
            touch_customer(prefix, customer, conversation, at, sub(head, 1, 8))
        else
            call('HSET', key, 'seq', seq, 'lastMessageAt', at, 'customerMessages', messages)
        end
    else
        call('HSET', key, 'seq', seq, 'lastMessageAt', at, 'answered', seq)
    end
    -- The first message of each stretch of that time; after an older one at any rate.
    if at_number - at_number % listed_every > last then
        call('ZADD', prefix .. 'conversations', at, conversation)
    end
    if digest ~= '' then
        -- As short as it can be: Redis holds millions of these. Conversation, message, seq, and time in ms in two parts.
        local packed = pack_id(conversation) .. pack_id(sub(head, 1, 36))
            .. struct.pack('>I4I2I4', seq, math.floor(at_number / 4294967296), at_number % 4294967296)
        call('SET', prefix .. 'sent:' .. digest, packed, 'PX', match(rest, '^%S+ %S+ %d+ (%d+)'))
    end

    -- Publish. A sender's only connection knows from the reply; it needs no publication. The only one on record may also be
    -- another one, when the sender's is not registered (again) yet.
    local box, boxes  -- the mailbox; where there are several, the set of them
    local routes = call('HGETALL', prefix .. 'routes:' .. customer)
    if #routes == 2 then
        if not from_customer or sub(routes[2], 1, 2) ~= '1:' or not is_of(tail, routes[1]) then
            box = routes[1]
        end
    elseif #routes > 2 then
        boxes = {}
        for i = 1, #routes, 2 do
            boxes[routes[i]] = true
        end
    end
    local target = assignee
    if state == 'waiting' then
        target = '*'
        boxes = boxes or {}
        add_all_agents(prefix, boxes, false)
    elseif assignee == '' then
        target = '-'
    else
        local entry = call('HGET', prefix .. 'agents', assignee)
        local only, connections = match(entry or '', '^(%S+)=(%d+):%d+$')
        if only then
            if assignee ~= sender or connections ~= '1' or not is_of(tail, only) then
                if boxes then
                    boxes[only] = true
                elseif box and box ~= only then
                    boxes = {[only] = true}
                else
                    box = only
                end
            end
        elseif entry then
            boxes = boxes or {}
            add_agent_entry(entry, boxes, false)
        end
    end
    local item = customer .. ' ' .. conversation .. ' ' .. fields[2] .. ' ' .. target .. ' ' .. generation .. ' ' .. seq
        .. (target == '*' and format(' %d\n', answered) or ' 0\n') .. record
    if boxes then
        if box then
            boxes[box] = true
        end
        for mailbox in pairs(boxes) do
            gather(mailbox, item, number, customer)
        end
    elseif box then
        gather(box, item, number, customer)
    end
    if conversation == reference then
        return seq .. ' ' .. generation .. ' ' .. at
    end
    return {'ok', conversation, seq, generation, at}
end

for i = 1, #KEYS do
    local j = 5 * i
    local succeeded, reply = pcall(append, i, ARGV[j - 1], ARGV[j], ARGV[j + 1], ARGV[j + 2], ARGV[j + 3])
    if succeeded then
        replies[i] = reply
    else
        fail(i, reply)
    end
end
publish_gathered()
-- What fails all of them is a matter of the server: no memory, no disk, not the primary any more.
return failed == #KEYS and replies[1] or replies
