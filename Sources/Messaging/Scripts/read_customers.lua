-- Reads what some of a partition's customers are listed by.
--
-- KEYS[1]  what every key of the partition begins with, such as '{p07g}:'
-- ARGV     ids of customers
--
-- Reply    for each: primary channel, '1' if active, folded name, tags with '\n' between them, each of the four followed
--          by a byte 255, which no UTF-8 text has; all in one string
local key = KEYS[1] .. 'customer:'
local parts = {}
for i, id in ipairs(ARGV) do
    local fields = redis.call('HMGET', key .. id, 'primaryChannel', 'active', 'nameFolded', 'tags')
    parts[i] = (fields[1] or '') .. '\255' .. (fields[2] or '') .. '\255' .. (fields[3] or '') .. '\255'
        .. (fields[4] or '') .. '\255'
end
return table.concat(parts)
