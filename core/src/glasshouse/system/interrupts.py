"""Ctrl-C and termination signals, told from exceptions that code raises itself, and never swallowed by it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


@dataclass
class Interrupts:
    """What happened in a block."""

    received: bool = False
    """Whether a signal asked the process to end."""
    certain: bool = False
    """Whether Ctrl-C is noticed here: a KeyboardInterrupt without `received` was raised by the code itself."""


@contextmanager
def noticed_interrupts() -> Iterator[Interrupts]:
    """In the block SIGINT, SIGTERM and SIGHUP raise KeyboardInterrupt and are noticed.

    Handlers of others (of Lightning, of a notebook) stay, and so does everything outside the main thread.
    """
    noticed = Interrupts()
    owner = os.getpid()

    def interrupt(number: int, frame: FrameType | None) -> None:
        if os.getpid() != owner:  # a process that the block started by a fork ends as it would without us
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        noticed.received = True
        raise KeyboardInterrupt

    before = {}
    if threading.current_thread() is threading.main_thread():
        noticed.certain = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        for name, usual in (
            ("SIGINT", signal.default_int_handler),
            ("SIGTERM", signal.SIG_DFL),
            ("SIGHUP", signal.SIG_DFL),
        ):
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is usual:
                before[number] = signal.signal(number, interrupt)
    try:
        yield noticed
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
