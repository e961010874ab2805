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

# Prints the comment at the top of the script that runs, and ends it.
show_usage() {
    awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$root/scripts/${0##*/}"
    exit 0
}

# For scripts without options of their own.
answer_help() {
    case "${1-}" in -h | --help) show_usage ;; esac
}

# Every ORCHESTRATOR_ variable of the caller's shell would change what a script shows or tests.
without_settings() {
    local name
    for name in "${!ORCHESTRATOR_@}"; do unset "$name"; done
}
