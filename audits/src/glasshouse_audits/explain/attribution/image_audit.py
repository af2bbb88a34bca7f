"""The `image_attribution` audit: attributions of predictions to pixels, and checks of them."""

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
# Most blocks per side of the mean map, and the fewest images for which it is drawn.
_BLOCKS = 14
_LEAST_ROWS = 10


class ImageAttributionAudit:
    """Attributions of each image's predicted class, or predicted value, to its pixels, and how reliable they are.

    The reference is a black image (0): pixels are replaced by it, and integrated gradients start from it.

    Args:
        methods: explainers by name (`glasshouse plugins list`), each alone or as a mapping of `name` and its options.
        rows: number of images of the evaluated split to explain, drawn with the run's seed.
        examples: number of example images, half of them the most confident errors; `show_examples: true` shows them.
        max_batch: most images evaluated or differentiated at once; halved when memory runs out.
        checks: whether to check the attributions: deletion and insertion curves, random weights.
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
        """Explain a sample of the evaluated split.

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
        figures = [_mean_map(one, found) for one in attributions if found.random_count >= _LEAST_ROWS]
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
                f"Explained: {found.random_count} of {len(found.predictions)} images of the {evidence.evaluate_on} "
                f"split, drawn with seed {evidence.seed}, each for its own prediction, against a black image.",
                *notes,
                "There is no accepted threshold for checks of attributions, so they are reported without a verdict.",
            ],
        )


def _pixels(found: Sample) -> InputParts:
    """Images as pixels, with all channels of a pixel together."""
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


def _mean_map(one: PredictedAttributions, found: Sample) -> Figure:
    """Mean share of absolute attribution in each block of the image, over the random sample."""
    sizes = np.abs(_by_pixel(one.values[found.random_rows]))
    total = sizes.sum(axis=(1, 2), keepdims=True)
    shares = np.divide(sizes, total, out=np.zeros_like(sizes), where=total > 0).mean(axis=0)
    blocks = 100 * overlays.pooled(shares, _BLOCKS)
    height, width = blocks.shape
    return Figure(
        kind="heatmap",
        title=f"{one.method.title}: position in the image",
        description=f"Mean share of an image's absolute attribution in per cent, over {found.random_count} images, in "
        f"{height} x {width} blocks from the upper left to the lower right.",
        data={
            "rows": [str(row + 1) for row in range(height)],
            "columns": [str(column + 1) for column in range(width)],
            "values": blocks.round(3).tolist(),
            "x_label": "block from the left",
            "y_label": "from the top",
        },
    )


def _pictures(attributions: Sequence[PredictedAttributions], found: Sample, shown: Sequence[int]) -> Figure:
    """Each example, and its overlay by every method."""
    images = []
    for row in shown:
        picture = overlays.as_picture(found.question.rows[row].double().numpy())
        maps = [(one.method.title, _by_pixel(one.values[row])) for one in attributions]
        panels = [picture, *(overlays.overlay(picture, values) for _, values in maps)]
        images.append(
            {
                "label": found.label(row),
                "png_base64": as_base64(overlays.strip(panels)),
                "description": "; ".join(f"{title}: {overlays.where(values)}" for title, values in maps),
            }
        )
    titles = ", ".join(one.method.title for one in attributions)
    return Figure(
        kind="image",
        title="Examples",
        description=f"From left to right: the image, {titles}. Blue pixels support the prediction, orange pixels "
        "contradict it; stronger colour means a larger attribution.",
        data={"images": images},
    )
