"""One self-contained page: no network, no fonts, no scripts needed; style and a few lines of script inside."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from markupsafe import Markup

from glasshouse.record.record import Record
from glasshouse.report.figures import draw, draw_threshold
from glasshouse.report.page import build_page

if TYPE_CHECKING:
    from jinja2 import Template


def render_html(record: Record) -> str:
    """The page as text; everything from the record is escaped, and a content security policy forbids the rest."""
    script = _static("report.js")
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    return _template().render(
        page=build_page(record),
        draw=draw,
        draw_threshold=draw_threshold,
        style=Markup(_static("report.css")),
        script=Markup(script),
        script_digest=digest,
        version=record.run["glasshouse_version"],
    )


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("glasshouse.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.jinja")


def _static(name: str) -> str:
    return files("glasshouse.report").joinpath("static", name).read_text(encoding="utf-8")
