-- Adds an agent's note to a conversation and tells all agents in the full dialect.
--
-- KEYS[1]  prefix of the conversation's partition
-- ARGV     conversation, note id, agent id, ms, the agent's name and the content as JSON string literals, most notes of a
--          conversation
-- Reply    the note's record (Note.swift), or {'refused', code}: not_found, notes_full
local prefix = KEYS[1]
local conversation, note, agent, now, name, content, most = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]

local fields = redis.call('HMGET', prefix .. 'conversation:' .. conversation, 'customer', 'seq')
if not fields[1] then
    return {'refused', 'not_found'}
end
local notes = prefix .. 'notes:' .. conversation
if redis.call('LLEN', notes) >= tonumber(most) then
    return {'refused', 'notes_full'}
end
local record = table.concat({note, agent, now, fields[2] or '0', #name}, ' ') .. '\n' .. name .. content
redis.call('RPUSH', notes, record)
local boxes = {}
add_all_agents(prefix, boxes, true)
publish(prefix, boxes, 'n', conversation .. '\n' .. record, fields[1])
return record
