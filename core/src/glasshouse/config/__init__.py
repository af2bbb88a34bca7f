"""The configuration of a run, from YAML and the command line to validated options."""

from typing import TYPE_CHECKING

from glasshouse._lazy_names import lazy_names

if TYPE_CHECKING:
    from glasshouse.config.run_options import Choice, RunOptions, parse_choices

__all__ = [
    "Choice",
    "RunOptions",
    "parse_choices",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "glasshouse.config.run_options": ("Choice", "RunOptions", "parse_choices"),
    },
)
