"""The small drawing next to a finding: a measurement and its interval against the threshold."""

from __future__ import annotations

from markupsafe import Markup

from glasshouse.record.findings import Threshold
from glasshouse.record.measurements import Measurement
from glasshouse.report.figures.scale import Scale
from glasshouse.report.figures.svg import element, line


def draw_threshold(measurement: Measurement, threshold: Threshold) -> Markup:
    """Value and interval against the threshold; hidden from screen readers, since the text has the same numbers."""
    if measurement.value is None:
        return Markup("")
    low, high = measurement.low, measurement.high
    known = [number for number in (measurement.value, low, high, threshold.value) if number is not None]
    margin = 0.2 * (max(known) - min(known)) or 1.0
    x = Scale(min(known) - margin, max(known) + margin, 0, 180)
    limit = x(threshold.value)
    accepted = (limit, x.end) if threshold.bound in ("min", "above") else (x.start, limit)
    parts = [
        element("rect", x=x.start, y=6, width=x.end - x.start, height=20, class_="strip"),
        element("rect", x=accepted[0], y=6, width=accepted[1] - accepted[0], height=20, class_="accepted"),
        line(limit, 2, limit, 30, "limit"),
    ]
    if low is not None and high is not None:
        parts.append(line(x(low), 16, x(high), 16, "interval"))
        parts += [line(x(end), 12, x(end), 20, "interval") for end in (low, high)]
    parts.append(element("circle", cx=x(measurement.value), cy=16, r=4.5, class_="dot"))
    return element("svg", *parts, viewBox="0 0 180 32", class_="against", aria_hidden="true", focusable="false")
