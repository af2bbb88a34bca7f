"""Errors that a user can fix, and warnings of plugins.

The command line prints a `UserError` in one or two lines, without a traceback, and exits with code 2. Any other
exception is a bug and keeps its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One of several faults of a file, a line of the table in a `UserError`."""

    place: str
    """The column, key or line."""
    problem: str
    remedy: str


class UserError(Exception):
    """Invalid input: where, what was expected, what was received, and the remedy.

    Args:
        who: the component or option, e.g. ``"data 'adult'"`` or ``"--model"``.
        problem: what was expected and what was received.
        remedy: the next step; may be empty.
        faults: where one input has several; the command line shows them in a table of at most `MAX_FAULTS` lines.
    """

    exit_code = 2

    def __init__(self, who: str, problem: str, remedy: str = "", faults: Sequence[Fault] = ()) -> None:
        self.who = who
        self.problem = problem
        self.remedy = remedy
        self.faults = tuple(faults)
        text = f"{who}: {problem}" + (f" {remedy}" if remedy else "")
        super().__init__("\n  ".join([text, *fault_lines(self.faults)]))


MAX_FAULTS = 20


def fault_lines(faults: Sequence[Fault]) -> list[str]:
    """Faults as an aligned table, the last line counting those that are left out."""
    shown = faults if len(faults) <= MAX_FAULTS else faults[: MAX_FAULTS - 1]
    widths = [max(len(getattr(fault, field)) for fault in shown) for field in ("place", "problem")] if shown else []
    lines = [f"{fault.place:<{widths[0]}}  {fault.problem:<{widths[1]}}  {fault.remedy}".rstrip() for fault in shown]
    return lines if len(shown) == len(faults) else [*lines, f"and {len(faults) - len(shown)} more"]


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
