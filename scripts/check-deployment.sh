#!/usr/bin/env bash
# Checks the Kubernetes manifests against the schemas of Kubernetes, and how far the systemd unit
# restricts the service.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

UNIT=config/systemd/federation.service
# Of 10. The threshold of systemd-analyze is the exposure multiplied by ten.
MAX_EXPOSURE=20

./scripts/get-kubernetes-validate.sh
.tools/kubernetes-validate/bin/python scripts/check_deployment/manifests.py ||
  fail "the Kubernetes manifests are invalid"

if has systemd-analyze && systemd-analyze security --help 2>/dev/null | grep -q -- --offline; then
  systemd-analyze security --offline=true --threshold="$MAX_EXPOSURE" --no-pager "$UNIT" >/dev/null ||
    fail "$UNIT: systemd-analyze security --offline=true reports an exposure above 2.0"
else
  say "$UNIT was not checked: systemd-analyze 250 or newer is not available"
fi
