"""Gates run in a child process, because code of a plugin may end its process without a result (`os._exit`).

The parent waits, imports nothing, and tells a result from an end without one. It needs `os.fork`; without it the
command runs in this process.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from types import FrameType

NO_RESULT = 3
"""Exit code of a gate whose process ended without a result."""


def is_gate(argv: Sequence[str]) -> bool:
    """Whether a command line asks for a verdict by its exit code."""
    return "--gate" in argv or argv[:1] == ["check"]


def in_child_process(command: Callable[[], int]) -> int:
    """Run a command in a child process and return its exit code there and here.

    Returns:
        The command's code; `NO_RESULT` if the process ended with any code before it had one; 128 and the signal's
        number if a signal ended it.
    """
    if not hasattr(os, "fork"):
        return command()
    read, write = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        os.close(read)
        _end_with_parent()
        code = command()
        os.write(write, bytes([code]))
        os.close(write)
        return code
    os.close(write)

    def pass_on(number: int, frame: FrameType | None) -> None:
        os.kill(child, number)

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to both
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, pass_on)
    _, status = os.waitpid(child, 0)
    os.set_blocking(read, False)  # a process that the child started may hold the other end
    try:
        said = os.read(read, 1)
    except BlockingIOError:
        said = b""
    if said:
        return said[0]
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        return 128 - code
    print(f"error: glasshouse: the process ended with code {code} before it had a result.", file=sys.stderr)
    print("       Code of a model, the data or a plugin called os._exit; leave it out.", file=sys.stderr)
    return NO_RESULT


def _end_with_parent() -> None:
    """Ask Linux to kill this process if its parent is killed, as the command itself would have been."""
    if sys.platform != "linux":
        return
    import ctypes

    set_parent_death_signal = 1
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)
