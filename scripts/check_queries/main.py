"""Checks the queries of dashboards and alerts against the metrics of a running service.

Usage: main.py FEDERATION NATS_SERVER PROMETHEUS
"""

import json
import sys
import tempfile
import time
import urllib.parse
from pathlib import Path

from processes import DEADLINE_SECONDS, Processes, Traffic, request, until
from promql import Query, placeholders, self_test

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "config/prometheus/federation.rules.yaml"
DASHBOARDS = sorted((ROOT / "config/grafana/dashboards").glob("*.json"))
# What Grafana replaces, and times that are too long for a test.
VARIABLES = {
    "$__rate_interval": "10s",
    "$__range": "10s",
    "$job": "federation",
    "$instance": ".+",
    "offset 15m": "offset 1s",
    ":1m]": ":1s]",
}


class Prometheus:
    """The HTTP API of Prometheus."""

    def __init__(self, url):
        self.url = url

    def get(self, path, **parameters):
        query = urllib.parse.urlencode(parameters)
        status, body = request(f"{self.url}/api/v1/{path}?{query}")
        answer = json.loads(body or "{}")
        if status != 200:
            raise ValueError(answer.get("error", f"status {status}"))
        return answer["data"]

    def query(self, text):
        result = self.get("query", query=text)
        if result["resultType"] != "vector":
            return [{}] if result["result"] else []
        return [sample["metric"] for sample in result["result"]]


def problems(prometheus, text, legend, needs_result):
    """Returns a sentence for each error in a query and its legend."""
    query = Query(text)
    series = [(selector, prometheus.query(selector)) for selector in query.selectors]
    yield from (f"{selector} has no series" for selector, found in series if not found)
    known = {label for _, found in series for metric in found for label in metric}
    results = prometheus.query(text)
    if needs_result:
        if not results:
            yield "the query has no result"
        known_in_legend = {label for metric in results for label in metric}
    else:
        known_in_legend = known | {"value"}
    yield from (f"no series has the label {label}" for label in query.grouping_labels - known)
    yield from (f"no result has the label {label}" for label in placeholders(legend) - known_in_legend)


def with_values(text):
    for name, value in VARIABLES.items():
        text = text.replace(name, value)
    return text


def dashboard_checks(path):
    """Yields the name of each query of a dashboard and a function that checks it."""
    board = json.loads(path.read_text())
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            selector, label = variable["definition"].removeprefix("label_values(").removesuffix(")").rsplit(", ", 1)
            yield f"{path.name}: ${variable['name']}", with_values(selector), f"{{{{{label}}}}}", True
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            name = f"{path.name}: {panel['title']} ({target['refId']})"
            yield name, with_values(target["expr"]), target["legendFormat"], True


def alert_checks(prometheus):
    for group in prometheus.get("rules")["groups"]:
        for rule in group["rules"]:
            template = " ".join(rule.get("annotations", {}).values())
            yield f"{RULES.name}: {rule['name']}", rule["query"], template, False


def shape_problems(path):
    """Yields errors in the structure of a dashboard that Grafana would not report."""
    board = json.loads(path.read_text())
    ids = [panel["id"] for panel in board["panels"]]
    if len(set(ids)) != len(ids):
        yield f"{path.name}: two panels have the same id"
    for panel in board["panels"]:
        if panel["type"] != "row" and not (panel["title"] and panel["description"]):
            yield f"{path.name}: panel {panel['id']} lacks a title or a description"


def check(prometheus, checks):
    """Repeats the checks until all pass, because series appear one after the other."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        failed = []
        for name, text, legend, needs_result in checks:
            try:
                found = list(problems(prometheus, text, legend, needs_result))
            except ValueError as error:
                found = [str(error)]
            failed += [f"{name}: {problem}\n    {text}" for problem in found]
        if not failed or time.monotonic() > deadline:
            return failed
        time.sleep(0.5)


def main():
    self_test()
    federation, nats, prometheus = (str(Path(program).resolve()) for program in sys.argv[1:])
    with tempfile.TemporaryDirectory() as folder, Processes(Path(folder)) as processes:
        nats_url = processes.nats(nats)
        service = processes.service(federation, nats_url)
        url = processes.prometheus(prometheus, service, RULES)
        api = Prometheus(url)
        with Traffic(service, nats_url, Path(folder)):
            until("a first scrape", lambda: api.query("up == 1"))
            checks = [check for path in DASHBOARDS for check in dashboard_checks(path)]
            checks += alert_checks(api)
            failed = [problem for path in DASHBOARDS for problem in shape_problems(path)]
            failed += check(api, checks)
    for problem in failed:
        print(problem, file=sys.stderr)
    print(f"{len(checks)} queries, {len(failed)} problems", file=sys.stderr)
    return 1 if failed or len(checks) < 20 else 0


if __name__ == "__main__":
    sys.exit(main())
