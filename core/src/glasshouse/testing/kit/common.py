"""Checks of components of every kind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import lru_cache
from typing import Any

from glasshouse.data.data_info import SIZE_NAMES
from glasshouse.plugins.option_signatures import SourceNotFoundError, inspect_signature, read_signature
from glasshouse.testing.kit.checks import Check, expect
from glasshouse.testing.kit.outcomes import CheckFailed, NotApplicable
from glasshouse.testing.kit.subjects import Subject


def listing_imports_nothing_heavy(subject: Subject) -> None:
    """Listing the plugin's components imports neither torch nor another heavy library."""
    if not subject.registered:
        raise NotApplicable("it is an unregistered declaration")
    if subject.component.version.startswith("sha256:"):
        raise NotApplicable("its plugin is a single file, which is imported completely")
    listed = _listed(tuple(os.path.abspath(entry) for entry in sys.path))
    plugin = subject.component.entry_point
    if plugin not in listed:
        raise CheckFailed(f"expected plugin '{plugin}' to be found by a new process, which found {', '.join(listed)}")
    expect(
        not listed[plugin],
        f"expected plugin '{plugin}' to import none, received {', '.join(listed[plugin])}: "
        "put the declarations into a module that imports only glasshouse",
    )


def is_documented(subject: Subject) -> None:
    """It has a summary, a docstring, and a documented description for every option except sizes that the data fill."""
    expect(bool(subject.plugin.summary.strip()), "expected a `summary` of one line, received none")
    try:
        signature = read_signature(subject.component)
    except (SourceNotFoundError, SyntaxError):
        signature = inspect_signature(subject.component, subject.target)
    expect(bool(signature.description), "expected a docstring, received none")
    filled = SIZE_NAMES if subject.kind == "model" else ()
    silent = [option.name for option in signature.options if not option.doc and option.name not in filled]
    expect(not silent, f"expected a line under `Args:` for every option, received none for {', '.join(silent)}")


COMMON_CHECKS = (Check.of(listing_imports_nothing_heavy), Check.of(is_documented))


@lru_cache(maxsize=4)
def _listed(path: tuple[str, ...]) -> dict[str, list[str]]:
    """Plugin -> heavy modules that it imports, as a new process that lists all components finds them."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path)}
    program = f"from {__name__} import _list; _list()"
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode:
        raise CheckFailed(f"a new process cannot list plugins: {done.stderr.strip().splitlines()[-1]}")
    found: dict[str, list[str]] = json.loads(done.stdout.splitlines()[-1])
    return found


def _list() -> None:
    from glasshouse.plugins import registry

    registry().check_all()
    found: dict[str, Any] = {plugin.entry_point: list(plugin.heavy) for plugin in registry().loaded}
    print(json.dumps(found))
