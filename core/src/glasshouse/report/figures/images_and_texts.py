"""Explained inputs themselves, as HTML: images, and texts whose words are shaded by weight."""

from __future__ import annotations

import re

from markupsafe import Markup

from glasshouse.record.measurements import Figure
from glasshouse.report.figures.svg import element

_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")


def draw_image(figure: Figure, number: int) -> Markup:
    shown = []
    for image in figure.data["images"]:
        encoded, label = image["png_base64"], image["label"]
        if _BASE64.fullmatch(encoded):
            seen = image.get("description")
            words = f"{label}: {seen}" if seen else label
            drawn = element("img", src=f"data:image/png;base64,{encoded}", alt=words)
        else:
            drawn = element("span", "not a readable image", class_="absent")
        shown.append(element("div", drawn, element("span", label, class_="caption"), class_="image"))
    return element("div", *shown, class_="images", role="group", aria_label=figure.title)


def draw_shaded_text(figure: Figure, number: int) -> Markup:
    """Words shaded by weight: a solid underline increases the output, a dashed one decreases it."""
    shown = []
    for one in figure.data["texts"]:
        largest = max((abs(weight) for weight in one["weights"] if weight is not None), default=0.0) or 1.0
        words = []
        for token, weight in zip(one["tokens"], one["weights"], strict=True):
            strength = 0 if not weight else 1 + min(3, int(4 * abs(weight) / largest * 0.9999))
            sign = "negative" if weight is not None and weight < 0 else "positive"
            words += [element("span", token, class_=f"token {sign} k{strength}"), Markup(" ")]
        shown.append(element("p", element("b", one["label"]), Markup(" "), *words))
    return element("div", *shown, class_="shaded", role="group", aria_label=figure.title)
