"""The `generated_samples` audit: generated samples, and how they differ from held-out rows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from glasshouse import AuditResult, Evidence, Figure, Measurement
from glasshouse.statistics import Estimate, wilson
from numpy.typing import NDArray

from glasshouse_audits.generation.copying import PERCENTILE
from glasshouse_audits.generation.distances import Matrix, as_rows, nearest
from glasshouse_audits.generation.sampling import generated, has_train, rows_of
from glasshouse_audits.generation.two_samples import NEIGHBOURS, discrepancy, within_reach
from glasshouse_audits.option_checks import whole_number
from glasshouse_audits.pictures.overlays import as_picture
from glasshouse_audits.pictures.png import as_base64

_NAME = "generated_samples"
_WHO = "audit 'generated_samples'"
_REFERENCES = 20_000


class GeneratedSamplesAudit:
    """How far the distribution of generated examples is from that of held-out rows, and some examples.

    The same numbers for training rows instead of generated examples show what a perfect generator would reach.

    Args:
        samples: number of examples to generate, and most held-out rows to compare them with.
        pictures: number of generated images to show, for image data.
        permutations: permutations of the samples for the p-value.
    """

    def __init__(self, *, samples: int = 500, pictures: int = 36, permutations: int = 499) -> None:
        self.samples = whole_number(_WHO, "samples", samples, minimum=20)
        self.pictures = whole_number(_WHO, "pictures", pictures, minimum=0)
        self.permutations = whole_number(_WHO, "permutations", permutations, minimum=99)

    def measure(self, evidence: Evidence) -> AuditResult:
        """Generate examples, compare them with held-out rows, and draw images.

        Raises:
            UserError: if generated or real numbers are not finite.
        """
        rng = np.random.default_rng(evidence.seed)
        made = generated(evidence, max(self.samples, self.pictures), audit=_NAME)
        held_out = rows_of(evidence, evidence.evaluate_on, self.samples, rng, audit=_NAME)
        measurements = list(self._compared("generated", as_rows(made[: self.samples]), held_out, evidence, rng))
        notes = [
            f"{self.samples:,} generated examples against {len(held_out):,} rows of the {evidence.evaluate_on} split, "
            "on the encoded inputs. A discrepancy of 0 means equal distributions; precision is the share of generated "
            "examples in the region of the held-out rows, recall the share of held-out rows in that of the generated "
            f"examples, by {NEIGHBOURS} nearest neighbours. Distances between pixels are not perceptual distances.",
        ]
        if has_train(evidence):
            training = rows_of(evidence, "train", self.samples, rng, audit=_NAME)
            measurements += self._compared("training", training, held_out, evidence, rng)
            notes.append("The same numbers for training rows show what a perfect generator would reach.")
        figures = []
        if evidence.info.modality == "image" and self.pictures:
            drawn = made[: self.pictures][presentable(made[: self.pictures], evidence, rng)]
            figures = [_grid(drawn)] if len(drawn) else []
            if hidden := self.pictures - len(drawn):
                notes.append(
                    f"{hidden} of {self.pictures} images are not shown: they are closer to a training image than "
                    "held-out images are and might reveal it, or there are no training images to compare them with. "
                    "`show_examples: true` shows all."
                )
        return AuditResult(
            name=_NAME,
            family="performance",
            parameters=vars(self).copy(),
            measurements=measurements,
            figures=figures,
            notes=notes,
        )

    def _compared(
        self, kind: str, rows: Matrix, held_out: Matrix, evidence: Evidence, rng: np.random.Generator
    ) -> Iterator[Measurement]:
        """Discrepancy with its p-value, precision and recall of some rows against held-out ones."""
        about = {"split": evidence.evaluate_on, "parameters": {"of": kind}}
        fewest = min(len(rows), len(held_out))
        if fewest <= NEIGHBOURS:
            reason = f"{fewest} rows are too few to compare"
            for name in ("maximum_mean_discrepancy", "sample_precision", "sample_recall"):
                yield Measurement(name=name, value=None, undefined=reason, n=fewest, **about)  # type: ignore[arg-type]
            return
        test = discrepancy(rows, held_out, rng=rng, permutations=self.permutations)
        both = len(rows) + len(held_out)
        yield Measurement(name="maximum_mean_discrepancy", value=test.observed, n=both, **about)  # type: ignore[arg-type]
        yield Measurement(name="maximum_mean_discrepancy_p_value", value=test.p_value, n=both, **about)  # type: ignore[arg-type]
        for name, inside in (
            ("sample_precision", within_reach(rows, held_out)),
            ("sample_recall", within_reach(held_out, rows)),
        ):
            hits = int(inside.sum())
            share = Estimate(hits / len(inside), len(inside), wilson(hits, len(inside)).item())
            yield Measurement(name=name, **share.fields(), **about)  # type: ignore[arg-type]


def presentable(made: NDArray[np.float32], evidence: Evidence, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Mask of the generated images that a report may show, because they do not reveal a training image.

    An image is hidden if it is closer to a training image than the first percentile of held-out images; all are hidden
    if there are no images to compare with. With `show_examples` none is hidden.
    """
    if evidence.show_examples:
        return np.ones(len(made), dtype=bool)
    if not has_train(evidence):
        return np.zeros(len(made), dtype=bool)
    training = rows_of(evidence, "train", _REFERENCES, rng, audit=_NAME)
    held_out = rows_of(evidence, evidence.evaluate_on, 1000, rng, audit=_NAME)
    if not len(training) or not len(held_out):
        return np.zeros(len(made), dtype=bool)
    usual = nearest(held_out, training).distance
    far_enough: NDArray[np.bool_] = nearest(as_rows(made), training).distance >= np.quantile(usual, PERCENTILE)
    return far_enough


def _grid(made: NDArray[np.float32]) -> Figure:
    """A grid of images with white lines between them, as one image."""
    pictures = [as_picture(one.astype(np.float64)) for one in made]
    across = int(np.ceil(np.sqrt(len(pictures))))
    height, width = pictures[0].shape[:2]
    down = -(-len(pictures) // across)
    sheet = np.ones((down * (height + 2) - 2, across * (width + 2) - 2, 3))
    for number, picture in enumerate(pictures):
        top, left = (height + 2) * (number // across), (width + 2) * (number % across)
        sheet[top : top + height, left : left + width] = picture
    return Figure(
        kind="image",
        title="Generated images",
        description="The first images that the model generates with the run's seed, without hidden ones.",
        data={
            "images": [
                {
                    "label": f"{len(pictures)} generated images",
                    "png_base64": as_base64(np.rint(255 * sheet).astype(np.uint8)),
                    "description": f"{down} rows of up to {across} images of {width} x {height} pixels",
                }
            ]
        },
    )
