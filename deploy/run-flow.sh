#!/usr/bin/env bash
# The five steps of a trade against the running system: the same as `make demo`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
exec make demo
