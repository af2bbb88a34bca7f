"""Ending what takes too long, from inside the same process."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

REPEAT_SECONDS = 10.0
"""Seconds after which what took no notice is told again."""


class TimeLimitPassed(BaseException):
    """No `Exception`, so that code which catches those does not go on regardless."""


def can_limit_time() -> bool:
    """Whether time can be limited here: by an alarm, which Windows lacks and which only a main thread hears."""
    return hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Raise in the block once `seconds` are over; None, or a place where time cannot be limited, sets no limit.

    The alarm is heard between two steps of Python: one call of native code that never returns is not ended by it.

    Raises:
        TimeLimitPassed: in the block.
    """
    if seconds is None or not can_limit_time():
        yield
        return

    def ring(number: int, frame: FrameType | None) -> None:
        raise TimeLimitPassed(f"passed its limit of {seconds:g} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, REPEAT_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
