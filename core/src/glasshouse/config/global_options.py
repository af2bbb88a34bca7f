"""The words of the command line and the options of every command: plain tables, read before anything is imported."""

from __future__ import annotations

from glasshouse.errors import UserError

TRAINING = {
    "run": "train a model, test it, audit it and write the report",
    "fit": "train only",
    "validate": "measure on the validation split",
    "test": "measure on the test split",
    "predict": "write predictions",
}
"""Words of `glasshouse.cli.training_commands`, which takes every option of LightningCLI."""

COMMANDS = {
    "audit": "audit a finished run again, or files of predictions",
    "report": "render a run's report from its record",
    "check": "judge a finished run by a policy, as a gate in CI",
    "verify": "compare a run's files with its manifest",
    "runs": "list the runs in a folder",
    "plugins": "list, show, create, check, lock and diagnose plugins",
}
"""Commands of one module each in `glasshouse.cli.commands`."""

OPTIONS = {
    "--plugin FILE.py": "add a plugin that is a single file; may be repeated",
    "--no-plugin NAME": "exclude a distribution, or one component as distribution/name; may be repeated",
    "--only-locked LOCK": "load only plugins that match the lock of a run (its folder) or of `plugins lock`",
    "--allow PACKAGE": "allow class paths of this package in configurations; may be repeated",
    "--debug": "show tracebacks",
}
"""Taken by every command, before or after its word."""


def split_options(argv: list[str]) -> tuple[list[str], bool, dict[str, list[str]]]:
    """Take the options of every command out of the arguments: (rest, debug, values by option).

    What follows ``--`` is left alone.

    Raises:
        UserError: if an option lacks its value.
    """
    rest: list[str] = []
    values: dict[str, list[str]] = {"--plugin": [], "--no-plugin": [], "--only-locked": [], "--allow": []}
    debug = False
    tokens = iter(argv)
    for token in tokens:
        option, equals, value = token.partition("=")
        if token == "--debug":
            debug = True
        elif option in values:
            given = value if equals else next(tokens, "")
            if not given or (not equals and given.startswith("-")):
                raise UserError(option, f"expected a value, received {given!r}." if given else "expected a value.")
            values[option].append(given)
        else:
            rest.append(token)
            if token == "--":
                rest.extend(tokens)
    return rest, debug, values
