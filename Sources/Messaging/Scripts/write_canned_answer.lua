-- Creates or changes a canned answer, whose shortcut no other may have.
--
-- KEYS[1]  what every key of the agents' partition begins with
-- ARGV     'create' or 'update', answer id, shortcut and the same folded ('' keeps it), content ('' keeps it), ms, how many
--          answers there may be
-- Reply    {'written', record}  'MS SHORTCUT', a line feed, the content
--          {'unknown'}          there is no such answer
--          {'taken'}            another answer has the shortcut
--          {'full'}             there are as many answers as there may be
local prefix = KEYS[1]
local action, id, shortcut, folded, content, now = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local answers, shortcuts = prefix .. 'canned-answers', prefix .. 'canned-shortcuts'

local old = redis.call('HGET', answers, id)
if action == 'update' then
    if not old then
        return {'unknown'}
    end
    local old_shortcut, old_content = string.match(old, '^%d+ (%S+)\n(.*)$')
    shortcut = shortcut ~= '' and shortcut or old_shortcut
    content = content ~= '' and content or old_content
elseif redis.call('HLEN', answers) >= tonumber(ARGV[7]) then
    return {'full'}
end
if folded ~= '' then
    local holder = redis.call('HGET', shortcuts, folded)
    if holder and holder ~= id then
        return {'taken'}
    end
    -- The one it had until now.
    local held = old and redis.call('HGETALL', shortcuts) or {}
    for i = 1, #held, 2 do
        if held[i + 1] == id then
            redis.call('HDEL', shortcuts, held[i])
        end
    end
    redis.call('HSET', shortcuts, folded, id)
end
local record = now .. ' ' .. shortcut .. '\n' .. content
redis.call('HSET', answers, id, record)
return {'written', record}
