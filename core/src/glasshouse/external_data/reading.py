"""What a user says about data that do not describe themselves: parts of batches, attributes in files, their bins."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from glasshouse.data.batch_layout import REMEDY, BatchLayout
from glasshouse.data.data_info import SPLITS
from glasshouse.errors import UserError, did_you_mean
from glasshouse.evidence.self_scoring import self_score_target
from glasshouse.external_data.side_attributes import SideAttributes, read_side_attributes


@dataclass(frozen=True, eq=False)
class Reading:
    """How data that know nothing of glasshouse are read.

    `layout` says which part of a batch is what (None: `usual_parts`). Sensitive attributes are in the batches, by the
    layout, or `aligned` with the rows in columns or files of their own, or nowhere. `bins` are the edges of numeric
    attributes in batches; those of aligned attributes are applied already.
    """

    layout: BatchLayout | None = None
    aligned: SideAttributes | None = None
    bins: Mapping[str, Sequence[float]] = field(default_factory=dict)

    @property
    def attributes_in_batches(self) -> bool:
        """Whether batches carry attributes."""
        return self.layout is not None and bool(self.layout.attributes)


def refuse_unknown_sets(reading: Reading, known: Collection[str] = ()) -> None:
    """Refuse attributes by names of which none is a split or a known evaluation set.

    Raises:
        UserError: naming one of them.
    """
    named = set() if reading.aligned is None else reading.aligned.evaluation_sets
    if named and not named & set(known):
        wrong = sorted(named)[0]
        remedy = did_you_mean(wrong, [*SPLITS, *filter(None, known)])
        raise UserError("`sensitive`", f"there is no split or evaluation set '{wrong}'.", remedy)


def refuse_missing_targets(reading: Reading, model: Any) -> None:
    """Refuse a layout without targets, unless the model scores its inputs itself.

    Raises:
        UserError: for any other model.
    """
    if reading.layout is not None and not reading.layout.has_targets and self_score_target(model) is None:
        raise UserError("`batch`", "names no part 'y', the targets.", REMEDY)


def reading_of(*, batch: Any, attributes: Any, bins: Mapping[str, Sequence[float]] | None, where: str = "") -> Reading:
    """A `Reading` from the options of `glasshouse.audit`, or from the keys of `data_info:`.

    Args:
        batch: the layout of batches, or None.
        attributes: what `read_side_attributes` takes, or None.
        bins: edges by attribute.
        where: the prefix of options in errors.

    Raises:
        UserError: for a layout or attributes that cannot be read, attributes in both places, or bins of none.
    """
    layout = None if batch is None else BatchLayout.parse(batch)
    in_batches = layout is not None and bool(layout.attributes)
    if attributes is not None and in_batches:
        raise UserError(f"`{where}batch`", "names attributes, and others are given as well.", "Give one of them.")
    if bins and attributes is None and not in_batches:
        raise UserError(
            f"`{where}bins`",
            "applies to attributes in files or batches, and there are none.",
            "Give them: `aligned: people.csv`." if where else "Give their values: `sensitive`.",
        )
    aligned = None if attributes is None else read_side_attributes(attributes, bins or {})
    return Reading(layout=layout, aligned=aligned, bins=dict(bins or {}) if in_batches else {})


def reading_in(data_info: Mapping[str, Any] | None) -> Reading:
    """The `Reading` under `data_info:` (`aligned`, `bins`, `batch`).

    Raises:
        UserError: as `reading_of`.
    """
    values = data_info or {}
    reading = reading_of(
        batch=values.get("batch"), attributes=values.get("aligned"), bins=values.get("bins"), where="data_info."
    )
    refuse_unknown_sets(reading)
    return reading
