"""Becomes a program some of whose arguments other users don't see (ptrace(2), proc(5); Linux).

Every user of a machine sees the arguments of its processes, and ffmpeg takes the address that it
writes to, with a stream key in it, from nowhere else. The environment only its own user can read.
So ``$NAME`` is what stands in ``/proc/PID/cmdline``, and the program gets the value of the variable
NAME instead: a process that traces it sets the pointer in `argv`, between exec and its first
instruction, and ends.
Run as a script; it imports nothing of ours. The program ends when its parent does.
"""

from __future__ import annotations

import ctypes
import os
import signal
import struct
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_PR_SET_PTRACER = 0x59616D61
_ANY = ctypes.c_ulong(-1).value
_PTRACE_CONT, _PTRACE_DETACH, _PTRACE_SEIZE = 7, 17, 0x4206  # linux/ptrace.h
_OPTION_TRACEEXEC, _EVENT_EXEC = 0x10, 4
_STACK_FIELD = 28  # of /proc/PID/stat: the address of argc when the program begins
_WORD = struct.Struct("@P")
_LONGEST = 16_384

CANNOT_HIDE = 125
"""Exit code when the system doesn't let one process trace another."""


def launcher() -> tuple[str, ...]:
    """What comes before a program's own command line to start it in this way.

    Empty where there is no such way: its arguments then have to be the values themselves.
    """
    if not sys.platform.startswith("linux"):
        return ()
    return (sys.executable, "-I", "-S", __file__, str(os.getpid()))


def main(arguments: list[str]) -> None:
    """Becomes the program: arguments are the parent's pid, the program, and its arguments."""
    parent, *argv = arguments
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PTRACER, _ANY)  # Yama lets only parents trace
    traced, ready = os.pipe()
    program = os.getpid()
    if not (child := os.fork()):
        if not os.fork():  # of nobody we wait for: the program gets no child of ours
            os.close(traced)
            _trace(program, ready)
        os._exit(0)
    os.close(ready)
    os.waitpid(child, 0)
    if os.read(traced, 1) != b"1":
        sys.stderr.write("[fatal] arguments can't be hidden: ptrace is forbidden\n")
        sys.stderr.flush()
        os._exit(CANNOT_HIDE)
    os.close(traced)
    libc.prctl(_PR_SET_PTRACER, 0)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(parent):  # it has ended already
        os.kill(os.getpid(), signal.SIGKILL)
    os.execv(argv[0], argv)


def _trace(pid: int, ready: int) -> None:
    """Waits for the exec of this process, sets its arguments, and lets it go."""
    try:
        _ptrace(_PTRACE_SEIZE, pid, _OPTION_TRACEEXEC)
        os.write(ready, b"1")
        os.close(ready)
        while True:
            _, status = os.waitpid(pid, 0)
            if not os.WIFSTOPPED(status):
                return
            if status >> 8 == signal.SIGTRAP | _EVENT_EXEC << 8:
                break
            _ptrace(_PTRACE_CONT, pid, os.WSTOPSIG(status))
        try:
            _set_arguments(pid)
        except (OSError, ValueError):
            os.kill(pid, signal.SIGKILL)
            raise
        finally:
            _ptrace(_PTRACE_DETACH, pid, 0)
    except OSError:
        os._exit(1)


def _set_arguments(pid: int) -> None:
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        fields = file.read().rpartition(")")[2].split()
    stack = int(fields[_STACK_FIELD - 3])
    with open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:

        def text(at: int) -> bytes:
            return os.pread(memory.fileno(), _LONGEST, at).partition(b"\0")[0]

        def pointers(at: int) -> list[int]:
            found = []
            while pointer := _WORD.unpack(os.pread(memory.fileno(), _WORD.size, at))[0]:
                found.append(pointer)
                at += _WORD.size
            return found

        first = stack + _WORD.size
        argv = pointers(first)
        values = {}
        for pointer in pointers(first + (len(argv) + 1) * _WORD.size):
            name, _, _ = text(pointer).partition(b"=")
            values[name] = pointer + len(name) + 1
        for number, pointer in enumerate(argv):
            argument = text(pointer)
            if argument[:1] == b"$" and argument[1:] in values:
                place = first + number * _WORD.size
                os.pwrite(memory.fileno(), _WORD.pack(values[argument[1:]]), place)


def _ptrace(request: int, pid: int, data: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long] * 4
    libc.ptrace.restype = ctypes.c_long
    ctypes.set_errno(0)
    if libc.ptrace(request, pid, 0, data) == -1:
        raise OSError(ctypes.get_errno(), "ptrace")


if __name__ == "__main__":
    main(sys.argv[1:])
