"""The loads of customer-api: tokens, customers."""

import json
import random

from systems import token_request

PATH = "/api/v1/public/customer-token"


def tokens(bench):
    """customer-token requests over 32 kept connections: of customers that are new, and of ones that are known."""
    seconds = bench.seconds(5, 3)
    with bench.started(bench.ours(gateways=0), bench.node()) as both:
        for run in range(bench.runs):
            bench.say(f"tokens, run {run + 1} of {bench.runs}")
            for kind, how_many in (("new", 40000 * seconds), ("known", 500)):
                rates = {}
                for system in both:
                    asked = system.folder / "tokens"
                    asked.write_text(
                        "".join(f"POST\t{PATH}\t\t{token_request(f'{kind}-{run}-{n}')}\n" for n in range(how_many))
                    )
                    api = "api" if system.name == "node" else "customer-api"
                    result = bench.generate(
                        "tokens",
                        system,
                        "http",
                        "--port",
                        system.api_port,
                        "--requests",
                        asked,
                        "--outstanding",
                        32,
                        "--seconds",
                        seconds,
                        processes=("redis", api),
                    )
                    rates[system.name] = result["perSecond"]
                    bench.add("tokens", f"requests, {kind} customers", "/s", system.name, result["perSecond"])
                    bench.add(
                        "tokens",
                        f"requests of a core's time, {kind} customers",
                        "/s",
                        system.name,
                        result["requests"] / sum(result["cpu"].values()),
                    )
                    bench.add(
                        "tokens", f"p99, {kind} customers", "ms", system.name, result["microseconds"]["p99"] / 1e3
                    )
                if kind == "new":
                    bench.goal("tokens", rates["ours"] / rates["node"])


FAMILIES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈"
GIVEN = "伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超兰霞平刚桂文华玉建国红梅志海燕春龙飞云雪晨欣怡子涵浩宇轩诗雨佳琪思远"
CHANNELS = ("WEB", "WECHAT", "WHATSAPP", "LINE", "TELEGRAM", "FACEBOOK", "EMAIL", "SMS", "PHONE", "APP")
TAGS = ("VIP", "已购买", "潜在客户", "投诉", "new", "wholesale", "售后", "newsletter")


def customer_of(n, chance):
    """The n-th customer as POST /customers takes it: half have a Chinese name, some share it with thousands."""
    if chance.random() < 0.5:
        name = chance.choice(FAMILIES) + "".join(chance.choices(GIVEN, k=chance.choice((1, 2, 2))))
    else:
        name = f"{chance.choice(('Anna', 'Ben', 'Carla', 'David', 'Eva', 'Tom'))} {chance.choice('BCDFGHKLMNPRST')}{n % 9973}"
    record = {
        "name": name,
        "primaryChannel": chance.choice(CHANNELS),
        "active": chance.random() < 0.9,
        "tags": chance.sample(TAGS, chance.choice((0, 1, 1, 2))),
    }
    if record["primaryChannel"] == "WECHAT":
        record["wechatOpenId"] = f"oBench{n}"
    elif record["primaryChannel"] == "EMAIL":
        record["email"] = f"customer{n}@example.com"
    elif record["primaryChannel"] in ("SMS", "PHONE"):
        record["phone"] = f"+86139{n:08}"
    return record


def queries(count):
    """Filters that match all, many, few and none, each at its first page, in the middle and past the end."""
    filters = [
        "",
        "name=%E5%BC%A0",
        "name=%E5%BC%A0%E4%BC%9F",
        "name=anna",
        "name=a",
        "name=Eva%20K1",
        "name=nobody-is-called-so",
        "channel=WECHAT",
        "active=true",
        "active=false",
        "tag=VIP",
        "tag=no-such-tag",
        "channel=LINE&active=false",
        "tag=VIP&channel=APP&active=true",
        "name=%E7%8E%8B&channel=WEB&active=true&tag=VIP",
        "name=nobody-is-called-so&channel=WEB",
    ]
    for words in filters:
        for page, size in ((0, 20), (3, 100), (count // 200, 20), (count // 20 - 1, 20)):
            yield f"/api/v1/customers?{words}{'&' if words else ''}page={page}&size={size}"


def customers(bench):
    """GET /customers with many filters and pages, among as many customers as asked for."""
    count = bench.customers
    with bench.started(bench.ours(gateways=0, is_pinned=False)) as (ours,):
        token = ours.make_agents(1)[0]
        chance = random.Random(1)
        empty = memory(ours)
        seconds = 0
        for first in range(0, count, 50000):
            asked = ours.folder / "customers"
            asked.write_text(
                "".join(
                    f"POST\t/api/v1/customers\t{token}\t{json.dumps(customer_of(n, chance), ensure_ascii=False)}\n"
                    for n in range(first, min(first + 50000, count))
                )
            )
            seconds += ours.generate("http", "--port", ours.api_port, "--requests", asked, "--outstanding", 64)[
                "seconds"
            ]
            bench.say(f"customers: {min(first + 50000, count):,} of {count:,} made")
        bench.add("customers", "POST /customers", "/s", "ours", count / seconds)
        records = record_bytes(ours)
        bench.add("customers", "memory of Redis per customer", "B", "ours", (memory(ours) - empty) / count)
        bench.goal("index", (memory(ours) - empty) / count - records)
        bench.add("customers", "of it indexes", "B", "ours", (memory(ours) - empty) / count - records)
        ours.redis("CONFIG", "SET", "slowlog-log-slower-than", 500)
        ours.redis("CONFIG", "SET", "slowlog-max-len", 4096)
        ours.redis("SLOWLOG", "RESET")
        bench.say("customers: asking")
        times = {}
        for path in queries(count):
            asked = ours.folder / "queries"
            asked.write_text(f"GET\t{path}\t{token}\t\n")
            result = bench.generate(
                "customers",
                ours,
                "http",
                "--port",
                ours.api_port,
                "--requests",
                asked,
                "--outstanding",
                1,
                "--seconds",
                bench.seconds(1, 0.3),
                processes=(),
            )
            times[path] = result["microseconds"]
        for quantile, name in (("p50", "median"), ("p99", "p99")):
            worst = max(times, key=lambda path: times[path][quantile])
            bench.add(
                "customers", f"slowest of {len(times)} queries: {name}", "ms", "ours", times[worst][quantile] / 1e3
            )
        bench.note("customers", f"{count:,} customers, 16 filters with 4 pages each. The slowest: `{worst}`.")
        bench.goal("listing", times[worst]["p99"] / 1e3)
        longest = slowest_command(ours)
        bench.add("customers", "slowest Redis command", "ms", "ours", longest / 1e3)
        bench.goal("command", longest / 1e3)


def memory(system):
    return int(system.redis("INFO", "memory").split("used_memory:")[1].split()[0])


def record_bytes(system, samples=2000):
    """What a customer's record and identity take in Redis, on average of some: what is beside them is index."""
    script = """
        local sums, count = {0, 0}, 0
        for i = 1, 20 * ARGV[1] do
            local key = redis.call('RANDOMKEY')
            if string.find(key, ':customer:', 1, true) then
                sums[1], count = sums[1] + redis.call('MEMORY', 'USAGE', key, 'SAMPLES', 0), count + 1
            elseif string.find(key, ':identity:', 1, true) then
                sums[2] = sums[2] + redis.call('MEMORY', 'USAGE', key)
            end
            if count == tonumber(ARGV[1]) then break end
        end
        return math.floor((sums[1] + sums[2]) / math.max(1, count))"""
    return int(system.redis("EVAL", script, 0, samples))


def slowest_command(system):
    """µs of the slowest command since SLOWLOG RESET; 500 if none took longer."""
    script = """
        local longest = 500
        for _, entry in ipairs(redis.call('SLOWLOG', 'GET', 4096)) do
            longest = math.max(longest, entry[3])
        end
        return longest"""
    return int(system.redis("EVAL", script, 0))
