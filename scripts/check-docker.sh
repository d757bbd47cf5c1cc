#!/usr/bin/env bash
# Checks the container files without a container engine: everything that the Dockerfile copies exists
# and is part of the build context, and the compose file can be parsed.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

DOCKERFILE=docker/Dockerfile
COMPOSE=docker/compose.yaml

# Checks each source of a COPY from the build context, but not from another stage.
while read -r -a words; do
  sources=("${words[@]:1:${#words[@]}-2}")
  for source in "${sources[@]}"; do
    [[ "$source" != --* ]] || continue
    [[ -e "$source" ]] || fail "$DOCKERFILE copies $source, which does not exist"
    grep -qxF -e "!${source%%/*}" -e "!$source" .dockerignore ||
      fail "$DOCKERFILE copies $source, which .dockerignore excludes"
  done
done < <(grep -E '^COPY ' "$DOCKERFILE" | grep -v -e '--from=')

# Checks each file and folder of the repository that the compose file mounts.
while read -r source; do
  [[ -e "docker/$source" ]] || fail "$COMPOSE mounts $source, which does not exist"
done < <(sed -n 's/^ *- \(\.\.\/[^:]*\):.*/\1/p' "$COMPOSE")

if docker compose version >/dev/null 2>&1; then
  docker compose --file "$COMPOSE" config --quiet || fail "$COMPOSE is not valid"
elif python3 -c 'import yaml' >/dev/null 2>&1; then
  python3 -c 'import sys, yaml; yaml.safe_load(open(sys.argv[1]))' "$COMPOSE" ||
    fail "$COMPOSE is not valid YAML"
else
  say "$COMPOSE was not parsed: neither docker compose nor the yaml module of Python is available"
fi
