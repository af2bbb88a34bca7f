"""SVG elements as text; attributes and content are always escaped."""

from __future__ import annotations

from markupsafe import Markup, escape

CHARACTER = 7.0  # mean width of a character in a wide font at 12 pixels, the size that figures use


def element(tag: str, *content: str, **attributes: str | float | None) -> Markup:
    """One element; `class_` is class, underscores are hyphens, None leaves an attribute out.

    >>> print(element("text", "a < b", x=1.25))
    <text x="1.2">a &lt; b</text>
    """
    shown = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{_attribute(value)}"'
        for name, value in attributes.items()
        if value is not None
    )
    inside = "".join(escape(part) for part in content)
    return Markup(f"<{tag}{shown}>{inside}</{tag}>" if inside else f"<{tag}{shown}/>")


def text(content: str, x: float, y: float, *, anchor: str = "start", class_: str = "label") -> Markup:
    """A line of text."""
    return element("text", content, x=x, y=y, text_anchor=anchor, class_=class_)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    """A straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def shorten(content: str, width: float) -> str:
    """The text, cut off with an ellipsis if it is wider than `width` pixels."""
    most = max(2, int(width / CHARACTER))
    return content if len(content) <= most else content[: most - 1].rstrip() + "…"


def picture(number: int, title: str, description: str, width: float, height: float, *content: Markup) -> Markup:
    """An SVG drawing with a title and description for screen readers; `number` is unique on the page."""
    return element(
        "svg",
        element("title", title, id=f"figure-{number}-title"),
        element("desc", description, id=f"figure-{number}-desc"),
        *content,
        viewBox=f"0 0 {_attribute(width)} {_attribute(height)}",
        role="img",
        aria_labelledby=f"figure-{number}-title",
        aria_describedby=f"figure-{number}-desc",
    )


def _attribute(value: str | float) -> str:
    return str(escape(value)) if isinstance(value, str) else f"{value:.1f}".removesuffix(".0")
