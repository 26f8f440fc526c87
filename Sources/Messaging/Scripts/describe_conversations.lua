-- Reads conversations of one partition as a list of them shows them: the record, who the customer is and whether it is
-- there, the last message, and since when somebody waits for an answer.
--
-- KEYS[1]  prefix of the partition
-- ARGV     the agent who asks, or ''; most bytes of the last message's content; then conversation ids
-- Reply    for each conversation nil, or {{field, value …}, customer's messages that the agent has read, customer's name
--          or '', 1 if the customer is connected, since when it waits in ms or '', and of the last message: kind, ms,
--          content (a JSON string literal, cut), metadata (a JSON object, or '' for none or a long one)}; the last four
--          are '' where there is no message
local prefix = KEYS[1]
local agent, most = ARGV[1], tonumber(ARGV[2])
local most_metadata = 16384

-- Kind, time, content and metadata of a record of the log; see Message.swift.
local function read(record)
    local line_end = string.find(record, '\n', 1, true)
    local _, _, kind, at, content, metadata = string.find(string.sub(record, 1, line_end - 1),
        '^%S+ (%a) %S+ (%d+) %S+ (%d+) (%d+)')
    local after_content = line_end + tonumber(content)
    local shown = string.sub(record, line_end + 1, math.min(after_content, line_end + most))
    local has_metadata = tonumber(metadata) <= most_metadata
    return kind, at, shown, has_metadata and string.sub(record, after_content + 1, after_content + tonumber(metadata)) or ''
end

local reply = {}
for i = 3, #ARGV do
    local id = ARGV[i]
    local record = redis.call('HGETALL', prefix .. 'conversation:' .. id)
    local fields = {}
    for j = 1, #record, 2 do
        fields[record[j]] = record[j + 1]
    end
    if not fields.customer then
        reply[#reply + 1] = false
    else
        local log = prefix .. 'log:' .. id
        local kind, at, content, metadata = '', '', '', ''
        local last = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1]
        if last then
            kind, at, content, metadata = read(last[2][2])
        end
        local waits = ''
        if fields.state == 'waiting' then
            waits = redis.call('ZSCORE', prefix .. 'waiting', id) or ''
        elseif fields.state == 'assigned' and kind == 'c' then
            local first = redis.call('XRANGE', log, string.format('%.0f-0', tonumber(fields.answered or 0) + 1), '+',
                'COUNT', 1)[1]
            if first then
                local _
                _, waits = read(first[2][2])
            end
        end
        reply[#reply + 1] = {
            record, tonumber(agent ~= '' and redis.call('HGET', prefix .. 'cursors:' .. id, 'seen:' .. agent) or 0),
            redis.call('HGET', prefix .. 'customer:' .. fields.customer, 'name') or '',
            redis.call('EXISTS', prefix .. 'routes:' .. fields.customer), waits, kind, at, content, metadata,
        }
    end
end
return reply
