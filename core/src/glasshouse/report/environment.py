"""The Jinja environment of every report template."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Template


@cache
def load_template(name: str, *, finalize: Callable[[object], str] | None = None) -> Template:
    """A template of `report/templates`; an undefined variable is an error.

    Args:
        name: the file's name.
        finalize: escapes the value of every expression, for formats other than HTML; None: HTML escaping.
    """
    # imported here, because a run without a report needs no Jinja
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("glasshouse.report"),
        autoescape=finalize is None,
        finalize=finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    if finalize is None:
        from glasshouse.report.table_rows import rows_of, rows_of_measurements

        environment.globals.update(rows_of=rows_of, rows_of_measurements=rows_of_measurements)
    return environment.get_template(name)
