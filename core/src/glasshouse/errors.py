"""What a user can do something about, said in one or two lines.

Every error a person can cause is a `UserError`: the command line prints it without a traceback
and exits with code 2. Anything else is a defect of ours and keeps its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Input that cannot be used: who noticed, what was expected, what came, what to do.

    Args:
        who: the part that speaks, e.g. ``"data 'adult'"`` or ``"--model"``.
        problem: what was expected and what was received.
        remedy: the next thing to try; may be empty.
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
    """A plugin does something that will stop working; shown by default, unlike DeprecationWarning."""


def did_you_mean(name: str, known: Iterable[str], *, most: int = 12) -> str:
    """A closing clause for an unknown name: near matches, or what there is.

    >>> did_you_mean("mpl", ["mlp", "linear"])
    "Did you mean 'mlp'? Known: linear, mlp."
    """
    names = sorted(known)
    if not names:
        return "None are installed."
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    shown = ", ".join(names[:most]) + (", ..." if len(names) > most else "")
    return (f"Did you mean '{near[0]}'? " if near else "") + f"Known: {shown}."
