#!/usr/bin/env bash
# Checks the Kubernetes manifests against the schemas of Kubernetes, and against the service.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

./scripts/get-kubernetes-validate.sh
.tools/kubernetes-validate/bin/python scripts/check_deployment/manifests.py ||
  fail "the Kubernetes manifests are invalid"
