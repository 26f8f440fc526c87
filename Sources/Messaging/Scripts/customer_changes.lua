-- What has changed in a partition's list of customers since a reader's copy of it was read.
--
-- KEYS[1]  what every key of the partition begins with, such as '{p07g}:'
-- ARGV[1]  the server's run_id, handed back: a copy is good for the server that it was read from
-- ARGV[2]  the last edit that the copy knows of; '' if there is no copy yet
--
-- Reply    {run_id, how many rows there are, how many customers have none yet, marks of the rows' times (8 bytes for each
--           128 rows), the last edit, 1 if the copy can be brought up to date and 0 if it must be read anew,
--           row of a changed customer, row …}
local prefix = KEYS[1]
local seen = ARGV[2]

local reply = {
    ARGV[1],
    redis.call('STRLEN', prefix .. 'customer-ids') / 16,
    redis.call('ZCARD', prefix .. 'customers'),
    redis.call('GET', prefix .. 'customer-touches') or '',
}
local edits
if seen == '' then
    edits = redis.call('XREVRANGE', prefix .. 'customer-edits', '+', '-', 'COUNT', 1)
else
    edits = redis.call('XRANGE', prefix .. 'customer-edits', seen, '+')
end
reply[5] = #edits > 0 and edits[#edits][1] or '0-0'
-- 1,000 edits are kept; of fewer none was dropped.
reply[6] = (seen ~= '' and (#edits > 0 and edits[1][1] == seen or seen == '0-0' and #edits < 1000)) and 1 or 0
if reply[6] == 1 then
    for _, edit in ipairs(edits) do
        if edit[1] ~= seen then
            reply[#reply + 1] = tonumber(edit[2][2])
        end
    end
end
return reply
