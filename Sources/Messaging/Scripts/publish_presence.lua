-- Put behind publish.lua in the scripts that note who comes and goes.

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
