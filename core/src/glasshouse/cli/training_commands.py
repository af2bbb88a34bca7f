"""`glasshouse run` and Lightning's commands: they check the configuration before they import torch."""

from __future__ import annotations

import warnings
from pathlib import Path

from glasshouse.config.validation import check
from glasshouse.errors import UserError
from glasshouse.plugins import registry
from glasshouse.system.heavy_imports import heavy_imports


def main(command: str, argv: list[str]) -> int:
    """Run `run`, `fit`, `validate`, `test` or `predict`.

    Returns:
        The exit code.

    Raises:
        UserError: for invalid input.
    """
    known = registry()
    resume, argv = _resumed(command, argv)
    check(argv, known, command)

    with heavy_imports():
        from glasshouse.config.lightning_parser import GlasshouseCLI, restrict_imports
        from glasshouse.pipeline.pipeline import execute

    restrict_imports()
    usual = warnings.formatwarning
    warnings.formatwarning = _one_line
    try:
        return execute(GlasshouseCLI(command, argv), known, resume)
    finally:
        warnings.formatwarning = usual


def _resumed(command: str, argv: list[str]) -> tuple[Path | None, list[str]]:
    """The folder of `--resume`, and the arguments with its config.yaml in place of that option."""
    given = [at for at, token in enumerate(argv) if token.partition("=")[0] == "--resume"]
    if command != "run" or not given:
        return None, argv
    at = given[0]
    _, equals, value = argv[at].partition("=")
    rest = argv[:at] + argv[at + (1 if equals else 2) :]
    value = value if equals else "".join(argv[at + 1 : at + 2])
    if len(given) > 1 or not value or value.startswith("-"):
        raise UserError("--resume", "expected the folder of one run.", "See `glasshouse runs`.")
    folder = Path(value)
    if not (folder / "config.yaml").is_file():
        what = "has no config.yaml: no run was started there" if folder.is_dir() else "is not a folder"
        raise UserError(f"--resume {folder}", f"{what}.", "See `glasshouse runs`, or start the run again.")
    return folder, ["--config", str(folder / "config.yaml"), *rest]


def _one_line(message: Warning | str, *_: object, **__: object) -> str:
    """A warning in one line, without the source line, which is a library's."""
    return f"warning: {' '.join(str(message).split())}\n"
