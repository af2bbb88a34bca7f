"""The report as Markdown, for a pull request or a model card: text and tables, no figures."""

from __future__ import annotations

import re

from glasshouse.record.record import Record
from glasshouse.report.environment import load_template
from glasshouse.report.page import build_page

_MARKUP = re.compile(r"([\\`*_\[\]<>|#~$&!])")
_LIST_START = re.compile(r"^(\d*)([-+.)])(?=\s)")


def render_markdown(record: Record) -> str:
    """GitHub-flavoured Markdown; all text from the record is escaped."""
    text = load_template("report.md.jinja", finalize=escape).render(page=build_page(record))
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def escape(value: object) -> str:
    """The value on one line, with every character escaped that has a meaning in Markdown or HTML.

    >>> escape("<b>|x|")
    '&lt;b&gt;\\\\|x\\\\|'
    """
    line = " ".join(str(value).split())
    line = _MARKUP.sub(lambda match: {"<": "&lt;", ">": "&gt;", "&": "&amp;"}.get(match[0], "\\" + match[0]), line)
    return _LIST_START.sub(r"\1\\\2", line)
