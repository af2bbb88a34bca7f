"""What a library call must not change, in values that compare; the standard library alone."""

from __future__ import annotations

import logging
import os
import random
import signal
import sys
import warnings
from typing import Any


def standard_state() -> dict[str, Any]:
    """Warning filters, environment, import path, signal handlers and Python's random state."""
    return {
        "filters": list(map(str, warnings.filters)),
        "formats": [warnings.showwarning, warnings.formatwarning],
        "environment": dict(os.environ),
        "path": list(sys.path),
        "signals": {number: signal.getsignal(number) for number in signal.valid_signals()},
        "random": random.getstate(),
    }


def logger_state() -> dict[str, Any]:
    """Level, propagation and handlers of every logger that exists."""
    known = {"root": logging.getLogger(), **logging.root.manager.loggerDict}
    return {
        name: (each.level, each.propagate, each.disabled, list(each.handlers))
        for name, each in known.items()
        if isinstance(each, logging.Logger)
    }
