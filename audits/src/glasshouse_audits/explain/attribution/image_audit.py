"""The `image_attribution` audit: which pixels speak for what the model sees in a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from glasshouse import AuditResult, Evidence, Figure
from numpy.typing import NDArray

from glasshouse_audits.explain.attribution.faithfulness import InputParts
from glasshouse_audits.explain.attribution.measurements import completeness, faithfulness, randomised, sparseness
from glasshouse_audits.explain.attribution.predicted_class import (
    PredictedAttributions,
    explain_with_all,
    predicted_scores,
)
from glasshouse_audits.explain.attribution.sampling import Sample, draw_sample, examples, index_table
from glasshouse_audits.explain.explainers import parse_methods
from glasshouse_audits.option_checks import true_or_false, whole_number
from glasshouse_audits.pictures import overlays
from glasshouse_audits.pictures.png import as_base64

_NAME = "image_attribution"
_WHO = "audit 'image_attribution'"
_METHODS = ("integrated_gradients", "grad_cam")
# The mean map has at most so many blocks a side, and is drawn where so many pictures have gone into it.
_BLOCKS = 14
_LEAST_ROWS = 10


class ImageAttributionAudit:
    """Which pixels speak for the class that is predicted, or for the predicted value, and whether that can be trusted.

    Pixels are replaced by black (0), from which integrated gradients start, too.

    Args:
        methods: explainers by name (`glasshouse plugins list`), each alone or as a mapping of `name` and its options.
        rows: how many pictures of the judged split to explain, drawn under the run's seed.
        examples: how many of them to name, half of them the most confident errors; drawn with `show_examples: true`.
        max_batch: pictures that are evaluated or differentiated at once at most; halved where memory runs out.
        checks: whether attributions are tested: deletion and insertion curves, random weights.
    """

    def __init__(
        self,
        *,
        methods: Sequence[Any] = _METHODS,
        rows: int = 100,
        examples: int = 12,
        max_batch: int = 512,
        checks: bool = True,
    ) -> None:
        self.methods = methods
        self.rows = whole_number(_WHO, "rows", rows, minimum=1)
        self.examples = whole_number(_WHO, "examples", examples, minimum=1)
        self.max_batch = whole_number(_WHO, "max_batch", max_batch, minimum=1)
        self.checks = true_or_false(_WHO, "checks", checks)
        self._options = vars(self).copy()
        self._choices = parse_methods(_NAME, self.methods)

    def measure(self, evidence: Evidence) -> AuditResult:
        """Explain a sample of the judged split.

        Raises:
            UserError: if inputs or outputs are not finite, or no method can explain the model.
        """
        import torch

        found = draw_sample(
            evidence,
            _NAME,
            rows=self.rows,
            errors=self.examples // 2,
            reference=torch.zeros(1, *evidence.info.input_shape),
            max_batch=self.max_batch,
        )
        attributions, notes = explain_with_all(self._choices, evidence, found.question, found.predicted, audit=_NAME)
        checked = completeness(attributions, found) + sparseness(attributions, found)
        if self.checks:
            checked += faithfulness(attributions, found, _pixels(found), part_name="pixels") + randomised(
                attributions, found
            )
        shown = examples(found, self.examples)
        figures = [_mean_map(answer, found) for answer in attributions if found.random_count >= _LEAST_ROWS]
        if evidence.show_examples:
            figures.append(_pictures(attributions, found, shown))
        return AuditResult(
            name=_NAME,
            family="explainability",
            parameters=self._options,
            measurements=checked.measurements,
            tables=[*checked.tables, index_table(found, shown)],
            figures=[*figures, *checked.figures],
            notes=[
                f"Explained: {found.random_count} of {len(found.predictions)} pictures of the {evidence.evaluate_on} split, "
                f"drawn with seed {evidence.seed}, each for its own prediction, against a black picture.",
                *notes,
                "No threshold is accepted for checks of attributions: they are told and not judged.",
            ],
        )


def _pixels(found: Sample) -> InputParts:
    """Pictures made of pixels, all channels of a pixel together."""
    rows = found.question.rows[found.random_rows]
    channels, *sides = rows.shape[1:]
    pixels = int(np.prod(sides))
    return InputParts(
        rows=rows,
        reference=found.question.background,
        owner=np.tile(np.arange(pixels), channels),
        present=np.ones((len(rows), pixels), dtype=bool),
        score=predicted_scores(found.question, found.predicted[found.random_rows]),
    )


def _by_pixel(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Attributions (..., height, width) of pixels from those of their channels."""
    summed: NDArray[np.float64] = values.sum(axis=-3)
    return summed


def _mean_map(answer: PredictedAttributions, found: Sample) -> Figure:
    """Where attributions lie on average over the pictures: shares of their sizes, in blocks."""
    sizes = np.abs(_by_pixel(answer.values[found.random_rows]))
    total = sizes.sum(axis=(1, 2), keepdims=True)
    shares = np.divide(sizes, total, out=np.zeros_like(sizes), where=total > 0).mean(axis=0)
    blocks = 100 * overlays.pooled(shares, _BLOCKS)
    height, width = blocks.shape
    return Figure(
        kind="heatmap",
        title=f"{answer.method.title}: where in the picture",
        description=f"Mean share of a picture's attribution, whichever way, over {found.random_count} pictures, in per cent, "
        f"from the upper left to the lower right in {height} x {width} blocks.",
        data={
            "rows": [str(row + 1) for row in range(height)],
            "columns": [str(column + 1) for column in range(width)],
            "values": blocks.round(3).tolist(),
            "x_label": "block from the left",
            "y_label": "from the top",
        },
    )


def _pictures(attributions: Sequence[PredictedAttributions], found: Sample, shown: Sequence[int]) -> Figure:
    """Each example as it is, and under every method."""
    images = []
    for row in shown:
        picture = overlays.as_picture(found.question.rows[row].double().numpy())
        maps = [(answer.method.title, _by_pixel(answer.values[row])) for answer in attributions]
        panels = [picture, *(overlays.overlay(picture, values) for _, values in maps)]
        images.append(
            {
                "label": found.label(row),
                "png_base64": as_base64(overlays.strip(panels)),
                "description": "; ".join(f"{title}: {overlays.where(values)}" for title, values in maps),
            }
        )
    titles = ", ".join(answer.method.title for answer in attributions)
    return Figure(
        kind="image",
        title="Examples",
        description=f"From left to right: the picture, {titles}. Blue pixels speak for the prediction, orange ones "
        "against it, the stronger the more.",
        data={"images": images},
    )
