"""A time limit on a block of code, within the same process."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

REPEAT_SECONDS = 10.0
"""The alarm repeats after this many seconds, in case a bare `except` caught the first one."""


class TimeLimitPassed(BaseException):
    """Not an `Exception`, so that `except Exception` in the limited code does not swallow it."""


def can_limit_time() -> bool:
    """Whether a limit is possible: it needs SIGALRM, which Windows lacks and only the main thread receives."""
    return hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Raise `TimeLimitPassed` in the block after `seconds`; no limit for None or where `can_limit_time` is false.

    Python handles the alarm between two bytecodes, so a native call that never returns is not interrupted.

    Raises:
        TimeLimitPassed: in the block.
    """
    if seconds is None or not can_limit_time():
        yield
        return

    def raise_timeout(number: int, frame: FrameType | None) -> None:
        raise TimeLimitPassed(f"passed its limit of {seconds:g} s")

    before = signal.signal(signal.SIGALRM, raise_timeout)
    signal.setitimer(signal.ITIMER_REAL, seconds, REPEAT_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
