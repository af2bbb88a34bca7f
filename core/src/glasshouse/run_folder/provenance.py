"""What a run rests on: versions, plugins, code, hardware and data."""

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
    """Versions, plugins, command, commit, hardware and the data's fingerprint, as `provenance.json` holds them."""
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
    """What a run rests on where another process went on with it: as it began, and under `later` what was done since.

    Args:
        began: the provenance that the run has so far.
        now: that of this process.
        action: what it does: ``resumed`` or ``audited``.

    Returns:
        `began` with one entry more: action, time, command, and of the rest what is not as in the beginning.
    """
    time = datetime.now(UTC).isoformat(timespec="seconds")
    different = {key: value for key, value in now.items() if key != "command" and value != began.get(key)}
    entry = {"action": action, "time": time, "command": now["command"], **different}
    return {**began, "later": [*began.get("later", []), entry]}


def plugin_changes(began: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    """What of a run's plugins is not as it was when it began, in a line; None where all is.

    Args:
        began: the provenance that the run has.
        now: that of this process.
    """
    found = differences(Lock.from_dict(began), Lock.from_dict(now))
    if not found:
        return None
    return f"note: not all plugins are those that it began with: {'; '.join(one.text for one in found)}"


def hardware() -> dict[str, Any]:
    """Platform, processor cores and accelerators; these are known where torch was needed anyway."""
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
    """Commit of the working folder and whether files that it tracks are changed; None outside a repository.

    Files that git does not know do not count: the folders of earlier runs are among them.
    """
    commit = _git("rev-parse", "HEAD")
    if not commit:
        return None
    return {"commit": commit, "dirty": bool(_git("status", "--porcelain", "--untracked-files=no"))}


def command_line() -> list[str]:
    """What was typed, with the program's bare name: glasshouse's own, or that of the script or notebook that called."""
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
