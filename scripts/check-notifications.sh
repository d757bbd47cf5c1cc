#!/usr/bin/env bash
# Checks each type of channel against a receiver that is not ours: a real Alertmanager, an SMTP server
# with STARTTLS, and a webhook that verifies signatures as docs/NOTIFICATIONS.md shows. Takes about 15 s.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

require_rust
has python3 || apt_install python3
has openssl || apt_install openssl
./scripts/get-alertmanager.sh
build_debug federation --quiet
run python3 scripts/check_notifications/main.py "$BINARIES/federation" \
  .tools/bin/alertmanager docs/NOTIFICATIONS.md || fail "a channel does not work"
