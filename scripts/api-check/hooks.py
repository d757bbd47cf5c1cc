"""Rules for valid requests that an OpenAPI document cannot express.

A schema describes one value at a time. These hooks adjust positive test cases in which a value depends
on another one. Negative test cases do not change.
"""

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
