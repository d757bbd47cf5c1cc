"""Starts the service with everything that its metrics need, and a Prometheus that scrapes it."""

import json
import re
import socket
import sqlite3
import subprocess
import threading
import time
import urllib.error
import urllib.request

DEADLINE_SECONDS = 40
ADMIN_KEY = "operator-key-of-the-check"
PROJECTS = """projects:
  - {slug: steady, name: Steady, hub_url: "http://localhost:1", mesh_namespace: hub.steady}
  - {slug: silent, name: Silent, hub_url: "http://localhost:1", mesh_namespace: hub.silent}
"""


def until(what, probe):
    """Returns the first result of `probe` that is true. Fails after a deadline."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        if found := probe():
            return found
        time.sleep(0.1)
    raise SystemExit(f"waited {DEADLINE_SECONDS} s for {what}")


def request(url, body=None, key=None, method=None):
    """Sends a request and returns the status and the body of the response."""
    headers = {"Content-Type": "application/json"} | ({"X-API-Key": key} if key else {})
    data = body.encode() if body is not None else None
    sent = urllib.request.Request(url, data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(sent, timeout=10) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


class Processes:
    """Processes that stop when the block of `with` ends."""

    def __init__(self, folder):
        self.folder = folder
        self.running = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.running):
            process.terminate()
        for process in self.running:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()

    def start(self, name, command, **env):
        log = self.folder / f"{name}.log"
        with log.open("w") as output:
            process = subprocess.Popen(
                command, cwd=self.folder, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        self.running.append(process)
        return log

    def nats(self, program):
        self.start("nats", [program, "--addr", "127.0.0.1", "--port", "-1", "--ports_file_dir", self.folder])
        ports = lambda: next(self.folder.glob("nats-server_*.ports"), None)
        file = until("the NATS server", ports)
        return until("the ports of NATS", lambda: re.search(r"nats://[^\"]+", file.read_text()))[0]

    def service(self, program, nats_url):
        (self.folder / "projects.yaml").write_text(PROJECTS)
        settings = {
            "NATS_URL": nats_url,
            "SERVICE_PORT": "0",
            "PROJECTS_FILE": "projects.yaml",
            "HEARTBEAT_INTERVAL_SECONDS": "1",
            "FEDERATION_API_KEYS": ADMIN_KEY,
        }
        log = self.start("service", [program, "serve"], **settings)
        address = lambda: re.search(r" address=(127\.0\.0\.1:\d+)", log.read_text())
        url = f"http://{until('the service', address)[1]}"
        until("the service to be ready", lambda: request(f"{url}/readyz")[0] == 200)
        publisher = {"NATS_URL": nats_url, "PROJECT_SLUG": "steady", "HEARTBEAT_INTERVAL": "0.5"}
        self.start("publisher", [program, "heartbeat"], **publisher)
        return url

    def prometheus(self, program, service_url, rules):
        config = {
            "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "500ms"},
            "rule_files": [str(rules)],
            "scrape_configs": [
                {"job_name": "federation", "static_configs": [{"targets": [service_url.split("//")[1]]}]}
            ],
        }
        # JSON is YAML.
        (self.folder / "prometheus.yaml").write_text(json.dumps(config))
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        options = {
            "config.file": "prometheus.yaml",
            "storage.tsdb.path": "prometheus",
            "web.listen-address": f"127.0.0.1:{port}",
            "log.level": "warn",
        }
        self.start("prometheus", [program, *(f"--{name}={value}" for name, value in options.items())])
        url = f"http://127.0.0.1:{port}"
        until("Prometheus", lambda: request(f"{url}/-/ready")[0] == 200)
        return url


class Nats:
    """A publisher in the text protocol of NATS."""

    def __init__(self, url):
        host, port = url.removeprefix("nats://").split(":")
        self.socket = socket.create_connection((host, int(port)), timeout=10)
        self.socket.sendall(b'CONNECT {"verbose": false}\r\n')

    def publish(self, subject, payload):
        self.socket.sendall(f"PUB {subject} {len(payload)}\r\n{payload}\r\n".encode())


class Traffic:
    """Messages that make each series of the service exist and change."""

    def __init__(self, url, nats_url, folder):
        self.url, self.nats, self.folder = url, Nats(nats_url), folder
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._send("silent/heartbeat", "")
        self._reject_status_changes()
        applied = lambda: "applied_timestamp_seconds 0.0\n" not in request(f"{self.url}/metrics")[1]
        until("the projects file to be applied", applied)
        # An invalid file is refused, and the earlier one stays in force.
        (self.folder / "projects.yaml").write_text("projects: 7\n")
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join(10)

    def _reject_status_changes(self):
        """Makes the database reject the change when the project falls silent."""
        until("the project to be stored as online", lambda: self._stored("silent") == "online")
        with sqlite3.connect(self.folder / "federation.db", timeout=10) as database:
            database.execute(
                "CREATE TRIGGER rejecting BEFORE UPDATE OF status ON projects WHEN NEW.slug = 'silent'"
                " BEGIN SELECT RAISE(ABORT, 'rejected by the check'); END"
            )

    def _stored(self, slug):
        with sqlite3.connect(self.folder / "federation.db", timeout=10) as database:
            return database.execute("SELECT status FROM projects WHERE slug = ?", (slug,)).fetchone()[0]

    def _send(self, path, body, key=ADMIN_KEY, method="POST"):
        return request(f"{self.url}/api/fed/projects/{path}", body, key, method)

    def _run(self):
        registration = '{"slug": "%s", "name": "n", "hub_url": "http://localhost:1", "mesh_namespace": "hub.n"}'
        while not self.ended.wait(0.3):
            self._send("steady/heartbeat", "")
            self.nats.publish("hub.presence.steady", '{"project_slug": "steady", "hub_url": 7}')
            self.nats.publish("hub.presence.steady", "{")
            self._send("steady/heartbeat", "{")
            self._send("unknown/heartbeat", "")
            self._send("", None, key="a-wrong-key-here", method="GET")
            request(f"{self.url}/api/fed/projects", registration % "passing", ADMIN_KEY)
            self._send("passing", '{"name": "m"}', method="PATCH")
            self._send("passing", None, method="DELETE")
