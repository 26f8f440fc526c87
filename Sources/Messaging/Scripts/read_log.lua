-- Reads a page of a conversation's messages, and where the conversation stands.
--
-- KEYS[1]  prefix of the conversation's partition
-- ARGV     conversation, reader id or '' (whose base is looked up), direction: 'after', 'before' or 'base'; seq; most
--          messages; most bytes (the first message is read however long it is); the generation of the reader's position
--          'base' reads what that reader has to be shown: after its cursor, and, where nobody answers yet, after the
--          last answer
-- Reply    nil when there is no such conversation, else
--          {customer, channel, state, assignee or '', generation, survived, seq, base, 1 if the log goes on, {seq, record,
--          seq, record …}, 1 if the log knows the reader's generation} ascending by seq
--          survived: the last message of the reader's generation that this one has too. One that the log does not know was
--          that of another server, which took messages for a while and lost them: then as near as can be told from here
local prefix = KEYS[1]
local conversation, reader, direction, seq = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local most, most_bytes, known_generation = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])

local fields = redis.call('HMGET', prefix .. 'conversation:' .. conversation, 'customer', 'channel', 'state', 'assignee',
    'generation', 'forks', 'seq', 'answered')
if not fields[1] then
    return false
end
if direction == 'base' then
    seq = tonumber(redis.call('HGET', prefix .. 'cursors:' .. conversation, reader) or 0)
    if fields[3] == 'waiting' and reader ~= fields[1] then
        seq = math.max(seq, tonumber(fields[8] or 0))
    end
end

-- The first fork after the reader's generation reaches furthest back. One that is not known began where those around it did.
local survived, before
local is_known = known_generation == tonumber(fields[5])
for born, last in string.gmatch(fields[6] or '', '(%d+):(%d+)') do
    born = tonumber(born)
    if born > known_generation then
        survived = tonumber(last)
        break
    end
    is_known = is_known or born == known_generation
    before = tonumber(last)
end
is_known = is_known or not before
if not is_known then
    survived = math.min(survived or before, before)
end

local log = prefix .. 'log:' .. conversation
local entries = {}
if direction ~= 'before' then
    entries = redis.call('XRANGE', log, string.format('%.0f-0', seq + 1), '+', 'COUNT', most + 1)
elseif seq > 1 then
    entries = redis.call('XREVRANGE', log, string.format('%.0f-0', seq - 1), '-', 'COUNT', most + 1)
end
local count, bytes = 0, 0
while count < #entries and count < most do
    bytes = bytes + #entries[count + 1][2][2]
    if bytes > most_bytes and count > 0 then
        break
    end
    count = count + 1
end
local page = {}
for i = 1, count do
    local entry = entries[direction == 'before' and count + 1 - i or i]
    page[#page + 1] = tonumber(string.match(entry[1], '^%d+'))
    page[#page + 1] = entry[2][2]
end
return {
    fields[1], fields[2], fields[3], fields[4] or '', tonumber(fields[5]), survived or tonumber(fields[7] or 0),
    tonumber(fields[7] or 0), seq, count < #entries and 1 or 0, page, is_known and 1 or 0,
}
