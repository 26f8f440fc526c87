-- Deletes a canned answer and frees its shortcut.
--
-- KEYS[1]  what every key of the agents' partition begins with
-- ARGV[1]  answer id
-- Reply    1, or 0 if there is no such answer
local prefix, id = KEYS[1], ARGV[1]
local shortcuts = prefix .. 'canned-shortcuts'
local held = redis.call('HGETALL', shortcuts)
for i = 1, #held, 2 do
    if held[i + 1] == id then
        redis.call('HDEL', shortcuts, held[i])
    end
end
return redis.call('HDEL', prefix .. 'canned-answers', id)
