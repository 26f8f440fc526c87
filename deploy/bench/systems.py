"""The systems that are measured: ours, the Node peer, the bare relay, each with all it needs, on private sockets."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import urllib.request
import uuid
from pathlib import Path

HERE = Path(__file__).resolve().parent
SERVERS, GENERATOR = "0", "1"  # cores


def pinned(core, command):
    return ["taskset", "-c", core, *map(str, command)] if (os.cpu_count() or 1) > 1 else [*map(str, command)]


class System:
    """Processes on the servers' core, in a folder of their own. Used as a context, which ends what was started."""

    name = "?"

    def __init__(self, tools: Path, is_pinned=True):
        self.tools = tools
        self.is_pinned = is_pinned
        self.folder = Path(tempfile.mkdtemp(prefix="bench."))
        self.processes: dict[str, subprocess.Popen] = {}
        self.environment = {**os.environ}

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def spawn(self, name, command, environment=None, **options):
        log = open(self.folder / f"{name}.log", "wb")
        process = subprocess.Popen(
            pinned(SERVERS, command) if self.is_pinned else [*map(str, command)],
            env={**self.environment, **(environment or {})},
            cwd=self.folder,
            stderr=log,
            start_new_session=True,
            **{"stdin": subprocess.DEVNULL, "stdout": log, **options},
        )
        log.close()
        self.processes[name] = process
        return process

    def stop(self):
        for process in reversed(self.processes.values()):
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def stop_one(self, name):
        process = self.processes.pop(name)
        process.terminate()
        process.wait(30)

    def await_line(self, name, pattern, seconds=20):
        """The first group of `pattern` in a process's log."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = re.search(pattern, (self.folder / f"{name}.log").read_text(errors="replace"))
            if found:
                return found.group(1)
            if self.processes[name].poll() is not None:
                break
            time.sleep(0.005)
        raise RuntimeError(f"{self.name}: {name} did not start: {(self.folder / f'{name}.log').read_text()[-800:]}")

    def start_redis(self):
        self.socket = self.folder / "redis.sock"
        (self.folder / "redis").mkdir()
        self.spawn(
            "redis",
            [
                "redis-server",
                HERE.parent / "redis.conf",
                "--dir",
                self.folder / "redis",
                "--port",
                0,
                "--unixsocket",
                self.socket,
                "--daemonize",
                "no",
                # The child that rewrites its file takes a whole core for a moment: as it would find one elsewhere.
                "--aof_rewrite_cpulist",
                f"0-{(os.cpu_count() or 1) - 1}",
            ],
        )
        end = time.monotonic() + 10
        while self.redis("PING", check=False) != "PONG":
            if time.monotonic() > end:
                raise RuntimeError("Redis does not answer")
            time.sleep(0.02)

    def redis(self, *words, check=True, **options):
        return subprocess.run(
            ["redis-cli", "-s", self.socket, *map(str, words)],
            check=check,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            **options,
        ).stdout.strip()

    def generate(self, load, *arguments, processes=(), **options):
        """Runs the generator on its core. Returns what it printed."""
        watched = [word for name in processes for word in ("--process", f"{name}={self.processes[name].pid}")]
        command = pinned(GENERATOR, [self.tools / "generator", load, *arguments, *watched])
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, **options)
        if done.returncode not in (0, 3):
            raise RuntimeError(f"{self.name}: the generator's {load} ended with {done.returncode}")
        return {**json.loads(done.stdout), "clean": done.returncode == 0}

    def requests(self, lines, port, connections=16):
        """Sends HTTP requests (method, path, token, body). Returns the answers' JSON, in order."""
        asked, answered = self.folder / "requests", self.folder / "bodies"
        asked.write_text("".join("\t".join(line) + "\n" for line in lines))
        result = self.generate(
            "http", "--port", port, "--requests", asked, "--bodies", answered, "--outstanding", connections
        )
        if not result["clean"]:
            raise RuntimeError(f"{self.name}: {result['requests'] - result['succeeded']} requests failed")
        return [json.loads(line) for line in answered.read_text().splitlines()]

    def issue_tokens(self, count, prefix="user"):
        """Tokens of new customers, by REST: [{customerId, token}]."""
        lines = [("POST", "/api/v1/public/customer-token", "", token_request(f"{prefix}-{n}")) for n in range(count)]
        return [answer["data"] for answer in self.requests(lines, self.api_port)]

    def write_clients(self, customers, agents=()):
        """A file for the generator: customers (port, token, conversation, agent), agents (port, token)."""
        path = self.folder / f"clients.{uuid.uuid4().hex[:8]}"
        lines = ["customer " + " ".join(map(str, customer)) for customer in customers]
        lines += ["agent " + " ".join(map(str, agent)) for agent in agents]
        path.write_text("\n".join(lines) + "\n")
        return path


def token_request(channel_id):
    return json.dumps({"name": "张三", "channel": "WEB", "channelId": channel_id}, ensure_ascii=False)


class Ours(System):
    """customer-api and gateways with one event loop each, over one Redis."""

    name = "ours"

    def __init__(self, tools, programs: Path, gateways=2, environment=None, **options):
        super().__init__(tools, **options)
        self.programs = programs
        self.gateways = gateways
        self.environment |= {
            "HOST": "127.0.0.1",
            "PORT": "0",
            "LOOPS": "1",
            "LOG_LEVEL": "notice",
            "MAX_CONNECTIONS": "20000",
            "DRAIN_TIMEOUT": "1",
            # All clients come from one address, as fast as they can.
            "TOKEN_REQUESTS_PER_MINUTE": "0",
            "CUSTOMER_TOKENS_PER_MINUTE": "0",
            "AGENT_TOKENS_PER_MINUTE": "0",
            "REQUESTS_PER_SECOND": "0",
            "HANDSHAKES_PER_SECOND": "0",
            "FAILED_TOKENS_PER_MINUTE": "0",
            "MAX_CONNECTIONS_PER_ADDRESS": "0",
            "MAX_CONNECTIONS_PER_TOKEN": "0",
            "MAX_CONNECTIONS_PER_CUSTOMER": "0",
            "MESSAGES_PER_SECOND": "0",
            "BYTES_PER_SECOND": "0",
            **(environment or {}),
        }
        self.agents = []

    def start(self):
        self.start_redis()
        self.environment["REDIS_URL"] = f"unix://{self.socket}"
        self.spawn(
            "customer-api",
            [self.programs / "customer-api", "serve"],
            {"ADMIN_LOGIN": "admin", "ADMIN_PASSWORD": uuid.uuid4().hex, "LOG_LEVEL": "info"},
        )
        self.ports = []
        for n in range(1, self.gateways + 1):
            self.spawn(f"gateway-{n}", [self.programs / "gateway", "serve"], {"LOG_LEVEL": "info"})
            self.ports.append(int(self.await_line(f"gateway-{n}", r"listener\.port=(\d+)")))
        self.api_port = int(self.await_line("customer-api", r"listening on 127\.0\.0\.1:(\d+)"))
        for port in (self.api_port, *self.ports):
            await_ready(port)

    @property
    def messaging(self):
        """The processes that a message passes."""
        return ["redis", *(f"gateway-{n}" for n in range(1, self.gateways + 1))]

    def make_agents(self, count):
        while len(self.agents) < count:
            login = f"agent-{len(self.agents)}"
            self.command("agent", "add", "--login", login, "--name", f"Agent {len(self.agents)}", "--role", "agent")
            self.agents.append(self.command("agent", "token", "--login", login))
        return self.agents[:count]

    def command(self, *words):
        return subprocess.run(
            [self.programs / "customer-api", *words],
            env=self.environment,
            check=True,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ).stdout.strip()

    def make_clients(self, customers, agents, prefix="user"):
        """Customers with a conversation each, which its agent has claimed. Customers connect to the first gateway, agents
        to the last."""
        tokens = self.issue_tokens(customers, prefix)
        agent_tokens = self.make_agents(agents)
        found = self.greet(tokens)
        claims = [
            ("POST", f"/api/v1/conversations/{conversation}/claim", agent_tokens[n % agents], "")
            for n, conversation in enumerate(found)
        ]
        self.requests(claims, self.api_port)
        return self.write_clients(
            [(self.ports[0], t["token"], found[n], n % agents) for n, t in enumerate(tokens)],
            [(self.ports[-1], token) for token in agent_tokens],
        )

    def greet(self, tokens):
        """The conversations that these customers' first messages made."""
        made = self.folder / "conversations"
        greeting = self.write_clients([(self.ports[0], t["token"]) for t in tokens])
        self.generate("greet", "--clients", greeting, "--outstanding", 64, "--bodies", made)
        return made.read_text().split()


def await_ready(port, seconds=20):
    end = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            pass
        if time.monotonic() > end:
            raise RuntimeError(f"port {port} is not ready")
        time.sleep(0.005)


class NodePeer(System):
    """Two gateways with ws, a token API with Express, over one Redis."""

    name = "node"

    def start(self):
        self.start_redis()
        self.environment |= {
            "REDIS_SOCKET": str(self.socket),
            "NODE_ENV": "production",
            "NODE_PATH": "/usr/share/nodejs:/usr/lib/nodejs",
        }
        self.ports = []
        for n in (1, 2):
            self.spawn(f"gateway-{n}", ["node", HERE / "node-peer/gateway.js"], {"GATEWAY": f"g{n}"})
            self.ports.append(int(self.await_line(f"gateway-{n}", r"^(\d+)\n")))
        self.spawn("api", ["node", HERE / "node-peer/api.js"])
        self.api_port = int(self.await_line("api", r"^(\d+)\n"))

    messaging = ["redis", "gateway-1", "gateway-2"]

    def make_clients(self, customers, agents, prefix="user"):
        """The peer has no agents' API: tokens of agents and who answers whom are written into its Redis."""
        tokens = self.issue_tokens(customers, prefix)
        agent_ids = [str(uuid.uuid4()) for _ in range(agents)]
        agent_tokens = [str(uuid.uuid4()) for _ in range(agents)]
        conversations = [str(uuid.uuid4()) for _ in range(customers)]
        lines = [f"HSET token:{token} kind a id {id} channel WEB" for token, id in zip(agent_tokens, agent_ids)]
        lines += [
            f"HSET conversation:{conversations[n]} customer {t['customerId']} agent {agent_ids[n % agents]}"
            for n, t in enumerate(tokens)
        ]
        self.redis(input="\n".join(lines) + "\n")
        return self.write_clients(
            [(self.ports[0], t["token"], conversations[n], n % agents) for n, t in enumerate(tokens)],
            [(self.ports[1], token) for token in agent_tokens],
        )


class Relay(System):
    """The bare relay: no Redis, no checks."""

    name = "relay"

    def start(self):
        self.spawn("relay", [self.tools / "relay"], stdin=subprocess.PIPE)
        self.port = int(self.await_line("relay", r"^(\d+)\n"))

    messaging = ["relay"]

    def make_clients(self, customers, agents, prefix="user"):
        return self.write_clients(
            [(self.port, f"c-{n}-{n % agents}", f"{n:036}", n % agents) for n in range(customers)],
            [(self.port, f"a-{n}") for n in range(agents)],
        )
