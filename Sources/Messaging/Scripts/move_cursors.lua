-- Moves readers' cursors forward in conversations, and tells the other side in the full dialect.
-- A customer's in its own conversations, and an agent's in those that wait or that it answers; others are passed over.
--
-- KEYS     the prefix of each cursor's partition
-- ARGV     for each: reader id, 'c' (customer) or 'a' (agent), conversation, the generation in which the reader has what it
--          has, or 0, seq, 'd' (delivered) or 'r' (read). In another generation there may be another message at this seq
-- Reply    how many cursors moved; an error if one could not be, the others are
-- How many of the messages from seq `from` to seq `to` are a customer's, and how many there are, in a log that may have
-- lost its beginning.
local function count(log, from, to)
    local customers, all = 0, 0
    while from <= to do
        local entries = redis.call('XRANGE', log, string.format('%.0f-0', from), string.format('%.0f-0', to),
            'COUNT', 1000)
        for _, entry in ipairs(entries) do
            if string.sub(entry[2][2], 38, 38) == 'c' then
                customers = customers + 1
            end
        end
        all = all + #entries
        if #entries < 1000 then
            break
        end
        from = tonumber(string.match(entries[#entries][1], '^%d+')) + 1
    end
    return customers, all
end

-- How many messages of the other side a reader has seen who moves its read cursor from `old`, with `seen` of them, to
-- `read`. `last` is the last message's seq, `of_customer` how many of all are the customer's.
--
-- Every message is looked at once at most for a reader who reads on and on; a reader who is up to date looks at none.
local function count_seen(log, kind, old, seen, read, last, of_customer)
    local of_others = kind == 'a' and of_customer or last - of_customer
    if read >= last then
        return of_others
    end
    local customers, all
    if read - old <= last - read then
        customers, all = count(log, old + 1, read)
        if all == read - old then
            return seen + (kind == 'a' and customers or all - customers)
        end
    end
    -- From the end; also where the log no longer has what lies in between: what can't be read any more is not unread.
    customers, all = count(log, read + 1, last)
    return of_others - (kind == 'a' and customers or all - customers)
end

local moved, problem = 0, nil

local function move(prefix, reader, kind, conversation, generation, seq, what)
    local fields = redis.call('HMGET', prefix .. 'conversation:' .. conversation, 'customer', 'state', 'assignee',
        'seq', 'customerMessages', 'generation')
    local customer = fields[1]
    local is_party = kind == 'c' and customer == reader or kind == 'a' and (fields[2] == 'waiting' or fields[3] == reader)
    if customer and is_party and (generation == '0' or generation == fields[6]) then
        seq = math.min(seq, tonumber(fields[4] or 0))
        local cursors = prefix .. 'cursors:' .. conversation
        local known = redis.call('HMGET', cursors, reader, 'read:' .. reader, 'seen:' .. reader)
        local delivered, read = tonumber(known[1] or 0), tonumber(known[2] or 0)
        local before = delivered + read
        -- What was read was delivered.
        delivered = math.max(delivered, seq)
        local seen
        if what == 'r' and seq > read then
            seen = count_seen(prefix .. 'log:' .. conversation, kind, read, tonumber(known[3] or 0), seq,
                tonumber(fields[4] or 0), tonumber(fields[5] or 0))
            read = seq
        end
        if delivered + read > before then
            moved = moved + 1
            if seen then
                redis.call('HSET', cursors, reader, delivered, 'read:' .. reader, read, 'seen:' .. reader, seen)
            else
                redis.call('HSET', cursors, reader, string.format('%d', delivered))
            end
            local boxes = {}
            local target = '-'
            if kind == 'a' then
                add_customer(prefix, customer, boxes, true)
            elseif fields[2] == 'waiting' then
                target = '*'
                add_all_agents(prefix, boxes, true)
            elseif fields[3] and fields[3] ~= '' then
                target = fields[3]
                add_agent(prefix, target, boxes, true)
            end
            publish(prefix, boxes, 'r',
                table.concat({customer, conversation, target, kind, reader, delivered, read}, ' '), customer)
        end
    end
end

for i = 1, #KEYS do
    local j = 6 * i
    local succeeded, why = pcall(move, KEYS[i], ARGV[j - 5], ARGV[j - 4], ARGV[j - 3], ARGV[j - 2],
        tonumber(ARGV[j - 1]), ARGV[j])
    if not succeeded then
        -- It may have failed where nothing was to be replicated; the next ones are.
        redis.set_repl(redis.REPL_ALL)
        problem = problem or why
    end
end
return problem and (type(problem) == 'table' and problem or redis.error_reply(tostring(problem))) or moved
