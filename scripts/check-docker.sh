#!/usr/bin/env bash
# What can be checked of the container files without an engine: everything that the Dockerfile
# copies exists and is sent to the build, and the compose file is read without an error.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

DOCKERFILE=docker/Dockerfile
COMPOSE=docker/compose.yaml

# Each source of a COPY out of the build context; those --from another stage are made there.
while read -r -a words; do
  sources=("${words[@]:1:${#words[@]}-2}")
  for source in "${sources[@]}"; do
    [[ "$source" != --* ]] || continue
    [[ -e "$source" ]] || fail "$DOCKERFILE copies $source, which is not there"
    grep -qxF -e "!${source%%/*}" -e "!$source" .dockerignore ||
      fail "$DOCKERFILE copies $source, which .dockerignore leaves out"
  done
done < <(grep -E '^COPY ' "$DOCKERFILE" | grep -v -e '--from=')

if docker compose version >/dev/null 2>&1; then
  docker compose --file "$COMPOSE" config --quiet || fail "$COMPOSE is not valid"
elif python3 -c 'import yaml' >/dev/null 2>&1; then
  python3 -c 'import sys, yaml; yaml.safe_load(open(sys.argv[1]))' "$COMPOSE" ||
    fail "$COMPOSE is no YAML"
else
  say "$COMPOSE itself is not checked: neither docker compose nor Python's yaml is here"
fi
