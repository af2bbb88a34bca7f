"""The options of the `fairness` audit, checked at construction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from glasshouse import UserError

from glasshouse_audits.option_checks import inner_fraction, one_of, true_or_false, whole_number

_WHO = "audit 'fairness'"


@dataclass(frozen=True, kw_only=True)
class FairnessOptions:
    """The checked options; `FairnessAudit` documents each."""

    intersections: bool | tuple[tuple[str, ...], ...] = True
    reference: Mapping[str, str] = field(default_factory=dict)
    pair_intervals: str = "score"
    replicates: int = 1000
    permutations: int = 999
    gap: float = 0.05
    top: tuple[int, ...] = (10, 100, 1000)
    sex: str | None = None
    race: str | None = None
    exclude_under_2_percent: str | None = None
    cross_check: bool = True

    @classmethod
    def checked(
        cls,
        *,
        intersections: object,
        reference: object,
        pair_intervals: object,
        gap: object,
        top: object,
        sex: object,
        race: object,
        exclude_under_2_percent: object,
        cross_check: object,
        replicates: object,
        permutations: object,
    ) -> FairnessOptions:
        """The options from a configuration's values.

        Raises:
            UserError: for a value of the wrong type or size.
        """
        return cls(
            intersections=_intersections(intersections),
            reference=_reference(reference),
            pair_intervals=one_of(_WHO, "pair_intervals", pair_intervals, ("score", "bootstrap")),
            gap=inner_fraction(_WHO, "gap", gap),
            top=_positions(top),
            sex=_text("sex", sex),
            race=_text("race", race),
            exclude_under_2_percent=_text("exclude_under_2_percent", exclude_under_2_percent),
            cross_check=true_or_false(_WHO, "cross_check", cross_check),
            replicates=whole_number(_WHO, "replicates", replicates, minimum=100),
            permutations=whole_number(_WHO, "permutations", permutations, minimum=99),
        )


def _intersections(value: object) -> bool | tuple[tuple[str, ...], ...]:
    if isinstance(value, bool):
        return value
    if isinstance(value, Sequence) and not isinstance(value, str) and all(_different_names(names) for names in value):
        return tuple(tuple(names) for names in value)
    raise UserError(
        _WHO,
        f"intersections is {value!r}; expected true or false, or lists of two or more different attributes.",
        "For example [[sex, race]].",
    )


def _different_names(names: object) -> bool:
    return (
        isinstance(names, Sequence)
        and not isinstance(names, str)
        and len(names) > 1
        and all(isinstance(name, str) for name in names)
        and len(set(names)) == len(names)
    )


def _reference(value: object) -> dict[str, str]:
    if value is None:
        return {}
    if isinstance(value, Mapping) and all(isinstance(k, str) and isinstance(v, str) for k, v in value.items()):
        return dict(value)
    raise UserError(_WHO, f"reference is {value!r}; expected a level for each attribute, e.g. sex: Male.")


def _positions(value: object) -> tuple[int, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise UserError(_WHO, f"top is {value!r}; expected a list.")
    return tuple(whole_number(_WHO, "top", k, minimum=1) for k in value)


def _text(option: str, value: object) -> str | None:
    if value is None or (isinstance(value, str) and value.strip()):
        return value
    raise UserError(_WHO, f"{option} is {value!r}; expected text.")
