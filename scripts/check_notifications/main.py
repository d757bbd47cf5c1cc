"""Checks the channels of a running service against receivers that are not part of it.

Usage: main.py FEDERATION ALERTMANAGER DOCUMENT

The notifications are written into the outbox as the service would, so that their texts can be hostile.
"""

import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request

from receivers import Mailbox, Webhook

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
HOSTILE = "db <!channel> @all *x* \"quoted\" https://evil.example ä"
DEADLINE = 30


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(what, probe):
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        with contextlib.suppress(OSError, sqlite3.OperationalError):
            if found := probe():
                return found
        time.sleep(0.1)
    sys.exit(f"waited {DEADLINE} s for: {what}")


def get(url):
    with urllib.request.urlopen(url, timeout=5) as answer:
        return json.load(answer)


def utc(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(seconds))


def enqueue(database, sequence, event):
    """Stores a notification for every channel."""
    now = time.time()
    summary = {
        "kind": "offline", "title": HOSTILE, "severity": "critical", "root": "db", "cause": "test",
        "affected_count": 1, "affected": ["web"], "since": utc(now - 60),
        "resolved_at": utc(now) if event == "resolved" else None, "tags": [],
        "link": "/ecosystem/incidents/4",
    }
    insert = """INSERT INTO outbox (incident, sequence, channel, event, summary, grouped, created_at,
                                    due_at, expires_at) VALUES ('4', ?, ?, ?, ?, 0, ?, ?, ?)"""
    with contextlib.closing(sqlite3.connect(database, timeout=10)) as connection, connection:
        for channel in ("hook", "am", "chat", "mail"):
            row = (sequence, channel, event, json.dumps(summary), utc(now), utc(now), utc(now + 86400))
            connection.execute(insert, row)


def configuration(folder, hook, chat, mailbox, alertmanager):
    return f"""
channels:
  - {{name: hook, type: webhook, url: 'http://127.0.0.1:{hook.port}/in', secret: '${{HOOK_SECRET}}'}}
  - {{name: am, type: alertmanager, url: 'http://127.0.0.1:{alertmanager}'}}
  - {{name: chat, type: slack, url: 'http://127.0.0.1:{chat.port}/services/x'}}
  - name: mail
    type: email
    host: localhost
    port: {mailbox.port}
    user: alerts
    password: {SECRET}
    from: Federation <alerts@example.org>
    to: [oncall@example.org]
routes: []
"""


def verifier(document):
    """Returns the function of the document that verifies signatures."""
    code = re.search(r"```python\n(.*?)```", pathlib.Path(document).read_text(), re.S).group(1)
    names = {}
    exec(code, names)
    return names["verify"]


def certificate(folder):
    paths = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "1", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-addext", "basicConstraints=critical,CA:FALSE", "-keyout", paths[1], "-out", paths[0]],
        check=True, capture_output=True)
    return paths


def check(folder, programs, document, stack):
    federation, alertmanager = programs
    hook, chat = Webhook(), Webhook()
    cert, key = certificate(folder)
    mailbox = Mailbox(cert, key)
    ports = free_port(), free_port()
    (folder / "am.yml").write_text("route: {receiver: none}\nreceivers: [{name: none}]\n")
    (folder / "alerts.yaml").write_text(configuration(folder, hook, chat, mailbox, ports[0]))
    (folder / "projects.yaml").write_text("projects: []\n")
    start = lambda command, **options: stack.callback(stop, subprocess.Popen(command, **options))
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    start([alertmanager, "--config.file", folder / "am.yml", "--storage.path", folder / "am",
           "--web.listen-address", f"127.0.0.1:{ports[0]}", "--cluster.listen-address="], **quiet)
    database = folder / "federation.db"
    environment = {
        "DATABASE_URL": f"sqlite:{database}", "NATS_URL": "none", "SERVICE_PORT": str(ports[1]),
        "ALERTS_FILE": str(folder / "alerts.yaml"), "PROJECTS_FILE": str(folder / "projects.yaml"),
        "HOOK_SECRET": SECRET, "SSL_CERT_FILE": str(cert), "PUBLIC_URL": "https://fed.example.org",
    }
    log = (folder / "log").open("w")
    start([federation, "serve"], env=environment, stderr=log)
    service, alerts = f"http://127.0.0.1:{ports[1]}", f"http://127.0.0.1:{ports[0]}/api/v2/alerts"
    until("the service is ready", lambda: get(f"{service}/readyz"))
    until("the Alertmanager answers", lambda: get(alerts) == [])

    enqueue(database, 1, "opened")
    firing = until("the alert fires", lambda: get(alerts))
    assert len(firing) == 1 and firing[0]["status"]["state"] in ("active", "unprocessed"), firing
    assert firing[0]["annotations"]["summary"] == HOSTILE, firing
    enqueue(database, 2, "resolved")
    until("the alert is resolved", lambda: get(alerts) == [])

    dead = lambda: [one for one in get(f"{service}/api/fed/notifications") if one["status"] != "delivered"]
    until("everything is delivered", lambda: dead() == [])
    verify = verifier(document)
    assert [body["type"] for body in hook.bodies()] == ["incident.opened", "incident.resolved"]
    for headers, body in hook.received:
        verify(SECRET, headers, body)
        try:
            verify(SECRET, headers, body + b" ")
        except ValueError:
            continue
        sys.exit("a changed body was accepted")
    assert len(mailbox.received) == 2 and "Subject: " in mailbox.received[0], mailbox.received
    texts = [body["text"] for body in chat.bodies()]
    assert len(texts) == 2 and "<!channel>" not in texts[0] and "@all" not in texts[0], texts


def stop(process):
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()


def main():
    federation, alertmanager, document = (os.path.abspath(path) for path in sys.argv[1:])
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        folder = pathlib.Path(folder)
        try:
            check(folder, (federation, alertmanager), document, stack)
        except BaseException:
            log = folder / "log"
            print(log.read_text() if log.exists() else "", file=sys.stderr)
            raise
    print("webhook, Alertmanager, Slack and email: ok")


main()
