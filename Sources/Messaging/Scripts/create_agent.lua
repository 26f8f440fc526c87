-- Creates an agent and claims the login, as one atomic step. audit.lua stands before this.
--
-- KEYS[1]  what every key of the agents' partition begins with
-- ARGV[1]  agent id
-- ARGV[2]  login, lower case
-- ARGV[3]  name
-- ARGV[4]  role
-- ARGV[5]  password hash
-- ARGV[6]  '1' to create it only if there is no agent yet
-- ARGV[7]  how many agents there may be
--
-- Reply    {'created', field, value, field, value …}  the whole record
--          {'taken', agent id}  another agent has the login
--          {'full'}             there are as many agents as there may be
--          {'not-first'}        there are agents already
local prefix = KEYS[1]
local id, login, name, role, password = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local onlyFirst, maxAgents = ARGV[6] == '1', tonumber(ARGV[7])

local agents = redis.call('ZCARD', prefix .. 'agent-list')
if onlyFirst and agents > 0 then
    return {'not-first'}
end
local holder = redis.call('GET', prefix .. 'agent-login:' .. login)
if holder then
    return {'taken', holder}
end
if agents >= maxAgents then
    return {'full'}
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('SET', prefix .. 'agent-login:' .. login, id)
redis.call('HSET', prefix .. 'agent:' .. id,
    'login', login, 'name', name, 'role', role, 'password', password, 'active', '1', 'createdAt', now, 'updatedAt', now)
-- To the microsecond, so that those of one millisecond are listed in order, too.
redis.call('ZADD', prefix .. 'agent-list', string.format('%.3f', time[1] * 1000 + time[2] / 1000), id)

audit(prefix)

local reply = redis.call('HGETALL', prefix .. 'agent:' .. id)
table.insert(reply, 1, 'created')
return reply
