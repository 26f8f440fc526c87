"""What is to be reached: each goal's words, its limit, and whether less or more is better."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Goal:
    load: str
    name: str
    limit: float
    unit: str
    is_most: bool = True  # the limit is the most there may be; else the least

    def is_reached(self, value):
        return value <= self.limit if self.is_most else value >= self.limit


GOALS = {
    "cpu": Goal("roundtrip", "CPU per round trip, Redis and gateways, against Node's", 0.5, "×"),
    "rate": Goal("roundtrip", "round trips per second against Node's", 2.2, "×", is_most=False),
    "redis": Goal("roundtrip", "Redis's CPU per round trip against Node's", 1.4, "×"),
    "latency": Goal("rate", "latency p99 at 2,000 messages/s against the bare relay's", 2, "×"),
    "tail": Goal("rate", "latency p99.9 at 80 % of saturation", 50, "ms"),
    "flat": Goal("sockets", "CPU per round trip with the most sockets on a gateway against 100", 1.1, "×"),
    "memory": Goal("idle", "resident bytes per idle socket", 4096, "B"),
    "heartbeat": Goal("idle", "CPU per second and idle socket, heartbeat 25 s", 1, "µs"),
    "growth": Goal("idle", "resident growth from the second cycle of connecting and leaving to the last", 2, "%"),
    "handshakes": Goal("connect", "handshakes per second of one gateway", 5000, "/s", is_most=False),
    "tokens": Goal("tokens", "customer-token requests per second against Node's", 4, "×", is_most=False),
    "listing": Goal("customers", "GET /customers at the full number, p99 of the slowest filter and page", 50, "ms"),
    "command": Goal("customers", "the slowest Redis command meanwhile", 5, "ms"),
    "index": Goal("customers", "indexes per customer", 600, "B"),
    "ready": Goal("start", "start to ready, the slower program", 300, "ms"),
}
