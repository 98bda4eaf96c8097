"""Replaces itself by a command that dies with its supervisor; run as a script: ``launch.py SUPERVISOR_PID COMMAND…``.

A script of its own, on the standard library alone, because nothing but exec is safe after a fork in a threaded parent.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_CANNOT_START = 127


def main(arguments: list[str]) -> int:
    """Ask the kernel to kill this process when its parent dies, then become the command."""
    parent, *command = arguments
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(parent):  # the supervisor died before the kernel was asked
        return _CANNOT_START
    try:
        os.execvp(command[0], command)  # noqa: S606 - no shell is wanted
    except OSError as error:
        sys.stderr.write(f"cannot start {command[0]}: {error.strerror}\n")
        return _CANNOT_START


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
