#!/usr/bin/env bash
# With hidepid=invisible a process can't see its own user's processes of another user namespace, though it
# may signal them: psutil calls them gone.
#
# Guess:   /proc with hidepid=invisible (systemd's ProtectProc=invisible) hides the processes of other
#          users. A service that is restarted sees what it left running (KillMode=process) under its own
#          user, also with PrivateUsers=yes, which gives each start a user namespace of its own.
# Version: psutil 7.2.2, Linux 6.18; systemd 252 for what it means there.
# Seen:    the directory in /proc is gone, pid_exists(pid) is False and Process(pid) raises NoSuchProcess,
#          while kill(pid, 0) succeeds. A supervisor that looks for its workers takes them for dead after
#          `systemctl restart`, and may start others beside them.
#
#          same user namespace: in /proc True, Process True, pid_exists True, kill True
#          another one:         in /proc False, Process False, pid_exists False, kill True
#
# Needs root, to be another user and to mount /proc in a namespace of its own; unshare and setpriv (util-linux).
set -euo pipefail
[[ "$(id -u)" == 0 && -x /usr/bin/python3 ]] && command -v unshare setpriv >/dev/null ||
    { echo "Needs root, /usr/bin/python3, unshare and setpriv." >&2; exit 2; }
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
export HOME="$folder"
cd "$folder"
/usr/bin/python3 -m venv venv
venv/bin/pip install --quiet --only-binary :all: psutil==7.2.2
chmod -R a+rX "$folder"

cat >see.py <<'PYTHON'
import os
import sys

import psutil

pid = int(sys.argv[1])


def works(call):
    try:
        call()
    except (OSError, psutil.NoSuchProcess):
        return False
    return True


print(
    f"in /proc {os.path.isdir(f'/proc/{pid}')},"
    f" Process {works(lambda: psutil.Process(pid))},"
    f" pid_exists {psutil.pid_exists(pid)},"
    f" kill {works(lambda: os.kill(pid, 0))}"
)
PYTHON

cat >inside.sh <<'INSIDE'
set -euo pipefail
mount --make-rprivate /
mount -t proc -o hidepid=invisible proc /proc
as_service() { setpriv --reuid 12345 --regid 12345 --clear-groups "$@"; }
setpriv --reuid 12345 --regid 12345 --clear-groups sleep 600 &
left=$!
sleep 0.3
printf 'same user namespace: %s\n' "$(as_service "$PYTHON" see.py "$left")"
printf 'another one:         %s\n' "$(as_service unshare --user --map-current-user "$PYTHON" see.py "$left")"
kill "$left"
INSIDE
# A Python that any user may run: that of the system, with the package's folder.
export PYTHON=/usr/bin/python3
PYTHONPATH="$(echo "$folder"/venv/lib/python3*/site-packages)" \
    unshare --mount --pid --fork bash inside.sh | tee seen
diff seen - <<'SEEN'
same user namespace: in /proc True, Process True, pid_exists True, kill True
another one:         in /proc False, Process False, pid_exists False, kill True
SEEN
