"""Rules for valid requests that an OpenAPI document cannot express.

A schema describes one value at a time. These hooks adjust positive test cases in which a value depends
on another one. Negative test cases do not change.
"""

import os
import re

import schemathesis
from schemathesis.generation.meta import TestPhase

ENTITY_TAGS = re.compile(r'\*|(W/)?"[!#-~]*"( *, *(W/)?"[!#-~]*")*')
SPAN = re.compile(r"[0-9]{1,9}(ms|s|m)")


@schemathesis.hook
def before_call(context, case, kwargs):
    wait_for_no_change(case)
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    name_the_project_of_the_path(case)
    register_each_project_once(case)
    ask_for_the_first_page(case)
    name_metrics(case)
    plan_a_window(case)
    name_the_run(case)
    select_targets(case)
    combine_parameters(case)
    set_one_condition(case)


def wait_for_no_change(case):
    """Shortens long polls, which wait for a change for five minutes by default."""
    query = case.query or {}
    if "index" in query and SPAN.fullmatch(str(query.get("wait", "5m"))):
        query["wait"] = "1ms"


def name_the_project_of_the_path(case):
    """Sets the slug in a body to that of the path."""
    slug = case.path_parameters.get("slug")
    if slug is not None and isinstance(case.body, dict):
        for key in ("slug", "project_slug"):
            if isinstance(case.body.get(key), str):
                case.body[key] = slug


def register_each_project_once(case):
    """Makes the slugs of a bulk registration unique. Unique items are not enough."""
    if case.path == "/api/fed/projects/_bulk" and isinstance(case.body, list):
        seen = set()
        for place, item in enumerate(case.body):
            if item["slug"] in seen:
                item["slug"] = f"project-{place}"
            seen.add(item["slug"])


def ask_for_the_first_page(case):
    """Removes cursors, which clients cannot construct."""
    if case.path == "/api/fed/projects":
        case.query.pop("cursor", None)


def name_metrics(case):
    """Gives metrics valid names, which the schema of an object with any keys does not describe."""
    if case.path.endswith("/metrics") and isinstance(case.body, dict):
        values = list(case.body["metrics"].values()) or [1]
        case.body["metrics"] = {f"metric.{place}": value for place, value in enumerate(values)}


def plan_a_window(case):
    """Gives a maintenance window one end and either all projects or some."""
    if case.path.startswith("/api/fed/maintenance") and isinstance(case.body, dict):
        given = {key: sorted(set(case.body.get(key) or [])) for key in ("projects", "tags")}
        covers = {key: names for key, names in given.items() if names}
        weekly = {"days": ["sun"], "at": "02:30", "duration": "2h", "zone": "Europe/Berlin"}
        recurrence = {"weekly": weekly} if case.body.get("weekly") else {"duration": "2h"}
        case.body = (covers or {"all": True}) | recurrence | {"reason": case.body["reason"]}


def name_the_run(case):
    """Half of the ids of runs become that of the run that api-check.sh started."""
    if case.path.startswith("/api/fed/actions/{id}") and case.path_parameters["id"] < "8":
        case.path_parameters["id"] = os.environ["ACTION_RUN"]


def select_targets(case):
    """Orders an action that a project permits, of all projects unless the order has other criteria."""
    if case.path == "/api/fed/actions" and isinstance(case.body, dict):
        criteria = {key: value for key, value in case.body["targets"].items() if value and key != "all"}
        case.body["targets"] = criteria or {"all": True}
        case.body.update(action="rag.query", timeout="1s")
        case.headers.pop("Idempotency-Key", None)


def combine_parameters(case):
    """Removes parameters that need another one, or that exclude another one."""
    query = case.query or {}
    if case.path == "/api/fed/graph":
        if "around" in query or "include" in query:
            query.pop("group", None)
        if "around" not in query:
            query.pop("depth", None)
            query.pop("direction", None)
    if case.path == "/api/fed/projects" and "sort" in query:
        query.pop("min_risk", None)


def set_one_condition(case):
    """Removes one of two contradictory preconditions and sets a valid entity tag.

    The entity tag of an example matches no project here. The coverage phase uses invalid values for
    headers that need more than letters and digits.
    """
    if "If-Match" in case.headers:
        is_example = case.meta.phase.name is TestPhase.EXAMPLES
        if is_example or not ENTITY_TAGS.fullmatch(str(case.headers["If-Match"])):
            case.headers["If-Match"] = "*"
        case.headers.pop("If-None-Match", None)
