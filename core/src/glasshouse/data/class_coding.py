"""Decisions and true values that are written differently: read as the same classes where that is certain."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from decimal import Decimal

from glasshouse.data.level_names import level_order, number_of
from glasshouse.errors import UserError

_YES = frozenset({"1", "true", "t", "yes", "y"})
_NO = frozenset({"0", "false", "f", "no", "n"})
_WORDS = frozenset({"1", "0", "true", "false", "yes", "no"})
"""Those that are no letters, which may be classes."""
_OPPOSITES = (("0", "1"), ("false", "true"), ("no", "yes"), ("f", "t"), ("n", "y"))
_SHOWN = 6


def read_decisions(
    decisions: Collection[str],
    classes: Collection[str],
    *,
    prediction: str,
    known_from: str,
) -> dict[str, str]:
    """The class of each decision: itself, or the one class that is written differently.

    Differently written are upper and lower case, spaces around a word, the same number (``1.0`` and ``1``; not ``01``),
    and, if all are such words, true, t, yes, y and 1 against false, f, no, n and 0.

    Args:
        decisions: the predicted classes as they are written.
        classes: the classes that exist: those of the true values, and declared ones.
        prediction: the column of decisions, for errors.
        known_from: where the classes come from.

    Raises:
        UserError: for a decision that is none of the classes.
    """
    for key in (None, without_spelling, truth_value):
        found = _matched(decisions, classes, key)
        if found is not None:
            return found
    strange = min((_strange(decisions, classes, key) for key in (str, without_spelling, truth_value)), key=len)
    shared = "" if len(strange) < len(set(decisions)) else " They share none."
    raise UserError(
        f"column '{prediction}'",
        f"contains {_listed(strange)}, which {known_from} does not: it has {_listed(level_order(classes))}.{shared}",
        "Write both alike, or name every class that exists: --classes A,B,...",
    )


def refuse_two_spellings(classes: Collection[str], column: str, *, who: str = "") -> None:
    """Refuse true values that differ only in spaces around them, and whole words of yes and no in several spellings.

    Raises:
        UserError: for the first two.
    """
    seen: dict[str, str] = {}
    for name in level_order(classes):
        word = without_spelling(name)
        other = seen.setdefault(word if word in _WORDS else name.strip(), name)
        if other != name:
            problem = f"contains {other!r} and {name!r}: one class or two?"
            remedy = "Write one class one way."
            if who:
                raise UserError(who, f"the target '{column}' {problem}", remedy)
            raise UserError(f"column '{column}'", problem, remedy)


def find_class(name: str, classes: Collection[str]) -> str | None:
    """The class that is written as `name`, or as nothing else but `name` could be written; None if there is none."""
    for key in (None, without_spelling, truth_value):
        found = _matched([name], classes, key)
        if found is not None:
            return found[name]
    return None


def obvious_favourable(classes: Collection[str]) -> str | None:
    """The favourable one of two classes that say so themselves: yes of no and yes, 1 of 0 and 1; else None."""
    names = sorted(classes, key=lambda name: without_spelling(name) in _YES)
    if len(names) == 2 and without_spelling(names[0]) in _NO and without_spelling(names[1]) in _YES:
        return names[1]
    return None


def opposite(name: str) -> str | None:
    """The other one of two classes, if their names are those of yes and no: ``"yes"`` for ``"no"``.

    >>> opposite("TRUE"), opposite("No"), opposite("hired")
    ('FALSE', 'Yes', None)
    """
    word = name.strip()
    for pair in _OPPOSITES:
        if word.lower() in pair:
            other = pair[1 - pair.index(word.lower())]
            return other.upper() if word.isupper() else other.capitalize() if word[:1].isupper() else other
    return None


def without_spelling(name: str) -> str:
    """A name without case and surrounding spaces; a number in one way of writing it."""
    word = name.strip().casefold()
    digits = word.lstrip("+-")
    if number_of(word) is None or (digits[:1] == "0" and digits[1:2].isdigit()):
        return word
    return f"{Decimal(word).normalize():f}"


def truth_value(name: str) -> str | None:
    """``"1"`` for the words of yes, ``"0"`` for those of no; None for any other."""
    word = without_spelling(name)
    return "1" if word in _YES else "0" if word in _NO else None


def respelled(found: Mapping[str, str]) -> dict[str, str]:
    """The decisions that are written differently from their class."""
    return {name: found[name] for name in level_order(found) if found[name] != name}


def _matched(
    decisions: Collection[str], classes: Collection[str], key: Callable[[str], str | None] | None
) -> dict[str, str] | None:
    """Each decision's class by equal keys; None unless that leaves no doubt."""
    if key is None:
        return {name: name for name in decisions} if set(decisions) <= set(classes) else None
    class_of = {key(name): name for name in classes}
    if None in class_of or len(class_of) < len(classes):
        return None
    keys = {name: key(name) for name in decisions}
    return {name: class_of[found] for name, found in keys.items()} if set(keys.values()) <= set(class_of) else None


def _strange(decisions: Collection[str], classes: Collection[str], key: Callable[[str], str | None]) -> list[str]:
    """The decisions without a class of the same key."""
    keys = {key(name) for name in classes} - {None}
    return level_order({name for name in decisions if key(name) not in keys})


def _listed(names: Collection[str]) -> str:
    shown = ", ".join(repr(name) for name in list(names)[:_SHOWN])
    return shown + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
