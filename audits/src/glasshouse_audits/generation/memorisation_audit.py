"""The `memorisation` audit: are generated examples copies of training rows?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from glasshouse import AuditResult, Evidence, Figure, Measurement, UserError
from glasshouse.statistics import Estimate, PermutationTest, roc_auc, wilson

from glasshouse_audits.generation.copying import (
    Distances,
    close_share,
    copying_z,
    nearest_is_training,
    ratio_of_medians,
)
from glasshouse_audits.generation.distances import nearest
from glasshouse_audits.generation.sampling import generated, has_train, rows_of
from glasshouse_audits.option_checks import whole_number

_NAME = "memorisation"
_WHO = "audit 'memorisation'"
_BINS = 30


class MemorisationAudit:
    """Whether generated examples are closer to the training rows than held-out rows are.

    Distances are Euclidean, between encoded inputs. No row is shown.

    Args:
        samples: number of examples to generate, and most held-out and training rows to measure.
        references: most training rows, and most held-out rows, among which the nearest is searched; a random sample
            of more.
        permutations: permutations of membership for the p-value.
    """

    def __init__(self, *, samples: int = 1000, references: int = 20_000, permutations: int = 999) -> None:
        self.samples = whole_number(_WHO, "samples", samples, minimum=20)
        self.references = whole_number(_WHO, "references", references, minimum=20)
        self.permutations = whole_number(_WHO, "permutations", permutations, minimum=99)

    def measure(self, evidence: Evidence) -> AuditResult:
        """Generate examples, and compare their distances to the nearest training rows.

        Raises:
            UserError: if the evaluated split is the training split, there are too few rows, or numbers are not finite.
        """
        if not has_train(evidence):
            raise UserError(_WHO, "the evaluated split is the training split.", "Set `evaluate_on: test`.")
        rng = np.random.default_rng(evidence.seed)
        split = evidence.evaluate_on
        made = generated(evidence, self.samples, audit=_NAME).reshape(self.samples, -1)
        training = rows_of(evidence, "train", self.references, rng, audit=_NAME)
        held_out = rows_of(evidence, split, self.references, rng, audit=_NAME)
        if len(training) < 2 or not len(held_out):
            raise UserError(
                _WHO,
                f"there are {len(training)} training and {len(held_out)} held-out rows; expected at least 2 and 1.",
            )
        queried = rng.permutation(len(held_out))[: self.samples]
        own = rng.permutation(len(training))[: self.samples]
        distances = Distances(
            generated=nearest(made, training).distance,
            held_out=nearest(held_out[queried], training).distance,
            training=nearest(training[own], training, own=own).distance,
        )
        test = nearest_is_training(made, training, held_out, rng=rng, permutations=self.permutations)
        expected = len(training) / (len(training) + len(held_out))
        threshold, close = close_share(distances.generated, distances.held_out)
        return AuditResult(
            name=_NAME,
            family="privacy",
            parameters=vars(self).copy(),
            measurements=[
                *_medians(distances, split),
                Measurement(
                    name="nearest_distance_ratio",
                    split=split,
                    **ratio_of_medians(distances.generated, distances.held_out, rng=rng).fields(),
                ),
                Measurement(name="close_to_training_rate", split=split, **close.fields()),
                _closer_than_held_out(distances, split),
                Measurement(
                    name="data_copying_z",
                    value=copying_z(distances.generated, distances.held_out),
                    n=self.samples,
                    split=split,
                ),
                *_nearest(test, expected, self.samples, split),
            ],
            figures=[_figure(distances, split)],
            notes=[
                f"{self.samples:,} generated examples against {len(training):,} of "
                f"{len(evidence.predictions['train']):,} training rows and {len(held_out):,} rows of the {split} "
                "split, by Euclidean distance of encoded inputs. Close means a distance to a training row below "
                f"{threshold:.4g}, the first percentile of the {split} split's distances: without copying, 1 % of "
                "examples are close on average.",
                "Blurred or averaged examples are close to all rows, in training or not, so their distances are small "
                "without copying. The share whose nearest real row is a training row is not affected, because held-out "
                "rows are candidates too.",
                "Distances between pixels detect copies and near copies, but not rows that are mirrored, shifted or "
                "combined from several. That no copies are found does not prove privacy.",
            ],
        )


def _medians(distances: Distances, split: str) -> Iterator[Measurement]:
    """Median distance to the nearest training row of each kind of example."""
    for kind, values in (
        ("generated", distances.generated),
        ("held out", distances.held_out),
        ("training", distances.training),
    ):
        yield Measurement(
            name="nearest_training_distance",
            value=float(np.median(values)),
            n=len(values),
            split=split,
            parameters={"of": kind, "statistic": "median"},
        )


def _closer_than_held_out(distances: Distances, split: str) -> Measurement:
    """Probability that a generated example is closer to training than a held-out row, with DeLong's interval."""
    is_made = np.repeat([1, 0], [len(distances.generated), len(distances.held_out)])
    found = roc_auc(is_made, -np.concatenate([distances.generated, distances.held_out]))
    return Measurement(name="nearer_than_held_out_rate", split=split, **found.fields())


def _nearest(test: PermutationTest, expected: float, samples: int, split: str) -> Iterator[Measurement]:
    assert test.observed is not None
    share = Estimate(test.observed, samples, wilson(round(test.observed * samples), samples).item())
    yield Measurement(name="nearest_is_training_rate", split=split, **share.fields())
    yield Measurement(name="nearest_is_training_expected", value=expected, n=samples, split=split)
    yield Measurement(name="nearest_is_training_p_value", value=test.p_value, n=samples, split=split)


def _figure(distances: Distances, split: str) -> Figure:
    kinds = [("generated", distances.generated), (f"{split} split", distances.held_out)]
    kinds.append(("training, to another", distances.training))
    edges = np.linspace(0.0, max(float(values.max()) for _, values in kinds) or 1.0, _BINS + 1)
    series: list[dict[str, Any]] = [
        {"name": name, "counts": np.histogram(values, bins=edges)[0].tolist()} for name, values in kinds
    ]
    return Figure(
        kind="histogram",
        title="Distance to the nearest training row",
        description="For generated examples, held-out rows, and training rows (to the nearest other one). Copies are "
        "at 0; examples without copying have the distances of held-out rows.",
        data={"edges": edges.tolist(), "series": series, "x_label": "Euclidean distance", "y_label": "examples"},
    )
