"""The result as Markdown and JSON."""

import json

from goals import GOALS
from measure import median


def number(value):
    if value is None:
        return "–"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def table(rows):
    lines = ["| " + " | ".join(rows[0]) + " |", "| --- |" + " ---: |" * (len(rows[0]) - 1)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows[1:]]


def goals(bench, loads):
    rows = [["goal", "limit", "median", "of the runs", "reached"]]
    for key, goal in GOALS.items():
        values = bench.goals.get(key)
        if goal.load not in loads or not values:
            continue
        limit = f"{'at most' if goal.is_most else 'at least'} {goal.limit:g} {goal.unit}"
        runs = ", ".join(map(number, values)) if len(values) > 1 else "one"
        rows.append(
            [goal.name, limit, f"{number(median(values))} {goal.unit}", runs, "yes" if bench.reached(key) else "**no**"]
        )
    return table(rows) if len(rows) > 1 else []


def load_table(bench, load):
    measures = [key for key in bench.values if key[0] == load]
    columns = list(dict.fromkeys(system for key in measures for system in bench.values[key]))
    ratio = (
        {"ours": next((name for name in columns if name.lower() == "node"), None)}["ours"]
        if "ours" in columns
        else None
    )
    rows = [[load, *columns, *([f"ours : {ratio}"] if ratio else [])]]
    for key in measures:
        values = {system: median(found) for system, found in bench.values[key].items()}
        row = [f"{key[1]}, {key[2]}", *(number(values.get(system)) for system in columns)]
        if ratio:
            both = values.get("ours") is not None and values.get(ratio)
            row.append(f"{values['ours'] / values[ratio]:.2f}" if both else "–")
        rows.append(row)
    return table(rows)


def markdown(bench, loads, facts):
    """`loads`: name → what it does, in the words of its function."""
    lines = ["# Benchmark", ""]
    if bench.faults:
        lines += [
            "**Messages were refused, lost, doubled or out of order, or requests failed:**",
            "",
            *(f"- {fault}" for fault in bench.faults),
            "",
        ]
    else:
        lines += ["No message was refused, lost, doubled or out of order, and no request failed.", ""]
    lines += [*goals(bench, loads), ""]
    for load, words in loads.items():
        lines += [f"## {load}", "", " ".join(words.split()), "", *load_table(bench, load), ""]
        lines += [*bench.notes.get(load, []), ""] if load in bench.notes else []
        shares = bench.disturbances.get(load)
        if shares:
            lines += [
                f"Others used {number(median(shares))} % of the machine meanwhile (median; at most {number(max(shares))} %).",
                "",
            ]
    lines += [
        "## How it was measured",
        "",
        f"Medians of {bench.runs} runs; ratios are of the medians here, of each run in the table of goals. CPU is the "
        "processes' own, by their CPU-time clocks. Redis (append-only file, synced each second) and the programs are on "
        "one core, the generator is on another. The goal “two gateways carry 1.8 times what one does” needs a core for "
        "each gateway, for Redis and for the generator: four or more.",
        "",
        *table([["machine", ""], *([name, value] for name, value in facts.items())]),
        "",
    ]
    return "\n".join(lines)


def data(bench, facts):
    return json.dumps(
        {
            "machine": facts,
            "goals": {key: {"limit": GOALS[key].limit, "runs": values} for key, values in bench.goals.items()},
            "values": [
                {"load": key[0], "measure": key[1], "unit": key[2], "runs": found}
                for key, found in bench.values.items()
            ],
            "disturbance": bench.disturbances,
            "faults": bench.faults,
        },
        ensure_ascii=False,
        indent=1,
    )
