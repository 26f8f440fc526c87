"""deploy/bench/run: how fast it is, what it costs, and what Node makes of the same work on the same machine."""

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import connection_loads
import message_loads
import rest_loads
from bench import Bench
from measure import machine_facts
from report import data, markdown

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
LOADS = {
    "roundtrip": message_loads.roundtrip,
    "rate": message_loads.rate,
    "sockets": message_loads.sockets,
    "fanout": message_loads.fanout,
    "idle": connection_loads.idle,
    "connect": connection_loads.connect,
    "start": connection_loads.start,
    "tokens": rest_loads.tokens,
    "customers": rest_loads.customers,
}


def options():
    parser = argparse.ArgumentParser(
        prog="deploy/bench/run",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Builds in release, starts private servers, puts loads on them and on a Node peer that does the same work,\n"
        "and prints a table with medians and ratios. Uses no port but free ones on the loopback address.",
        epilog="loads:\n"
        + "\n".join(f"  {name:10} {' '.join((load.__doc__ or '').split())}" for name, load in LOADS.items())
        + "\n\nenvironment: BIN_DIR: where the two programs are with --no-build (.build/release)\n\n"
        "Exit code: 0 measured; 1 failed; 2 usage; 3 messages were refused, lost, doubled or out of order, or requests\n"
        "failed; 4 something is missing and could not be installed; 5 the build failed. A goal that was not\n"
        "reached fails nothing: the machine decides too.",
    )
    parser.add_argument("--only", metavar="LOADS", help="these loads only, with commas between")
    parser.add_argument("--runs", type=int, default=3, help="how often each is measured (default 3)")
    parser.add_argument("--out", type=Path, help="the folder for the results (default .data/bench/DATE)")
    parser.add_argument("--quick", action="store_true", help="shorter runs and fewer customers: to see that all works")
    parser.add_argument(
        "--customers", type=int, help="how many for the load `customers` (default 1,000,000; quick 20,000)"
    )
    parser.add_argument("--no-build", action="store_true", help="do not build the programs")
    chosen = parser.parse_args()
    names = chosen.only.split(",") if chosen.only else list(LOADS)
    unknown = [name for name in names if name not in LOADS]
    if unknown or chosen.runs < 1:
        parser.error(f"no such load: {', '.join(unknown)}" if unknown else "--runs must be 1 or more")
    return chosen, names


def step(status, *command, **more):
    done = subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=sys.stderr, **more)
    if done.returncode:
        sys.exit(status)


def main():
    chosen, names = options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    step(
        4,
        ROOT / "deploy/install",
        "redis-server=redis-server",
        "redis-tools=redis-cli",
        "nodejs=node",
        "gcc=gcc",
        "make=make",
        "libc6-dev=/usr/include/stdio.h",
        "binutils=strip",
        "util-linux=taskset",
        "libhiredis-dev=/usr/include/hiredis/hiredis.h",
        *(f"node-{name}=/usr/share/nodejs/{name}/package.json" for name in ("ws", "redis", "express")),
    )
    tools = ROOT / ".build-bench"
    step(5, "make", "-s", "-C", HERE, f"OUT={tools}")
    programs = Path(os.environ.get("BIN_DIR") or ROOT / ".build/release").resolve()
    if not chosen.no_build:
        for product in ("customer-api", "gateway"):
            step(5, "swift", "build", "--package-path", ROOT, "-c", "release", "--product", product)
    for product in ("customer-api", "gateway"):
        if not os.access(programs / product, os.X_OK):
            sys.exit(
                f"deploy/bench/run: there is no program {programs / product}; run it without --no-build, or set BIN_DIR"
            )

    bench = Bench(
        tools, programs, chosen.runs, chosen.quick, chosen.customers or (20_000 if chosen.quick else 1_000_000)
    )
    facts = machine_facts(ROOT)
    out = chosen.out or ROOT / ".data/bench" / time.strftime("%Y%m%d-%H%M%S")
    out.mkdir(parents=True, exist_ok=True)
    done = {}
    status = 0
    for name in names:
        try:
            LOADS[name](bench)
        except KeyboardInterrupt:
            bench.say(f"stopped in {name}")
            status = 1
            break
        except (RuntimeError, OSError, subprocess.CalledProcessError) as error:
            bench.say(f"{name} failed: {error}")
            status = 1
        done[name] = LOADS[name].__doc__ or ""
        # After each load, so that nothing is lost when a later one is stopped.
        (out / "report.md").write_text(markdown(bench, done, facts))
        (out / "results.json").write_text(data(bench, facts))
    if done:
        print((out / "report.md").read_text())
        bench.say(f"written to {out}")
    sys.exit(status or (3 if bench.faults else 0))


if __name__ == "__main__":
    main()
