# What the scripts share; sourced, never run. Needs bash 3.2 (macOS) and nothing else.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$root"

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "error: $1"
    shift
    for line in "$@"; do say "  $line"; done
    exit 1
}

# Every ORCHESTRATOR_ variable of the caller's shell would change what a script shows or tests.
without_settings() {
    local name
    for name in "${!ORCHESTRATOR_@}"; do unset "$name"; done
}
