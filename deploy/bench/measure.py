"""What one run of a load found, and the machine it ran on."""

import os
import platform
import re
import statistics
import subprocess
import time
from pathlib import Path


def resident_bytes(pid):
    return int(re.search(r"^Rss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M).group(1)) * 1024


def cpu_seconds(pid):
    """CPU time of all threads of a process, as its CPU-time clock has it (nanoseconds)."""
    return time.clock_gettime((~pid << 3) | 2)  # clock_getcpuclockid(3)


def busy_seconds():
    """CPU time that all cores have spent on anything, or that another machine took from them."""
    words = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    user, nice, system, _, _, irq, soft, steal = map(int, words[:8])
    return (user + nice + system + irq + soft + steal) / os.sysconf("SC_CLK_TCK")


class Disturbance:
    """How much of the machine others took meanwhile: `share` is that of all cores, in percent."""

    def __init__(self, processes):
        self.processes = list(processes)

    def __enter__(self):
        self.began = time.monotonic(), busy_seconds(), self.own()
        return self

    def own(self):
        children = os.times()
        return (
            sum(cpu_seconds(p.pid) for p in self.processes if p.poll() is None)
            + children.user
            + children.system
            + children.children_user
            + children.children_system
        )

    def __exit__(self, *_):
        wall, busy, own = self.began
        elapsed = (time.monotonic() - wall) * (os.cpu_count() or 1)
        self.share = max(0.0, 100 * ((busy_seconds() - busy) - (self.own() - own)) / elapsed)


def median(values):
    values = [value for value in values if value is not None]
    return statistics.median(values) if values else None


def output_of(*command):
    try:
        return subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.strip()
    except OSError:
        return ""


def machine_facts(root):
    model = re.search(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(), re.M)
    memory = re.search(r"^MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text(), re.M)
    system = re.search(r'^PRETTY_NAME="?([^"\n]*)', Path("/etc/os-release").read_text(), re.M)
    return {
        "date": time.strftime("%Y-%m-%d %H:%M:%S %Z"),
        "commit": output_of("git", "-C", str(root), "describe", "--always", "--dirty"),
        "processor": f"{os.cpu_count()} × {model.group(1) if model else platform.machine()}",
        "memory": f"{int(memory.group(1)) / 2**20:.1f} GiB" if memory else "?",
        "system": f"{system.group(1) if system else '?'}, Linux {platform.release()}",
        "redis": output_of("redis-server", "--version").split(" sha")[0],
        "node": output_of("node", "--version"),
        "swift": output_of("swift", "--version").split("\n")[0],
        "open files": output_of("sh", "-c", "ulimit -Hn"),
        "load average at start": " ".join(f"{value:.2f}" for value in os.getloadavg()),
    }
