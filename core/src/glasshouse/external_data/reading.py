"""What a user says about data that do not describe themselves: parts of batches, attributes in files, their bins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from glasshouse.data.batch_layout import BatchLayout
from glasshouse.errors import UserError
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
    return reading_of(
        batch=values.get("batch"), attributes=values.get("aligned"), bins=values.get("bins"), where="data_info."
    )
