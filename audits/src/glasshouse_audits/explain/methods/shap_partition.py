"""Owen values by the shap library's PartitionExplainer.

Owen, "Values of games with a priori unions", 1977: features are clustered in a tree and credit is shared along it, so
that redundant features share one part. The tree comes from the background: the distance of two features is 1 minus the
largest correlation between their columns.
"""

from __future__ import annotations

import numpy as np
from glasshouse import Explanation, NotExplainableError, Question
from numpy.typing import NDArray

from glasshouse_audits.explain.methods.batching import mean_score_of_background
from glasshouse_audits.explain.methods.feature_groups import FeatureGroups
from glasshouse_audits.explain.methods.repeats import seeded
from glasshouse_audits.option_checks import whole_number


class ShapPartition:
    """SHAP's Owen values over a tree of correlated features.

    Args:
        coalitions: most coalitions of features evaluated for each row, each with the whole background.
    """

    def __init__(self, *, coalitions: int = 500) -> None:
        self.coalitions = whole_number("explainer 'shap_partition'", "coalitions", coalitions, minimum=3)

    def explain(self, question: Question) -> Explanation:
        import shap

        groups = FeatureGroups(question)
        if groups.features < 2:
            raise NotExplainableError("it requires at least two features")
        masker = _Masker(groups, tree_of_features(question))
        most = max(groups.features + 2, min(self.coalitions, question.budget // len(question.background)))

        def coalition_value(coalitions: NDArray[np.float64]) -> NDArray[np.float64]:
            sources = np.where(coalitions[:, None, :] > 0, 0, groups.background)
            scores = groups.score(sources.reshape(-1, groups.features))
            mean: NDArray[np.float64] = scores.reshape(len(coalitions), len(question.background), -1).mean(axis=1)
            return mean

        attributions = []
        with seeded(question.seed):
            explainer = shap.explainers.Partition(coalition_value, masker)
            for row in range(len(question.rows)):
                groups.select_row(row)
                found = explainer(np.zeros((1, groups.features)), max_evals=most, silent=True)
                attributions.append(np.asarray(found.values, dtype=np.float64).reshape(groups.features, -1))
        return Explanation(
            values=np.stack(attributions),
            base=mean_score_of_background(question),
            completeness="construction",
            evaluations=groups.evaluations,
            details=f"Up to {most} coalitions per row along a tree of correlated features.",
        )


def tree_of_features(question: Question) -> NDArray[np.float64]:
    """Average linkage (d - 1, 4) of features; the distance is 1 minus the largest |correlation| between columns."""
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import squareform

    assert question.owner is not None
    columns = question.background.double().numpy()
    centred = columns - columns.mean(axis=0)
    size = np.linalg.norm(centred, axis=0)
    unit = np.divide(centred, size, out=np.zeros_like(centred), where=size > 0)
    likeness = np.abs(unit.T @ unit)
    d = int(question.owner.max()) + 1
    nearest = np.zeros((d, d))
    np.maximum.at(nearest, (question.owner[:, None], question.owner[None, :]), likeness)
    distance = np.clip(1 - nearest, 0, 1)
    np.fill_diagonal(distance, 0)
    found: NDArray[np.float64] = linkage(squareform(distance, checks=False), method="average")
    return found


class _Masker:
    """Passes the library's coalitions to the model unchanged."""

    immutable_outputs = True
    fixed_background = True

    def __init__(self, groups: FeatureGroups, clustering: NDArray[np.float64]) -> None:
        self._features = groups.features
        self.clustering = clustering

    def shape(self, row: NDArray[np.float64]) -> tuple[int, int]:
        return 1, self._features

    def mask_shapes(self, row: NDArray[np.float64]) -> list[tuple[int]]:
        return [(self._features,)]

    def __call__(self, mask: NDArray[np.bool_], row: NDArray[np.float64]) -> tuple[NDArray[np.float64]]:
        return (np.asarray(mask, dtype=np.float64).reshape(1, self._features),)
