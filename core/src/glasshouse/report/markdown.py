"""The report as Markdown, for a pull request or a model card: words and tables, no pictures."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from glasshouse.record.record import Record
from glasshouse.report.page import build_page

if TYPE_CHECKING:
    from jinja2 import Template

_ACTIVE = re.compile(r"([\\`*_\[\]<>|#~$&!])")
_STARTS_LIST = re.compile(r"^(\d*)([-+.)])(?=\s)")


def render_markdown(record: Record) -> str:
    """GitHub-flavoured Markdown; nothing in the record can become markup."""
    text = _template().render(page=build_page(record))
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def escape(value: object) -> str:
    """Text on one line in which no character is Markdown or HTML.

    >>> escape("<b>|x|")
    '&lt;b&gt;\\\\|x\\\\|'
    """
    line = " ".join(str(value).split())
    line = _ACTIVE.sub(lambda match: {"<": "&lt;", ">": "&gt;", "&": "&amp;"}.get(match[0], "\\" + match[0]), line)
    return _STARTS_LIST.sub(r"\1\\\2", line)


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("glasshouse.report"),
        autoescape=False,  # `finalize` escapes every expression instead, for Markdown and HTML at once
        finalize=escape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.md.jinja")
