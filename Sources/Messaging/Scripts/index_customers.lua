-- Gives rows to some of a partition's customers that were stored before there were rows. Begins with customer_rows.lua.
-- They are in the sorted set 'customers', which ends with the last of them.
--
-- KEYS[1]  what every key of the partition begins with, such as '{p07g}:'
-- ARGV[1]  how many at most
--
-- Reply    how many are left
local prefix = KEYS[1]
local waiting = redis.call('ZRANGE', prefix .. 'customers', 0, ARGV[1] - 1, 'WITHSCORES')
for i = 1, #waiting, 2 do
    local id = waiting[i]
    local key = prefix .. 'customer:' .. id
    local known = redis.call('HMGET', key, 'name', 'row', 'lastInteractionAt')
    local at = tonumber(known[3] or waiting[i + 1])
    if known[2] then
        -- A program of before wrote in the meantime.
        set_customer_time(prefix, tonumber(known[2]), at, struct.pack('>I2I6', known[2] % 65536, at))
    elseif known[1] then
        redis.call('HSET', key, 'row', add_customer_row(prefix, id, at))
    end
    redis.call('ZREM', prefix .. 'customers', id)
end
return redis.call('ZCARD', prefix .. 'customers')
