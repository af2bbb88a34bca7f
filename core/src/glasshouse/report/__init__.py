"""Reports of a run, rendered from its record without the model or the data."""

from typing import TYPE_CHECKING

from glasshouse._lazy_names import lazy_names

if TYPE_CHECKING:
    from glasshouse.report.suppression import suppress_small_groups

__all__ = [
    "suppress_small_groups",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "glasshouse.report.suppression": ("suppress_small_groups",),
    },
)
