"""The report as one self-contained HTML page: style and script are inside, nothing is loaded from the network."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from importlib.resources import files

from markupsafe import Markup

from glasshouse.record.record import Record
from glasshouse.report.environment import load_template
from glasshouse.report.figures import draw, draw_threshold
from glasshouse.report.page import build_page


def render_html(record: Record) -> str:
    """The page as text. All text from the record is escaped, and a content security policy blocks other scripts."""
    return "".join(_pieces(record))


def render_html_file(record: Record) -> bytes:
    """The page as UTF-8, a piece at a time: as text, a page takes two bytes for each character."""
    return b"".join(piece.encode("utf-8") for piece in _pieces(record))


def _pieces(record: Record) -> Iterator[str]:
    script = _static("report.js")
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    return load_template("report.html.jinja").generate(
        page=build_page(record),
        draw=draw,
        draw_threshold=draw_threshold,
        style=Markup(_static("report.css")),
        script=Markup(script),
        script_digest=digest,
        version=record.run["glasshouse_version"],
    )


def _static(name: str) -> str:
    return files("glasshouse.report").joinpath("static", name).read_text(encoding="utf-8")
