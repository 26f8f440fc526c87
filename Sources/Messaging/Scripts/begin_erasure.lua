-- Begins to erase a customer: from here on there is no record, so no token, no message and no attachment is taken for it, it is
-- in no list, its proofs of identity are of no use, and its connections are closed ('x COUNT ID *'). What is left of the record
-- stands under 'erasing' until all else is gone. publish.lua, customer_rows.lua, proofs.lua and audit.lua stand before this.
--
-- KEYS[1]  prefix of the customer's partition
-- ARGV[1]  customer id
--
-- Reply    the record, field, value, field, value …, also if it was begun before; {} if there is no such customer
local prefix, id = KEYS[1], ARGV[1]
local record, left = prefix .. 'customer:' .. id, prefix .. 'erasing:' .. id

if redis.call('EXISTS', record) == 1 then
    redis.call('RENAME', record, left)
    local time = redis.call('TIME')
    redis.call('ZADD', prefix .. 'erasures', time[1] * 1000 + math.floor(time[2] / 1000), id)
    local row = redis.call('HGET', left, 'row')
    if row then
        -- The rows of others keep their numbers.
        redis.call('SETRANGE', prefix .. 'customer-ids', row * 16, string.rep('\0', 16))
        note_customer_edit(prefix, row)
    end
    redis.call('ZREM', prefix .. 'customers', id)
    local tokens = prefix .. 'customer-tokens:' .. id
    for _, hash in ipairs(redis.call('ZRANGE', tokens, 0, -1)) do
        redis.call('DEL', prefix .. 'token:' .. hash)
    end
    redis.call('DEL', tokens)
    end_proofs(prefix, id)
    redis.call('DEL', prefix .. 'customer-proofs:' .. id)
    local boxes = {}
    add_customer(prefix, id, boxes, false)
    publish(prefix, boxes, 'x', id .. ' *', id)
    audit(prefix)
elseif redis.call('EXISTS', left) == 1 then
    -- Written once more: a repetition must have something that a replica can confirm.
    redis.call('HSET', left, 'id', id)
end
return redis.call('HGETALL', left)
