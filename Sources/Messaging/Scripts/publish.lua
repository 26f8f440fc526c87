-- Put before every script that publishes: finds the mailboxes of recipients and publishes into them.
--
-- A publication is `KIND COUNT REST`. COUNT is the mailbox's own count in this partition, so that its reader sees a gap.
-- A mailbox that nobody listens to (its gateway is gone, or is reconnecting and will register anew) gets nothing more
-- until it registers; its count goes on, so that its reader sees what it missed.

-- Adds the mailboxes of the customer's connections to `boxes` (a set); with `full_only`, only those in which a
-- connection speaks the full dialect. Returns how many connections the customer has.
local function add_customer(prefix, customer, boxes, full_only)
    local connections = 0
    local routes = redis.call('HGETALL', prefix .. 'routes:' .. customer)
    for i = 1, #routes, 2 do
        local all, full = string.match(routes[i + 1], '^(%d+):(%d+)$')
        connections = connections + tonumber(all)
        if not full_only or tonumber(full) > 0 then
            boxes[routes[i]] = true
        end
    end
    return connections
end

-- Adds the mailboxes of one agent's connections, given its field of `agents`. Returns how many connections it has.
local function add_agent_entry(entry, boxes, full_only)
    local connections = 0
    for mailbox, all, full in string.gmatch(entry, '(%S+)=(%d+):(%d+)') do
        connections = connections + tonumber(all)
        if not full_only or tonumber(full) > 0 then
            boxes[mailbox] = true
        end
    end
    return connections
end

local function add_agent(prefix, agent, boxes, full_only)
    local entry = redis.call('HGET', prefix .. 'agents', agent)
    return entry and add_agent_entry(entry, boxes, full_only) or 0
end

local function add_all_agents(prefix, boxes, full_only)
    for _, entry in ipairs(redis.call('HVALS', prefix .. 'agents')) do
        add_agent_entry(entry, boxes, full_only)
    end
end

-- Takes a mailbox out of all agents' entries. Returns the ids of those that have none left.
local function remove_from_agents(prefix, mailbox)
    local gone = {}
    local agents = redis.call('HGETALL', prefix .. 'agents')
    for i = 1, #agents, 2 do
        local kept, had = {}, false
        for word in string.gmatch(agents[i + 1], '%S+') do
            if string.sub(word, 1, #mailbox + 1) == mailbox .. '=' then
                had = true
            else
                kept[#kept + 1] = word
            end
        end
        if had and #kept == 0 then
            redis.call('HDEL', prefix .. 'agents', agents[i])
            gone[#gone + 1] = agents[i]
        elseif had then
            redis.call('HSET', prefix .. 'agents', agents[i], table.concat(kept, ' '))
        end
    end
    return gone
end

local function publish_into(prefix, mailbox, payload)
    return redis.call(PUBLISH, prefix .. 'to:' .. mailbox, payload)
end

local function publish(prefix, boxes, kind, rest, customer)
    for mailbox in pairs(boxes) do
        local count = redis.call('HINCRBY', prefix .. 'mailbox', mailbox, 1)
        if publish_into(prefix, mailbox, kind .. ' ' .. count .. ' ' .. rest) == 0 then
            redis.call('HDEL', prefix .. 'routes:' .. customer, mailbox)
            remove_from_agents(prefix, mailbox)
        end
    end
end

-- Tells all agents, and the customer's connections in the full dialect, who answers a conversation now.
-- `seq` is the last message's, `answered` the last one that an unassigned conversation need not show any more.
-- `name` is the assignee's as a JSON string literal, or empty.
local function publish_assignment(prefix, customer, conversation, channel, state, assignee, fence, seq, answered, name)
    local boxes = {}
    add_all_agents(prefix, boxes, false)
    add_customer(prefix, customer, boxes, true)
    publish(prefix, boxes, 'a', table.concat({
        customer, conversation, channel, state, assignee == '' and '-' or assignee, fence, seq, answered,
    }, ' ') .. '\n' .. name, customer)
end

-- Tells the agents that answer a customer whether it is there.
local function publish_customer_presence(prefix, customer, online)
    for _, conversation in ipairs(redis.call('ZRANGE', prefix .. 'customer-conversations:' .. customer, 0, -1)) do
        local fields = redis.call('HMGET', prefix .. 'conversation:' .. conversation, 'state', 'assignee')
        if fields[1] == 'assigned' then
            local boxes = {}
            add_agent(prefix, fields[2], boxes, true)
            publish(prefix, boxes, 'p', table.concat({'c', customer, online and 1 or 0, fields[2]}, ' '), customer)
        end
    end
end

-- Tells the customers in this partition that an agent answers whether it is there.
local function publish_agent_presence(prefix, agent, online, most)
    for _, conversation in ipairs(redis.call('ZRANGE', prefix .. 'assigned:' .. agent, 0, most - 1)) do
        local customer = redis.call('HGET', prefix .. 'conversation:' .. conversation, 'customer')
        if customer then
            local boxes = {}
            add_customer(prefix, customer, boxes, true)
            publish(prefix, boxes, 'p', table.concat({'a', agent, online and 1 or 0, customer}, ' '), customer)
        end
    end
end
