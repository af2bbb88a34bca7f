"""A time limit on a block of code, within the same process."""

from __future__ import annotations

import _thread
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

REPEAT_SECONDS = 10.0
"""The alarm repeats after this many seconds, in case the code caught the first one."""

MOST_RAISED = 10_000
"""Exceptions that the code may catch before the process is ended."""

STUCK = 3
"""Exit code of a process that is ended so: an audit in error, and no record."""


class TimeLimitPassed(BaseException):
    """Not an `Exception`, so that `except Exception` in the limited code does not swallow it."""


def can_limit_time() -> bool:
    """Whether a limit is possible: it needs SIGALRM, which Windows lacks and only the main thread receives."""
    return hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()


@contextmanager
def time_limit(seconds: float | None, *, repeat: float = REPEAT_SECONDS) -> Iterator[None]:
    """Raise `TimeLimitPassed` in the block after `seconds`; no limit for None or where `can_limit_time` is false.

    Code that catches the first alarm (``except BaseException: pass`` in a loop) is ended by the second: from then on
    every step at which Python looks for signals raises, also within `except` and `finally`, until the block is left.
    Python 3.12 does not look between such an `except` and the next turn of the loop; there, after `MOST_RAISED`
    exceptions, the process is ended with exit code `STUCK`.

    Python handles the alarm between two bytecodes, so a native call that never returns is not interrupted.

    Raises:
        TimeLimitPassed: in the block.
    """
    if seconds is None or not can_limit_time():
        yield
        return
    passed = TimeLimitPassed(f"passed its limit of {seconds:g} s")
    owner = sys._getframe(2)  # the function with the block; in between is contextlib
    again = _Again()
    raised = 0

    def raise_timeout(number: int, frame: FrameType | None) -> None:
        nonlocal raised
        if _leaves_a_block(frame, owner):
            return
        raised += 1
        if raised > MOST_RAISED:
            _end_process(seconds)
        if raised > 1:
            again[number]  # a call would look for signals at once, and find this one, before the line below
        raise passed

    before = signal.signal(signal.SIGALRM, raise_timeout)
    signal.setitimer(signal.ITIMER_REAL, seconds, repeat)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class _Again(dict[int, None]):
    """``again[number]`` makes the signal pending; `signal.raise_signal` would handle it at once."""

    __missing__ = _thread.interrupt_main


def _leaves_a_block(frame: FrameType | None, owner: FrameType) -> bool:
    """Whether `owner` is leaving a `with` block, where an exception would keep the exits of the block from running."""
    while frame is not None and frame.f_back is not owner:
        frame = frame.f_back
    return frame is not None and frame.f_code.co_filename == contextlib.__file__


def _end_process(seconds: float) -> None:
    message = f"error: code that passed its limit of {seconds:g} s catches every exception; the process ends.\n"
    os.write(2, message.encode())
    os._exit(STUCK)
