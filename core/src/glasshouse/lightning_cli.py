"""`glasshouse run` and Lightning's own commands: names are checked first, then the heavy part is imported."""

from __future__ import annotations

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
    from glasshouse.run import execute

    restrict_imports()
    return execute(GlasshouseCLI(command, argv), known)
