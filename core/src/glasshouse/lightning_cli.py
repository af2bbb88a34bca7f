"""`glasshouse run` and Lightning's own commands: names are checked first, then the heavy part is imported."""

from __future__ import annotations

import warnings

from glasshouse.early_checks import check
from glasshouse.plugins import registry


def main(command: str, argv: list[str]) -> int:
    """Parse and carry out `run`, `fit`, `validate`, `test` or `predict`.

    Returns:
        The exit code.

    Raises:
        UserError: for input that cannot be used.
    """
    known = registry()
    check(argv, known)

    from glasshouse.parser import GlasshouseCLI, restrict_imports
    from glasshouse.running import execute

    restrict_imports()
    usual = warnings.formatwarning
    warnings.formatwarning = _one_line
    try:
        return execute(GlasshouseCLI(command, argv), known)
    finally:
        warnings.formatwarning = usual


def _one_line(message: Warning | str, *_: object, **__: object) -> str:
    """A warning without the source line that raised it, which is a library's."""
    return f"warning: {' '.join(str(message).split())}\n"
