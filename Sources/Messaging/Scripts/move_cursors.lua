-- Moves a reader's cursors forward in conversations of one partition, and tells the other side in the full dialect.
-- A customer's own conversations, and for an agent those that wait or that it answers; others are passed over.
--
-- KEYS[1]  prefix of the partition
-- ARGV     reader id, 'c' (customer) or 'a' (agent), then triples: conversation, seq, 'd' (delivered) or 'r' (read)
-- Reply    how many cursors moved
local prefix = KEYS[1]
local reader, kind = ARGV[1], ARGV[2]

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
local function count_seen(log, old, seen, read, last, of_customer)
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

local moved = 0
for i = 3, #ARGV, 3 do
    local conversation, seq, what = ARGV[i], tonumber(ARGV[i + 1]), ARGV[i + 2]
    local fields = redis.call('HMGET', prefix .. 'conversation:' .. conversation, 'customer', 'state', 'assignee',
        'seq', 'customerMessages')
    local customer = fields[1]
    local is_party = kind == 'c' and customer == reader or kind == 'a' and (fields[2] == 'waiting' or fields[3] == reader)
    if customer and is_party then
        seq = math.min(seq, tonumber(fields[4] or 0))
        local cursors = prefix .. 'cursors:' .. conversation
        local known = redis.call('HMGET', cursors, reader, 'read:' .. reader, 'seen:' .. reader)
        local delivered, read = tonumber(known[1] or 0), tonumber(known[2] or 0)
        local before = delivered + read
        -- What was read was delivered.
        delivered = math.max(delivered, seq)
        local seen
        if what == 'r' and seq > read then
            seen = count_seen(prefix .. 'log:' .. conversation, read, tonumber(known[3] or 0), seq,
                tonumber(fields[4] or 0), tonumber(fields[5] or 0))
            read = seq
        end
        if delivered + read > before then
            moved = moved + 1
            redis.call('HSET', cursors, reader, delivered)
            if seen then
                redis.call('HSET', cursors, 'read:' .. reader, read, 'seen:' .. reader, seen)
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
return moved
