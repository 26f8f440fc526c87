-- Where the scripts that follow keep what customers are listed by. A customer's row is its number in its partition, from
-- 0, in the order of creation; it never changes. KEYS[1] is what every key of the partition begins with.

-- Notes when a customer had its last interaction.
--
-- at    ms since 1970
-- mark  8 bytes that are no others' and not this row's of before: by another mark, readers see that one of these 128 rows
--       has a new time
local function set_customer_time(prefix, row, at, mark)
    redis.call('SETRANGE', prefix .. 'customer-times', row * 6, struct.pack('>I6', at))
    redis.call('SETRANGE', prefix .. 'customer-touches', math.floor(row / 128) * 8, mark)
end

-- Gives a customer its row, and returns it. The caller keeps it in the record's field 'row'.
local function add_customer_row(prefix, id, at)
    local hex = string.gsub(id, '-', '')
    local packed = struct.pack('>I4I4I4I4', tonumber(string.sub(hex, 1, 8), 16), tonumber(string.sub(hex, 9, 16), 16),
        tonumber(string.sub(hex, 17, 24), 16), tonumber(string.sub(hex, 25, 32), 16))
    local row = redis.call('APPEND', prefix .. 'customer-ids', packed) / 16 - 1
    set_customer_time(prefix, row, at, string.sub(id, 1, 8))
    return row
end

-- Tells readers that what a customer is listed by has changed.
local function note_customer_edit(prefix, row)
    redis.call('XADD', prefix .. 'customer-edits', 'MAXLEN', '~', 1000, '*', 'row', row)
end
