"""Checks the Kubernetes manifests: against the schemas of Kubernetes, and against the service."""

import re
import sys
from pathlib import Path

import kubernetes_validate
import yaml

ROOT = Path(__file__).resolve().parents[2]
MANIFESTS = ROOT / "config/kubernetes/federation.yaml"
# The newest and the oldest version that are checked.
VERSIONS = ["1.37", "1.30"]
# Time in which the service finishes requests and writes the last checkpoint, after SHUTDOWN_DELAY.
STOP_SECONDS = 10


def schema_problems(documents):
    for document in documents:
        name = f"{document['kind']} {document['metadata']['name']}"
        for version in VERSIONS:
            try:
                kubernetes_validate.validate(document, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                yield f"{name}, Kubernetes {version}: {error.message}"


def by_kind(documents, kind, name="federation"):
    return next(d for d in documents if d["kind"] == kind and d["metadata"]["name"] == name)


def problems(documents):
    settings = set(re.findall(r"^\| `([A-Z_]+)`", (ROOT / "docs/CONFIGURATION.md").read_text(), re.MULTILINE))
    routes = (ROOT / "crates/http/src/routes").rglob("*.rs")
    paths = set(re.findall(r'path = "(/[^"]*)"', "".join(path.read_text() for path in routes)))
    config = by_kind(documents, "ConfigMap")["data"]
    secret = by_kind(documents, "Secret")["stringData"]
    deployment = by_kind(documents, "Deployment")["spec"]
    pod = deployment["template"]["spec"]
    container = pod["containers"][0]

    yield from (f"{name} is no setting" for name in {*config, *secret} - settings)
    for probe, path in ("livenessProbe", "/livez"), ("readinessProbe", "/readyz"):
        got = container[probe]["httpGet"]["path"]
        if got != path or got not in paths:
            yield f"{probe}: expected {path}, which the service serves, got {got}"
    grace, delay = pod["terminationGracePeriodSeconds"], float(config["SHUTDOWN_DELAY"])
    if grace < delay + STOP_SECONDS:
        yield f"terminationGracePeriodSeconds: expected at least {delay + STOP_SECONDS}, got {grace}"

    mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
    for name in "PROJECTS_FILE", "FEDERATION_KEYS_FILE":
        folder = str(Path(config[name]).parent)
        if folder not in mounts:
            yield f"{name}: expected a file in a mounted volume, got {config[name]}"
    if any("subPath" in mount for mount in container["volumeMounts"]):
        yield "a volume with subPath is not updated while the pod runs"
    volumes = {volume["name"] for volume in pod["volumes"]}
    yield from (f"no volume {m['name']}" for m in container["volumeMounts"] if m["name"] not in volumes)

    labels = deployment["template"]["metadata"]["labels"]
    budget = by_kind(documents, "PodDisruptionBudget")["spec"]
    selectors = {
        "Deployment": deployment["selector"]["matchLabels"],
        "Service": by_kind(documents, "Service")["spec"]["selector"],
        "PodDisruptionBudget": budget["selector"]["matchLabels"],
        "NetworkPolicy": by_kind(documents, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
    }
    for kind, selector in selectors.items():
        if not selector.items() <= labels.items():
            yield f"the {kind} does not select the pods"
    if deployment["replicas"] <= budget["maxUnavailable"]:
        yield "the PodDisruptionBudget permits that no pod remains"
    yield from hardening_problems(pod, container)


def hardening_problems(pod, container):
    expected = {
        "runAsNonRoot": (pod["securityContext"], True),
        "readOnlyRootFilesystem": (container["securityContext"], True),
        "allowPrivilegeEscalation": (container["securityContext"], False),
        "automountServiceAccountToken": (pod, False),
    }
    for name, (place, value) in expected.items():
        if place.get(name) is not value:
            yield f"{name}: expected {value}, got {place.get(name)}"
    if container["securityContext"]["capabilities"] != {"drop": ["ALL"]}:
        yield "the container keeps capabilities"


def main():
    documents = [document for document in yaml.safe_load_all(MANIFESTS.read_text()) if document]
    found = list(schema_problems(documents)) or list(problems(documents))
    for problem in found:
        print(f"{MANIFESTS.relative_to(ROOT)}: {problem}", file=sys.stderr)
    print(f"{len(documents)} manifests, {len(found)} problems", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
