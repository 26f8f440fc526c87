"""The loads that open sockets: idle, connect, start."""

import json
import shutil
import subprocess
import time

from measure import Disturbance, cpu_seconds, median, resident_bytes
from systems import GENERATOR, await_ready, pinned


class Held:
    """Sockets that a generator holds open."""

    def __init__(self, system, clients):
        self.process = subprocess.Popen(
            pinned(GENERATOR, [system.tools / "generator", "idle", "--clients", clients, "--outstanding", 64]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.opened = json.loads(self.process.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        output, _ = self.process.communicate()
        if self.process.returncode:
            raise RuntimeError("sockets that were to be held ended")
        self.pings = json.loads(output)["pings"]


def settle(system, name, seconds=10):
    """Waits until a process has little to do, so that what it was given is done."""
    end = time.monotonic() + seconds
    pid = system.processes[name].pid
    while time.monotonic() < end:
        before = cpu_seconds(pid)
        time.sleep(1)
        if cpu_seconds(pid) - before < 0.1:
            return


def idle(bench):
    """10,000 silent sockets on one gateway: memory, CPU, and what is left after they come and go."""
    count, cycles, seconds = bench.seconds(10000, 10000), bench.seconds(6, 4), bench.seconds(50, 25)
    for run in range(1 if bench.is_quick else min(bench.runs, 2)):
        bench.say(f"idle, run {run + 1}")
        for system in (bench.ours(gateways=1), bench.node()):
            with system:
                tokens = [t["token"] for t in system.issue_tokens(count)]
                clients = system.write_clients([(system.ports[0], token) for token in tokens])
                gateway, redis = (system.processes[name].pid for name in ("gateway-1", "redis"))
                settle(system, "gateway-1")
                resident, cpu = resident_bytes(gateway), cpu_seconds(gateway)
                time.sleep(5)
                at_rest = (cpu_seconds(gateway) - cpu) / 5
                with Held(system, clients):
                    settle(system, "gateway-1")
                    bench.add(
                        "idle",
                        "resident bytes per socket",
                        "B",
                        system.name,
                        (resident_bytes(gateway) - resident) / count,
                    )
                    if system.name == "ours":
                        bench.goal("memory", (resident_bytes(gateway) - resident) / count)
                        with Disturbance(system.processes.values()) as disturbance:
                            cpu, redis_cpu = cpu_seconds(gateway), cpu_seconds(redis)
                            time.sleep(seconds)
                            used = (cpu_seconds(gateway) - cpu) / seconds
                            redis_used = (cpu_seconds(redis) - redis_cpu) / seconds
                        bench.disturbances.setdefault("idle", []).append(disturbance.share)
                        bench.add(
                            "idle", "CPU per second and socket, heartbeat 25 s", "µs", system.name, used / count * 1e6
                        )
                        bench.add("idle", "gateway's CPU without sockets", "ms/s", system.name, at_rest * 1e3)
                        bench.add("idle", "Redis's CPU meanwhile", "ms/s", system.name, redis_used * 1e3)
                        bench.goal("heartbeat", used / count * 1e6)
                if system.name == "ours":
                    bench.goal("growth", growth(bench, system, clients, cycles))
    bench.note(
        "idle",
        f"Each cycle opens {count:,} sockets and closes them; the percentage is of the resident memory after "
        "the second cycle.",
    )


def growth(bench, system, clients, cycles):
    gateway = system.processes["gateway-1"].pid
    after = []
    for cycle in range(cycles):
        bench.say(f"idle: cycle {cycle + 1} of {cycles}")
        system.generate("connect", "--clients", clients, "--outstanding", 64)
        settle(system, "gateway-1")
        after.append(resident_bytes(gateway))
        bench.add("idle", f"resident after cycle {cycle + 1}", "MiB", system.name, after[-1] / 2**20)
    return 100 * (after[-1] - after[1]) / after[1]


def connect(bench):
    """Handshakes: 64 at once, each with the token's check and the route in Redis, on one gateway."""
    count = bench.seconds(10000, 5000)
    with bench.started(bench.ours(gateways=1), bench.node()) as both:
        clients = {
            system: system.write_clients([(system.ports[0], t["token"]) for t in system.issue_tokens(count)])
            for system in both
        }
        for run in range(bench.runs):
            bench.say(f"connect, run {run + 1} of {bench.runs}")
            for system in both:
                result = bench.generate(
                    "connect",
                    system,
                    "connect",
                    "--clients",
                    clients[system],
                    "--outstanding",
                    64,
                    processes=("redis", "gateway-1"),
                )
                settle(system, "gateway-1")
                bench.add("connect", "handshakes", "/s", system.name, result["perSecond"])
                bench.add(
                    "connect", "handshakes, of a core's time", "/s", system.name, count / sum(result["cpu"].values())
                )
                for name in ("redis", "gateway-1"):
                    bench.add(
                        "connect", f"CPU per handshake, {name}", "µs", system.name, result["cpu"][name] / count * 1e6
                    )
                if system.name == "ours":
                    bench.goal("handshakes", result["perSecond"])
    bench.note("connect", "On one core with Redis. The CPU includes what is written to Redis once the socket is open.")


def start(bench):
    """From the start of a process to its /ready, with a Redis that runs; and how large the programs are."""
    with bench.started(bench.ours(gateways=1)) as (ours,):
        bench.say("start")
        slowest = []
        for program, pattern in (
            ("gateway", r"listener\.port=(\d+)"),
            ("customer-api", r"listening on 127\.0\.0\.1:(\d+)"),
        ):
            times = []
            for n in range(5):
                began = time.monotonic()
                ours.spawn(f"{program}.start-{n}", [bench.programs / program, "serve"], {"LOG_LEVEL": "info"})
                await_ready(int(ours.await_line(f"{program}.start-{n}", pattern)))
                times.append((time.monotonic() - began) * 1e3)
                ours.stop_one(f"{program}.start-{n}")
            bench.add("start", "start to ready, median of 5", "ms", program, median(times))
            slowest.append(median(times))
            stripped = ours.folder / program
            shutil.copy(bench.programs / program, stripped)
            subprocess.run(["strip", stripped], check=True)
            bench.add("start", "binary, stripped", "MiB", program, stripped.stat().st_size / 2**20)
        bench.goal("ready", max(slowest))
