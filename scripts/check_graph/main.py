"""Checks the formats of the graph with the programs that read them, and the picture in README.md."""

import json
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from check_queries.processes import Processes, request, until  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent

# Names that try to break out of a format.
HOSTILE = [
    'a"]; evil [label="x',
    '</data></node><node id="evil">',
    "]] --> evil[x",
    'a`b`"**bold** <script>alert(1)</script>',
    "back\\slash \\N \\",
    "#quot; &quot; &amp; %%{init: {}}%%",
    "1. list \u202ertl \ufffe",
    "]]>--> \U0001f980 ä",
    "- end",
    "subgraph",
]

# The example of README.md: what it declares, and the projects that send heartbeats.
EXAMPLE = """projects:
  - {slug: portal, name: Portal, hub_url: "http://localhost:8003", mesh_namespace: hub.portal, depends_on: [docs, veria]}
  - {slug: docs, name: Docs, hub_url: "http://localhost:8100", mesh_namespace: hub.docs, depends_on: [veria, {project: bus, kind: queue}]}
  - {slug: veria, name: Veria, hub_url: "http://localhost:8200", mesh_namespace: hub.veria}
  - {slug: bus, name: Bus, hub_url: "http://localhost:8300", mesh_namespace: hub.bus}
"""
ALIVE = ["portal", "docs", "bus"]

PICTURE = re.compile(r"(<!-- drawn by scripts/check-graph.sh -->\n```mermaid\n)(.*?)(```\n)", re.DOTALL)


def fail(why):
    raise SystemExit(f"check-graph: {why}")


def main(program, folder, schema, parser, update=None):
    folder = pathlib.Path(folder)
    with Processes(folder) as processes:
        url = service(processes, folder, program, "hostile", "projects: []\n")
        names = declare(url)
        for query, expected in [("", names), ("&group=tag", None)]:
            dot(url, folder, query, expected)
            graphml(url, folder, query, schema, expected)
            mermaid(url, folder, query, parser, expected)
        url = service(processes, folder, program, "example", EXAMPLE)
        picture(url, update)
    print("check-graph: the formats are valid, and README.md is up to date", file=sys.stderr)


def service(processes, folder, program, name, projects):
    """Starts a service without NATS. Projects are offline after a second of silence."""
    (folder / f"{name}.yaml").write_text(projects)
    log = processes.start(
        name,
        [program, "serve"],
        DATABASE_URL=f"sqlite:{folder}/{name}.db",
        PROJECTS_FILE=f"{folder}/{name}.yaml",
        NATS_URL="none",
        SERVICE_PORT="0",
        HEARTBEAT_INTERVAL_SECONDS="0.3",
    )
    address = until("the service", lambda: re.search(r"address=(127\.0\.0\.1:\d+)", log.read_text()))[1]
    until("the service to be ready", lambda: request(f"http://{address}/readyz")[0] == 200)
    return f"http://{address}/api/fed"


def declare(url):
    """Registers projects with hostile names and tags, each of which uses the next one."""
    for place, name in enumerate(HOSTILE):
        project = {"slug": f"p{place}", "name": name, "hub_url": "http://h", "mesh_namespace": f"hub.p{place}", "tags": [name]}
        status, body = request(f"{url}/projects", json.dumps(project))
        if status != 201:
            fail(f"registration of {name!r}: {status} {body}")
    for place in range(len(HOSTILE)):
        status, _ = request(f"{url}/edges/p{place}/p{(place + 1) % len(HOSTILE)}/api", method="PUT")
        if status != 201:
            fail(f"edge {place}: {status}")
    return HOSTILE


def fetched(url, folder, form, query):
    status, body = request(f"{url}/graph?format={form}{query}")
    if status != 200:
        fail(f"{form}: {status} {body}")
    file = folder / f"graph.{form}"
    file.write_text(body, encoding="utf-8")
    return file


def ran(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0 or "syntax error" in done.stderr:
        fail(f"{command[0]} refuses the graph: {done.stderr.strip()}")
    return done.stdout


def compare(form, found, expected, edges):
    if expected is not None and sorted(found) != sorted(expected):
        fail(f"{form}: the labels are {sorted(found)}, expected {sorted(expected)}")
    if (len(found), edges) != (len(HOSTILE), len(HOSTILE)):
        fail(f"{form}: {len(found)} nodes and {edges} edges, expected {len(HOSTILE)} of each")


def dot(url, folder, query, expected):
    drawn = json.loads(ran("dot", "-Tjson", fetched(url, folder, "dot", query)))
    ran("dot", "-Tsvg", "-o", folder / "graph.svg", folder / "graph.dot")
    # The picture has the labels as people see them.
    svg = ElementTree.parse(folder / "graph.svg").iter("{http://www.w3.org/2000/svg}text")
    texts = [text.text for text in svg if text.text != "api" and not text.text.isdigit()]
    expected = [name.replace("\ufffe", "\ufffd") for name in expected] if expected else None
    seen = [text.replace("\u00a0", " ") for text in texts]
    compare("dot", seen, expected, len(drawn["edges"]))


def graphml(url, folder, query, schema, expected):
    file = fetched(url, folder, "graphml", query)
    ran("xmllint", "--nonet", "--noout", "--schema", schema, file)
    names = {"g": "http://graphml.graphdrawing.org/xmlns"}
    graph = ElementTree.parse(file).getroot().find("g:graph", names)
    labels = [one.find("g:data[@key='label']", names).text for one in graph.findall("g:node", names)]
    # XML has no place for this character.
    expected = [name.replace("\ufffe", "\ufffd") for name in expected] if expected else None
    compare("graphml", labels, expected, len(graph.findall("g:edge", names)))


def mermaid(url, folder, query, parser, expected):
    parsed = json.loads(ran("node", parser, fetched(url, folder, "mermaid", query)))
    compare("mermaid", [node["label"] for node in parsed["nodes"]], expected, len(parsed["edges"]))


def picture(url, update):
    """Compares the picture in README.md with the graph of the example."""

    def drawn():
        for slug in ALIVE:
            request(f"{url}/projects/{slug}/heartbeat", method="POST")
        text = request(f"{url}/graph?format=mermaid")[1]
        is_settled = text.count(":::online") == len(ALIVE) and text.count(":::offline") == 1
        return text if is_settled else None

    text = until("the statuses of the example", drawn)
    readme = ROOT / "README.md"
    old = readme.read_text()
    new = PICTURE.sub(lambda found: found[1] + text + found[3], old)
    if not PICTURE.search(old):
        fail("README.md has no picture")
    if update:
        readme.write_text(new)
    elif new != old:
        fail("the picture in README.md is out of date; run ./scripts/check-graph.sh --update")


main(*sys.argv[1:])
