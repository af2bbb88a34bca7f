"""A description of the machine for tables of timings."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path


def facts(*distributions: str) -> str:
    """One line: processor, cores, load, Python and the versions of the named distributions."""
    load = f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "load unknown"
    parts = [processor(), f"{os.cpu_count()} cores", load, f"Python {platform.python_version()}"]
    return ", ".join(parts + [f"{name} {version(name)}" for name in distributions])


def processor() -> str:
    """The processor's name, as reported by the system."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
