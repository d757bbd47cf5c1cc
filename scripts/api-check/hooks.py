"""What valid requests have to keep to beyond what an OpenAPI document can say.

A schema tells of one value at a time. Where a value has to fit another one, requests that are meant to
be valid are made so here; those that are meant to be wrong stay as they are.
"""

import re

import schemathesis
from schemathesis.generation.meta import TestPhase

ENTITY_TAGS = re.compile(r'\*|(W/)?"[!#-~]*"( *, *(W/)?"[!#-~]*")*')
# The first event of a stream, which is the only one that is waited for.
READY = {
    "type": "object",
    "required": ["id", "event", "data"],
    "properties": {
        "id": {"pattern": "^[0-9]+$"},
        "event": {"enum": ["ready", "reset"]},
        "data": {"pattern": '^{"revision":[0-9]+}$'},
    },
}

SPAN = re.compile(r"[0-9]{1,9}(ms|s|m)")


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """What stands in a stream is described in words: OpenAPI 3.1 knows the schema of all of it alone."""
    for path in raw_schema["paths"].values():
        stream = path.get("get", {}).get("responses", {}).get("200", {}).get("content", {})
        if "text/event-stream" in stream:
            stream["text/event-stream"] = {"itemSchema": READY}


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
    """With an index a request waits until something changes: by default for five minutes."""
    query = case.query or {}
    if "index" in query and SPAN.fullmatch(str(query.get("wait", "5m"))):
        query["wait"] = "1ms"


def name_the_project_of_the_path(case):
    """A body that names a slug names that of the path."""
    slug = case.path_parameters.get("slug")
    if slug is not None and isinstance(case.body, dict):
        for key in ("slug", "project_slug"):
            if isinstance(case.body.get(key), str):
                case.body[key] = slug


def register_each_project_once(case):
    """The slugs of a bulk registration differ; that its items do is not enough."""
    if case.path == "/api/fed/projects/_bulk" and isinstance(case.body, list):
        seen = set()
        for place, item in enumerate(case.body):
            if item["slug"] in seen:
                item["slug"] = f"project-{place}"
            seen.add(item["slug"])


def ask_for_the_first_page(case):
    """A cursor belongs to its filters and its order, and is given, not made."""
    if case.path == "/api/fed/projects":
        case.query.pop("cursor", None)


def set_one_condition(case):
    """A project cannot both be there in some version and not be there.

    The version of an example is that of no project here. And where a header needs more than letters and
    digits, the coverage phase has no valid one and takes an invalid one for it.
    """
    if "If-Match" in case.headers:
        is_example = case.meta.phase.name is TestPhase.EXAMPLES
        if is_example or not ENTITY_TAGS.fullmatch(str(case.headers["If-Match"])):
            case.headers["If-Match"] = "*"
        case.headers.pop("If-None-Match", None)
