"""Errors that a user can fix, and warnings of plugins.

The command line prints a `UserError` in one or two lines, without a traceback, and exits with code 2. Any other
exception is a bug and keeps its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Invalid input: where, what was expected, what was received, and the remedy.

    Args:
        who: the component or option, e.g. ``"data 'adult'"`` or ``"--model"``.
        problem: what was expected and what was received.
        remedy: the next step; may be empty.
    """

    exit_code = 2

    def __init__(self, who: str, problem: str, remedy: str = "") -> None:
        self.who = who
        self.problem = problem
        self.remedy = remedy
        super().__init__(f"{who}: {problem}" + (f" {remedy}" if remedy else ""))


class ModelOutputError(UserError):
    """What a model returns cannot be read as predictions of the target."""


class PluginWarning(UserWarning):
    """A plugin uses something deprecated; shown by default, unlike DeprecationWarning."""


def did_you_mean(name: str, known: Iterable[str], *, most: int = 12) -> str:
    """The last sentence of an error for an unknown name: a similar name, and the known names.

    >>> did_you_mean("mpl", ["mlp", "linear"])
    "Did you mean 'mlp'? Known: linear, mlp."
    """
    names = sorted(known)
    if not names:
        return "None are installed."
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    shown = ", ".join(names[:most]) + (", ..." if len(names) > most else "")
    return (f"Did you mean '{near[0]}'? " if near else "") + f"Known: {shown}."
