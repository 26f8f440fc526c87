-- Moves a reader's cursors forward in conversations of one partition, and tells the other side in the full dialect.
-- A customer's own conversations, and for an agent those that wait or that it answers; others are passed over.
--
-- KEYS[1]  prefix of the partition
-- ARGV     reader id, 'c' (customer) or 'a' (agent), then triples: conversation, seq, 'd' (delivered) or 'r' (read)
-- Reply    how many cursors moved
local prefix = KEYS[1]
local reader, kind = ARGV[1], ARGV[2]
local moved = 0
for i = 3, #ARGV, 3 do
    local conversation, seq, what = ARGV[i], tonumber(ARGV[i + 1]), ARGV[i + 2]
    local fields = redis.call('HMGET', prefix .. 'conversation:' .. conversation, 'customer', 'state', 'assignee', 'seq')
    local customer = fields[1]
    local is_party = kind == 'c' and customer == reader or kind == 'a' and (fields[2] == 'waiting' or fields[3] == reader)
    if customer and is_party then
        seq = math.min(seq, tonumber(fields[4] or 0))
        local cursors = prefix .. 'cursors:' .. conversation
        local known = redis.call('HMGET', cursors, reader, 'read:' .. reader)
        local delivered, read = tonumber(known[1] or 0), tonumber(known[2] or 0)
        local before = delivered + read
        -- What was read was delivered.
        delivered = math.max(delivered, seq)
        if what == 'r' then
            read = math.max(read, seq)
        end
        if delivered + read > before then
            moved = moved + 1
            redis.call('HSET', cursors, reader, delivered)
            if what == 'r' then
                redis.call('HSET', cursors, 'read:' .. reader, read)
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
