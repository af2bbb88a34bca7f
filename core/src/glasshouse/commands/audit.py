"""`glasshouse audit RUN_DIR`: audit a finished run again; finished audits are kept."""

from __future__ import annotations

import argparse
from pathlib import Path

from glasshouse.config import Choice
from glasshouse.errors import UserError
from glasshouse.plugins import Registry, registry


def main(argv: list[str]) -> int:
    """Audit, judge and report again.

    Returns:
        The exit code: 0 done, 3 an audit ended in error.

    Raises:
        UserError: if the folder is no run with a trained model, or an audit is not known.
    """
    parser = argparse.ArgumentParser(prog="glasshouse audit", description=__doc__)
    parser.add_argument("run_dir", metavar="RUN_DIR", type=Path, help="the folder of a run that trained a model")
    parser.add_argument("--audits", metavar="A,B", help="only these; others that finished earlier stay in the record")
    parser.add_argument("--force", action="store_true", help="measure again what has been measured before")
    asked = parser.parse_args(argv)
    known = registry()
    folder: Path = asked.run_dir
    if not (folder / "config.yaml").is_file():
        raise UserError(str(folder), "is not the folder of a run: it has no config.yaml.", "See `glasshouse runs`.")
    names = [name for name in (asked.audits or "").split(",") if name]
    for name in names:
        known.find("audit", name)
    return _audit(folder, names, force=asked.force, known=known)


def _audit(folder: Path, names: list[str], *, force: bool, known: Registry) -> int:
    from glasshouse.parser import GlasshouseCLI, restrict_imports
    from glasshouse.run import audit_and_report, collect_evidence, exit_code, reopen

    restrict_imports()
    run = reopen(GlasshouseCLI("run", ["--config", str(folder / "config.yaml")]), known, folder)
    if names:
        configured = {choice.name: choice for choice in run.audits}
        run.audits = [configured.get(name, Choice(name)) for name in names]
    collect_evidence(run)
    audit_and_report(run, force=force)
    print(folder)
    return exit_code(run, gate=False)
