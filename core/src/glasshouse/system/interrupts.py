"""Ctrl-C and termination signals, told from exceptions that code raises itself, and never swallowed by it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any


@dataclass(eq=False)
class Interrupts:
    """What happened in a block."""

    received: bool = False
    """Whether a signal asked the process to end."""
    certain: bool = False
    """Whether Ctrl-C is noticed here: a KeyboardInterrupt without `received` was raised by the code itself."""


_noticing: list[Interrupts] = []
"""The blocks that this process is in, the outermost first."""


@contextmanager
def noticed_interrupts() -> Iterator[Interrupts]:
    """In the block SIGINT, SIGTERM and SIGHUP raise KeyboardInterrupt and are noticed; blocks may be nested.

    Handlers of others (of Lightning, of a notebook) stay, and so does everything outside the main thread.
    """
    before = {} if _noticing else _installed()
    certain = _noticing[0].certain if _noticing else signal.SIGINT in before
    noticed = Interrupts(certain=certain)
    _noticing.append(noticed)
    try:
        yield noticed
    finally:
        _noticing.remove(noticed)
        for number, handler in before.items():
            signal.signal(number, handler)


def _installed() -> dict[int, Any]:
    """Install the handlers where nobody else has one, and return what was there."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    owner = os.getpid()

    def interrupt(number: int, frame: FrameType | None) -> None:
        if os.getpid() != owner:  # a process that the block started by a fork ends as it would without us
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        for noticed in _noticing:
            noticed.received = True
        raise KeyboardInterrupt

    usual = {"SIGINT": signal.default_int_handler, "SIGTERM": signal.SIG_DFL, "SIGHUP": signal.SIG_DFL}
    numbers = {getattr(signal, name): handler for name, handler in usual.items() if hasattr(signal, name)}
    return {n: signal.signal(n, interrupt) for n, handler in numbers.items() if signal.getsignal(n) is handler}
