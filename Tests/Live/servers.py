"""Starts, kills and restarts the servers under test: Roost, or the real ZooKeeper and Consul."""

import contextlib
import ctypes
import functools
import json
import os
import random
import resource
import shlex
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PEERS_HOME = Path(os.environ.get("PEERS_HOME", "/var/tmp/roost-peers"))
START_SECONDS = 60


HANDED_OUT = set()


def free_port():
    """A port below the range that the kernel hands to outgoing connections, and none twice in a run."""
    while True:
        port = random.SystemRandom().randrange(22000, 31000)
        if port in HANDED_OUT:
            continue
        with socket.socket() as s, socket.socket(type=socket.SOCK_DGRAM) as d, contextlib.suppress(OSError):
            s.bind(("127.0.0.1", port))
            d.bind(("127.0.0.1", port))
            HANDED_OUT.add(port)
            return port


def eventually(condition, seconds=20, what=None, pause=0.02):
    """Polls until the condition is true, and returns what it returned."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what or condition}; last: {value!r}")
        time.sleep(pause)


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Server:
    """One process with a data directory that outlives it."""

    kind = "server"
    zookeeper = None
    http = None

    def __init__(self, directory, preload=None, environment=None):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.log_path = self.directory / "log"
        self.environment = dict(os.environ, **(environment or {}))
        self.preload = preload
        self.process = None

    def command(self):
        raise NotImplementedError

    def serves(self):
        raise NotImplementedError

    def spawn(self):
        environment = dict(self.environment)
        if self.preload:
            environment["LD_PRELOAD"] = str(self.preload)
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                self.command(), stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                env=environment, preexec_fn=die_with_parent)

    def start(self):
        self.spawn()
        self.wait_until_serving()
        return self

    def wait_until_serving(self, seconds=START_SECONDS, pause=0.02):
        def ready():
            if self.process.poll() is not None:
                raise AssertionError(
                    f"{self.kind} ended with {self.process.returncode}:\n{self.log()[-3000:]}")
            return self.serves()
        eventually(ready, seconds, f"{self.kind} serves; its log: {self.log_path}", pause)

    def kill(self):
        """SIGKILL, as a crash would."""
        self.process.kill()
        self.process.wait()

    def stop(self, seconds=30):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(f"{self.kind} did not stop within {seconds} s of SIGTERM")
        return self.process.returncode if self.process else None

    def discard(self):
        if self.process and self.process.poll() is None:
            self.kill()

    def alive(self):
        return self.process.poll() is None

    def pids(self):
        return [self.process.pid]

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""


def open_files(pid):
    """Descriptors but for timers: the runtime makes one when a task first sleeps, at some time after the start."""
    count = 0
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            count += os.readlink(f"/proc/{pid}/fd/{name}") != "anon_inode:[timerfd]"
        except FileNotFoundError:
            pass  # It was closed meanwhile.
    return count


def resident_kib(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def word(address, text):
    """What a four-letter word is answered; nothing where nobody answers."""
    host, port = address.split(":")
    answer = b""
    try:
        with socket.create_connection((host, int(port)), 2) as s:
            s.settimeout(2)
            s.sendall(text)
            while chunk := s.recv(4096):
                answer += chunk
    except OSError:
        return b""
    return answer


def zookeeper_serves(address):
    return b"Mode:" in word(address, b"srvr")


def http_get(url, seconds=2):
    """The status and body, or (None, reason) when there is no answer."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=seconds) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except (OSError, ValueError) as error:
        return None, error


def consul_serves(base, node):
    if http_get(f"{base}/v1/kv/none?consistent")[0] != 404:
        return False
    status, body = http_get(f"{base}/v1/health/node/{node}")
    return status == 200 and any(
        c["CheckID"] == "serfHealth" and c["Status"] == "passing" for c in json.loads(body) or [])


@functools.cache
def lifted_bounds(binary):
    """Flags that lift the bounds on connections from one address, which all tests come from; older servers know none."""
    known = subprocess.run([binary, "server", "--help"], capture_output=True, text=True, check=False).stdout
    return [f"{flag}=0" for flag in ("--max-client-cnxns", "--http-max-conns-per-client") if flag in known]


class Roost(Server):
    kind = "roost"
    node = "n1"

    def __init__(self, directory, preload=None, environment=None, data=None, arguments=(), dns=None):
        super().__init__(directory, preload, environment)
        self.data = Path(data) if data else self.directory / "data"
        self.ports = {k: free_port() for k in ("zookeeper", "http", "dns", "peer")}
        self.arguments = [*arguments, *(f"{DNS_FLAGS[key]}={str(value).lower()}" for key, value in (dns or {}).items())]
        self.zookeeper = f"127.0.0.1:{self.ports['zookeeper']}"
        self.http = f"http://127.0.0.1:{self.ports['http']}"
        self.dns = self.ports["dns"]

    @property
    def binary(self):
        return os.environ.get("ROOST_BIN", str(REPOSITORY / ".build/debug/roost"))

    def command(self):
        ports = [f"--{k}-port={p}" for k, p in self.ports.items()]
        extra = shlex.split(os.environ.get("ROOST_ARGUMENTS", ""))
        return [self.binary, "server", f"--data-dir={self.data}", "--bind=127.0.0.1", "--name=n1", "--four-letter-words=*",
                *ports, *lifted_bounds(self.binary), *self.arguments, *extra]

    def serves(self):
        return zookeeper_serves(self.zookeeper) and consul_serves(self.http, self.node)


# What the DNS interface may be told, by Consul's names.
DNS_FLAGS = {"domain": "--dns-domain", "only_passing": "--dns-only-passing", "node_ttl": "--dns-node-ttl-seconds",
             "service_ttl": "--dns-service-ttl-seconds", "udp_answer_limit": "--dns-udp-answer-limit",
             "enable_truncate": "--dns-enable-truncate", "a_record_limit": "--dns-address-limit"}


def consul_dns(settings):
    """The same, as Consul's configuration has it."""
    settings = dict(settings)
    top = {"domain": settings.pop("domain")} if "domain" in settings else {}
    if "service_ttl" in settings:
        settings["service_ttl"] = {"*": f"{settings['service_ttl']}s"}
    if "node_ttl" in settings:
        settings["node_ttl"] = f"{settings['node_ttl']}s"
    return {**top, "dns_config": settings}


class ZooKeeper(Server):
    """The real one, in the folder that peers/peers made."""

    kind = "zookeeper"
    root = PEERS_HOME / "trixie"

    def __init__(self, directory, preload=None, environment=None):
        super().__init__(directory, preload, environment)
        self.port = free_port()
        self.zookeeper = f"127.0.0.1:{self.port}"
        self.inside = f"/var/tmp/live-{os.getpid()}-{self.port}"
        home = Path(f"{self.root}{self.inside}")
        (home / "data").mkdir(parents=True)
        (home / "zoo.cfg").write_text(
            f"tickTime=2000\ndataDir={self.inside}/data\nclientPort={self.port}\n"
            "clientPortAddress=127.0.0.1\nmaxClientCnxns=0\nadmin.enableServer=false\n"
            "4lw.commands.whitelist=*\npreAllocSize=1024\n")

    def command(self):
        jars = "/etc/zookeeper/conf:/usr/share/java/zookeeper.jar:/usr/share/java/snappy-java.jar"
        return ["chroot", str(self.root), "java", "-Xmx1000m", "-Dznode.container.checkIntervalMs=500",
                "-cp", jars, "org.apache.zookeeper.server.quorum.QuorumPeerMain",
                f"{self.inside}/zoo.cfg"]

    def serves(self):
        return zookeeper_serves(self.zookeeper)

    def discard(self):
        super().discard()
        subprocess.run(["rm", "-rf", f"{self.root}{self.inside}"], check=False)


class Consul(Server):
    """The real one, unpacked by peers/peers."""

    kind = "consul"
    node = "n1"

    def __init__(self, directory, preload=None, environment=None, dns=None):
        super().__init__(directory, preload, environment)
        ports = {k: free_port() for k in ("http", "dns", "server", "serf_lan")}
        self.http = f"http://127.0.0.1:{ports['http']}"
        self.dns = ports["dns"]
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 1000
        many = {"http_max_conns_per_client": most, "rpc_max_conns_per_client": most}
        (self.directory / "config.json").write_text(json.dumps({
            "server": True, "bootstrap_expect": 1, "node_name": self.node, "datacenter": "dc1",
            "data_dir": str(self.directory / "data"), "bind_addr": "127.0.0.1",
            "client_addr": "127.0.0.1", "log_level": "warn", "disable_update_check": True,
            "leave_on_terminate": False, "limits": many, "performance": {"raft_multiplier": 1},
            "ports": {**ports, "grpc": -1, "serf_wan": -1}, **consul_dns(dns or {})}))

    def command(self):
        binary = PEERS_HOME / "consul/usr/bin/consul"
        return [str(binary), "agent", "-config-file", str(self.directory / "config.json")]

    def serves(self):
        return consul_serves(self.http, self.node)


class Pair:
    """The two real servers, driven as one."""

    kind = "peers"
    node = "n1"

    def __init__(self, directory):
        self.servers = [ZooKeeper(Path(directory) / "zookeeper"), Consul(Path(directory) / "consul")]
        self.zookeeper = self.servers[0].zookeeper
        self.http = self.servers[1].http

    def spawn(self):
        for server in self.servers:
            server.spawn()

    def wait_until_serving(self, seconds=START_SECONDS, pause=0.02):
        for server in self.servers:
            server.wait_until_serving(seconds, pause)

    def start(self):
        self.spawn()
        self.wait_until_serving()
        return self

    def kill(self):
        for server in self.servers:
            server.kill()

    def stop(self, seconds=30):
        return max(abs(server.stop(seconds)) for server in self.servers)

    def discard(self):
        for server in self.servers:
            server.discard()

    def alive(self):
        return all(server.alive() for server in self.servers)

    def pids(self):
        return [pid for server in self.servers for pid in server.pids()]

    def log(self):
        return "\n".join(server.log() for server in self.servers)
