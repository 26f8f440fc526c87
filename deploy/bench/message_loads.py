"""The loads that carry messages: roundtrip, rate, sockets, fanout."""

CUSTOMERS, AGENTS, OUTSTANDING = 200, 50, 4


def share_of(result, names):
    return sum(result["cpu"][name] for name in names)


def gateways_of(system):
    return [name for name in system.messaging if name != "redis"]


def saturate(bench, load, system, clients, seconds, *more):
    """Closed loop. Returns the generator's result with µs of CPU per round trip: all, Redis's, the gateways'."""
    result = bench.generate(
        load,
        system,
        "roundtrip",
        "--clients",
        clients,
        "--outstanding",
        OUTSTANDING,
        "--warmup",
        1.5,
        "--seconds",
        seconds,
        *more,
    )
    count = max(1, result["roundTrips"])
    result["redisCPU"] = result["cpu"].get("redis", 0) / count * 1e6
    result["gatewaysCPU"] = share_of(result, gateways_of(system)) / count * 1e6
    result["allCPU"] = result["redisCPU"] + result["gatewaysCPU"]
    return result


def roundtrip(bench):
    """200 customers with 4 messages under way each, 50 agents that reply to each, closed loop."""
    seconds = bench.seconds(6, 4)
    with bench.started(bench.ours(), bench.node(), bench.relay()) as (ours, node, relay):
        clients = {system: system.make_clients(CUSTOMERS, AGENTS) for system in (ours, node, relay)}
        for run in range(bench.runs):
            bench.say(f"roundtrip, run {run + 1} of {bench.runs}")
            found = {}
            for system, label, more in (
                (ours, "ours", ()),
                (node, "Node", ()),
                (relay, "bare relay", ()),
                (ours, "ours, full dialect", ("--full",)),
            ):
                result = found[label] = saturate(bench, "roundtrip", system, clients[system], seconds, *more)
                for name, unit, value in (
                    ("round trips", "/s", result["perSecond"]),
                    ("CPU per round trip", "µs", result["allCPU"]),
                    ("of it Redis", "µs", result["redisCPU"] if system is not relay else None),
                    ("of it gateways", "µs", result["gatewaysCPU"]),
                    ("one core of Redis carries", "/s", system is not relay and 1e6 / result["redisCPU"] or None),
                    ("one core of gateways carries", "/s", 1e6 / result["gatewaysCPU"]),
                    ("time of a round trip, median", "ms", result["microseconds"]["p50"] / 1e3),
                    ("generator's core", "%", 100 * result["generatorSeconds"] / result["seconds"]),
                ):
                    bench.add("roundtrip", name, unit, label, value)
            mine, peer = found["ours"], found["Node"]
            bench.goal("cpu", mine["allCPU"] / peer["allCPU"])
            bench.goal("rate", mine["perSecond"] / peer["perSecond"])
            bench.goal("redis", mine["redisCPU"] / peer["redisCPU"])
    bench.note(
        "roundtrip",
        "Where the generator's core is at 100 %, the generator was the limit: the bare relay could do more.",
    )


def rate(bench):
    """Messages at random times (Poisson), half from customers, half from agents; latency from when each was due."""
    seconds = bench.seconds(10, 5)
    with bench.started(bench.ours(), bench.node(), bench.relay()) as (ours, node, relay):
        clients = {system: system.make_clients(CUSTOMERS, AGENTS) for system in (ours, node, relay)}

        def run_at(system, label, per_second):
            result = bench.generate(
                "rate",
                system,
                "rate",
                "--clients",
                clients[system],
                "--rate",
                per_second,
                "--warmup",
                1,
                "--seconds",
                seconds,
            )
            times = result["microseconds"]
            for quantile, name in (("p50", "median"), ("p99", "p99"), ("p999", "p99.9"), ("max", "longest")):
                bench.add("rate", f"{name}, {label}", "ms", system.name, times[quantile] / 1e3)
            bench.add(
                "rate",
                f"CPU per message, {label}",
                "µs",
                system.name,
                share_of(result, system.messaging) / max(1, result["messages"]) * 1e6,
            )
            bench.add("rate", f"generator late, p99, {label}", "ms", system.name, result["sentLate"]["p99"] / 1e3)
            return times

        for run in range(bench.runs):
            bench.say(f"rate, run {run + 1} of {bench.runs}")
            at_2000 = {system: run_at(system, "2,000/s", 2000) for system in (relay, ours, node)}
            bench.goal("latency", at_2000[ours]["p99"] / at_2000[relay]["p99"])
            for system in (ours, node):
                most = 2 * saturate(bench, "rate", system, clients[system], bench.seconds(4, 3))["perSecond"]
                bench.add("rate", "80 % of saturation", "messages/s", system.name, 0.8 * most)
                times = run_at(system, "80 %", 0.8 * most)
                if system is ours:
                    bench.goal("tail", times["p999"] / 1e3)


def sockets(bench):
    """What a message costs with many sockets on the customers' gateway: 100 customers talk, the others are silent; then all
    talk in turn."""
    steps = bench.seconds([100, 1000, 5000, 15000], [100, 5000])
    with bench.started(bench.ours()) as (ours,):
        bench.say(f"sockets: making {steps[-1]} customers with a conversation each")
        everybody = ours.make_clients(steps[-1], AGENTS).read_text().splitlines()
        customers, agents = everybody[: steps[-1]], everybody[steps[-1] :]
        for run in range(bench.runs):
            silent = {}
            for step in steps:
                bench.say(f"sockets: {step}, run {run + 1} of {bench.runs}")
                clients = ours.folder / f"clients.{step}"
                clients.write_text("\n".join(customers[:step] + agents) + "\n")
                silent[step] = saturate(bench, "sockets", ours, clients, bench.seconds(5, 4), "--active", 100)["allCPU"]
                turns = saturate(bench, "sockets", ours, clients, bench.seconds(5, 4), "--active", 100, "--ring")[
                    "allCPU"
                ]
                bench.add("sockets", "CPU per round trip, 100 customers talk", "µs", f"{step:,}", silent[step])
                bench.add("sockets", "CPU per round trip, all talk in turn", "µs", f"{step:,}", turns)
            bench.goal("flat", silent[steps[-1]] / silent[steps[0]])
    bench.note(
        "sockets",
        "400 messages are under way at any time. The columns are sockets of customers on one gateway; "
        "50 agents are on another.",
    )


def fanout(bench):
    """A message to 1,000 sockets of one customer, and to 100 agents that all see a conversation which nobody answers yet."""
    listeners, watchers, messages, per_second = 1000, 100, bench.seconds(100, 40), 20
    with bench.started(bench.ours()) as (ours,):
        bench.say("fanout")
        one = ours.make_clients(1, 1).read_text().splitlines()
        many = ours.write_clients([one[0].split()[1:]] * listeners, [one[1].split()[1:]])
        single = ours.write_clients([one[0].split()[1:]] * 2, [one[1].split()[1:]])
        agents = [(ours.ports[-1], token) for token in ours.make_agents(watchers)]
        token = ours.issue_tokens(1, "watched")[0]
        conversation = ours.greet([token])[0]
        watched = ours.write_clients([(ours.ports[0], token["token"], conversation, 0)], agents)
        for _ in range(bench.runs):
            for label, clients in (
                ("2 sockets of a customer", single),
                (f"{listeners:,} sockets of a customer", many),
                (f"{watchers} watching agents", watched),
            ):
                result = bench.generate(
                    "fanout", ours, "fanout", "--clients", clients, "--count", messages, "--rate", per_second
                )
                for name, parts in (
                    ("CPU per delivery, gateways", gateways_of(ours)),
                    ("CPU per delivery, Redis", ["redis"]),
                ):
                    bench.add("fanout", name, "µs", label, share_of(result, parts) / max(1, result["deliveries"]) * 1e6)
                bench.add("fanout", "time to the last socket, p99", "ms", label, result["microseconds"]["p99"] / 1e3)
    bench.note(
        "fanout", f"{per_second} messages a second; with 2 sockets most of the CPU is what the programs use at rest."
    )
