"""Reproducibility metadata: versions, plugins, git commit, hardware, data fingerprint."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glasshouse.plugins.lock.lock_file import Lock, differences, lock_of
from glasshouse.system.redaction import redact

if TYPE_CHECKING:
    from glasshouse.plugins import Registry

_LIBRARIES = ("torch", "pytorch-lightning", "numpy", "scipy", "pyarrow", "scikit-learn", "captum", "shap", "fairlearn")


def provenance(registry: Registry, *, command: list[str], seed: int, data_fingerprint: str | None) -> dict[str, Any]:
    """Versions, plugins, command, git commit, hardware and data fingerprint: the content of `provenance.json`."""
    return {
        "python": platform.python_version(),
        "versions": {name: version for name in _LIBRARIES if (version := _version(name)) is not None},
        **lock_of(registry.loaded).to_dict(),
        "command": redact(command),
        "seed": seed,
        "git": git_state(),
        "hardware": hardware(),
        "data_fingerprint": data_fingerprint,
    }


def with_later_action(began: Mapping[str, Any], now: Mapping[str, Any], action: str) -> dict[str, Any]:
    """The provenance of a run that another process continues: one more entry in the list `later`.

    Args:
        began: the run's provenance so far.
        now: the provenance of this process.
        action: ``resumed`` or ``audited``.

    Returns:
        `began` and an entry with action, time, command and every value that differs from the start of the run.
    """
    time = datetime.now(UTC).isoformat(timespec="seconds")
    different = {key: value for key, value in now.items() if key != "command" and value != began.get(key)}
    entry = {"action": action, "time": time, "command": now["command"], **different}
    return {**began, "later": [*began.get("later", []), entry]}


def plugin_changes(began: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    """A line on the plugins that differ from those at the start of the run; None if none does.

    Args:
        began: the run's provenance.
        now: the provenance of this process.
    """
    found = differences(Lock.from_dict(began), Lock.from_dict(now))
    if not found:
        return None
    return f"note: plugins differ from those at the start of the run: {'; '.join(one.text for one in found)}"


def hardware() -> dict[str, Any]:
    """Platform, processor cores and accelerators; the latter only if torch is imported already."""
    torch = sys.modules.get("torch")
    devices = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())] if torch else []
    return {
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads() if torch else None,
        "accelerators": devices,
    }


def git_state() -> dict[str, Any] | None:
    """The commit of the working directory, and whether tracked files are modified; None outside a repository.

    Untracked files do not count: the folders of earlier runs are among them.
    """
    commit = _git("rev-parse", "HEAD")
    if not commit:
        return None
    return {"commit": commit, "dirty": bool(_git("status", "--porcelain", "--untracked-files=no"))}


def command_line() -> list[str]:
    """The command as typed, with the bare name of the program: glasshouse, or the calling script or notebook."""
    program = Path(sys.argv[0] if sys.argv else "")
    ours = program.stem == "glasshouse" or program.parent.name == "glasshouse"  # its script, or python -m glasshouse
    return ["glasshouse" if ours else program.name or "python", *sys.argv[1:]]


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
