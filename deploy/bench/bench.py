"""What the loads share: the systems they ask for, and where they write down what they found."""

import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import systems
from goals import GOALS
from measure import Disturbance, median


@dataclass
class Bench:
    tools: Path
    programs: Path
    runs: int
    is_quick: bool
    customers: int
    # (load, measure, system) → one value for each run; measure is (name, unit)
    values: dict = field(default_factory=dict)
    goals: dict = field(default_factory=dict)
    disturbances: dict = field(default_factory=dict)
    faults: list = field(default_factory=list)
    notes: dict = field(default_factory=dict)

    def add(self, load, name, unit, system, value):
        self.values.setdefault((load, name, unit), {}).setdefault(system, []).append(value)

    def goal(self, key, value):
        self.goals.setdefault(key, []).append(value)

    def note(self, load, text):
        if text not in self.notes.setdefault(load, []):
            self.notes[load].append(text)

    def seconds(self, full, quick):
        return quick if self.is_quick else full

    def say(self, text):
        print(f"{time.strftime('%H:%M:%S')}  {text}", file=sys.stderr, flush=True)

    def ours(self, **options):
        return systems.Ours(self.tools, self.programs, **options)

    def node(self):
        return systems.NodePeer(self.tools)

    def relay(self):
        return systems.Relay(self.tools)

    def started(self, *all_systems):
        """All of them, as one context."""
        return Started(all_systems)

    def generate(self, load, system, kind, *arguments, processes=None):
        """Runs the generator. What was lost, doubled or out of order, and what else ran on the machine, is written down."""
        with Disturbance(system.processes.values()) as disturbance:
            result = system.generate(kind, *arguments, processes=system.messaging if processes is None else processes)
        self.disturbances.setdefault(load, []).append(disturbance.share)
        if not result["clean"]:
            counts = {
                key: result[key]
                for key in ("lost", "doubled", "reordered", "strays", "refused", "requests", "succeeded")
                if key in result
            }
            self.faults.append(f"{load}, {system.name}: {counts}")
        return result

    def reached(self, key):
        value = median(self.goals.get(key, []))
        return None if value is None else GOALS[key].is_reached(value)


class Started(ExitStack):
    def __init__(self, all_systems):
        super().__init__()
        self.systems = all_systems

    def __enter__(self):
        super().__enter__()
        try:
            return [self.enter_context(system) for system in self.systems]
        except BaseException:
            self.close()
            raise
