"""The `feature_effects` audit: permutation importance, effect curves, interactions and a surrogate tree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from glasshouse import (
    AuditResult,
    Evidence,
    Feature,
    Figure,
    Measurement,
    ModelHandle,
    Table,
    Target,
    UserError,
    in_batches,
)
from glasshouse.statistics import Estimate, mean
from numpy.typing import NDArray

from glasshouse_audits.effects import permutation, report, surrogate
from glasshouse_audits.effects.accumulated import local_effects
from glasshouse_audits.effects.curves import individual_curves, partial_dependence_range
from glasshouse_audits.effects.grids import Floats, Inputs, Score, grid_of, scores_of
from glasshouse_audits.effects.importance import Importance
from glasshouse_audits.effects.interactions import shapley_interactions
from glasshouse_audits.explain.question import explained_outputs
from glasshouse_audits.option_checks import whole_number

_WHO = "audit 'feature_effects'"
_POINTS = 20
# A mean over fewer rows is not shown, whatever the limit for small groups.
_MIN_ROWS = 10
# Inputs evaluated at once, halved when memory runs out.
_BATCH = 8192
_SAMPLED_CURVES = 4
# Most evaluations for all permutations together; beyond, fewer rows are used.
_PERMUTED = 2_000_000
# Rows whose interactions are enumerated, and most single features among the players: the cost doubles with each.
_INTERACTING_ROWS = 200
_MOST_PLAYERS = 8


@dataclass
class _PartialResult:
    """What the parts of the audit have measured so far."""

    measurements: list[Measurement] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class _Study:
    """The model and the rows that all parts of the audit use."""

    features: tuple[Feature, ...]
    outputs: list[tuple[int, str | None]]
    """Position and name of each explained score."""
    split: str
    score: Score
    """The explained scores (m, k) of encoded rows."""
    score_all: Score
    """All scores (m, K)."""
    x: Inputs
    """(n, width) rows of the evaluated split."""
    target: Target
    targets: NDArray[Any] | None
    """(n,) their targets."""
    reference: Inputs
    """(b, width) rows of the training split; without one, the first half of `x`."""
    unseen: slice
    """The rows of `x` that are not in the reference."""
    seed: int
    min_rows: int
    """Fewest rows for a point of a curve or a leaf of the tree."""

    def about(self, output: str | None, **parameters: Any) -> dict[str, Any]:
        """The identifying fields of a measurement."""
        return {"output": output, "split": self.split, "parameters": parameters}


class FeatureEffectsAudit:
    """How the model's output depends on its features over the whole evaluated split.

    Permutation importance of every feature; for the most important ones partial dependence, individual curves (ICE),
    accumulated local effects and pairwise Shapley interactions; and a small surrogate tree with its fidelity. The
    output is the probability of the favourable class (without one: of the classes predicted most often), or the
    predicted value. Columns that encode one feature move together.

    Args:
        rows: number of rows to use, drawn with the run's seed.
        background: number of training rows that represent "the feature is unknown" in interactions.
        features: number of the most important features with curves and interactions.
        repeats: number of permutations of each feature's values among the rows.
    """

    def __init__(self, *, rows: int = 5000, background: int = 100, features: int = 5, repeats: int = 5) -> None:
        self.rows = whole_number("audit 'feature_effects'", "rows", rows, minimum=1)
        self.background = whole_number("audit 'feature_effects'", "background", background, minimum=1)
        self.features = whole_number("audit 'feature_effects'", "features", features, minimum=1)
        self.repeats = whole_number("audit 'feature_effects'", "repeats", repeats, minimum=1)

    def measure(self, evidence: Evidence) -> AuditResult:
        """Measure on a sample of the evaluated split.

        Raises:
            UserError: if inputs or outputs are not finite.
        """
        rng = np.random.default_rng(evidence.seed)
        study, whole = _study(evidence, self.rows, rng)
        found = _PartialResult()
        found.notes.append(
            f"Measured on {len(study.x):,} of {whole:,} rows of the {study.split} split, drawn with seed "
            f"{evidence.seed}. Intervals are over rows; the model and the order of features are treated as fixed."
        )
        if evidence.evaluated.weights is not None or evidence.evaluated.clusters is not None:
            found.notes.append(
                "This audit ignores the weights and clusters of rows: each row counts once and as independent."
            )
        strength = _importance(study, self.repeats, rng, found)
        strongest = [k for k in np.argsort(-strength, kind="stable")[: self.features].tolist() if strength[k] > 0]
        if strongest:
            _interactions(study, [study.features[k] for k in strongest[:_MOST_PLAYERS]], self.background, rng, found)
            _effects(study, [study.features[k] for k in strongest], rng, found)
        else:
            found.notes.append("No feature moves the output: there are no curves or interactions to show.")
        _surrogate(study, found)
        return AuditResult(
            name="feature_effects",
            family="explainability",
            parameters=vars(self).copy(),
            measurements=found.measurements,
            tables=found.tables,
            figures=found.figures,
            notes=found.notes,
        )


# ---------------------------------------------------------------- rows and scores


def _study(evidence: Evidence, most: int, rng: np.random.Generator) -> tuple[_Study, int]:
    """The sampled rows and the model, and the number of rows in the evaluated split."""
    assert evidence.model is not None
    split, outputs = evidence.evaluate_on, explained_outputs(evidence)
    x, chosen, whole = _rows(evidence, split, most, rng)
    if split != "train" and ("train" in evidence.predictions or evidence.info.rows.get("train", 0) > 0):
        reference, unseen = _rows(evidence, "train", most, rng)[0], slice(None)
    else:
        half = -(-len(x) // 2)
        reference, unseen = x[:half], slice(half, None)
    positions = [position for position, _ in outputs]
    score_all = _score(evidence.model)
    targets = evidence.evaluated.targets
    return _Study(
        features=evidence.info.features,
        outputs=outputs,
        split=split,
        score=lambda rows: score_all(rows)[:, positions],
        score_all=score_all,
        x=x,
        target=evidence.info.target,
        targets=None if targets is None else targets[chosen],
        reference=reference,
        unseen=unseen,
        seed=evidence.seed,
        min_rows=max(_MIN_ROWS, evidence.small_group_limit),
    ), whole


def _rows(evidence: Evidence, split: str, most: int, rng: np.random.Generator) -> tuple[Inputs, NDArray[np.intp], int]:
    """At most `most` rows of a split in random order, their positions in it, and its number of rows."""
    assert evidence.inputs is not None
    inputs = evidence.inputs(split)
    if not len(inputs):
        raise UserError(_WHO, f"the {split} split has no rows.", "Choose another `evaluate_on:`.")
    chosen = rng.choice(len(inputs), size=min(most, len(inputs)), replace=False)
    x: Inputs = inputs[chosen].float().cpu().numpy()
    if not np.isfinite(x).all():
        raise UserError(
            _WHO,
            f"expected finite inputs; the encoded {split} split contains NaN or infinite values.",
            "Fill missing values in the data.",
        )
    return x, chosen, len(inputs)


def _score(model: ModelHandle) -> Score:
    import torch

    def score(rows: Inputs) -> Floats:
        with torch.no_grad():
            scores: Floats = in_batches(model.probabilities, torch.from_numpy(rows), most=_BATCH).double().numpy()
        if not np.isfinite(scores).all():
            raise UserError(
                _WHO,
                "expected finite model outputs; some are NaN or infinite.",
                "Check the training: has its loss diverged?",
            )
        return scores

    return score


# ---------------------------------------------------------------- importance


def _importance(study: _Study, repeats: int, rng: np.random.Generator, found: _PartialResult) -> Floats:
    """Add the importance of every feature; returns the mean change of the output for each, (d,)."""
    n = min(len(study.x), max(_MIN_ROWS, _PERMUTED // (repeats * len(study.features))))
    importance = Importance(
        study.score_all,
        study.x[:n],
        None if study.targets is None else study.targets[:n],
        study.target,
        explained=[position for position, _ in study.outputs],
        permutations=permutation.shuffles(n, repeats, rng),
    )
    names = [feature.name for feature in study.features]
    by_feature = [importance.of(feature.columns) for feature in study.features]
    by_metric = {metric: [estimates[metric] for estimates in by_feature] for metric in by_feature[0]}
    for name, estimates in zip(names, by_feature, strict=True):
        for metric, estimate in estimates.items():
            about = study.about(None, feature=name, metric=metric)
            found.measurements.append(Measurement(name="permutation_importance", **about, **estimate.fields()))
    first = next(iter(by_metric))
    found.figures.append(report.importance_figure(names, first, by_metric[first]))
    found.tables.append(report.importance_table(names, by_metric))
    found.notes.append(
        f"Permutation importance: {repeats} permutations of each feature over {n:,} rows. The importance of a feature "
        "is underestimated if correlated features contain the same information, and permuted rows may be unrealistic."
    )
    return np.array([estimate.value for estimate in by_metric["output_change"]], dtype=np.float64)


# ---------------------------------------------------------------- interactions


def _interactions(
    study: _Study, features: Sequence[Feature], background: int, rng: np.random.Generator, found: _PartialResult
) -> None:
    """Add Shapley interactions of the most important features; all other features are one further player."""
    player = np.full(study.x.shape[1], len(features), dtype=np.intp)
    for number, feature in enumerate(features):
        player[list(feature.columns)] = number
    names = [feature.name for feature in features]
    if (player == len(features)).any():
        names.append("all others")
    if len(names) < 2:
        found.notes.append("No interactions: there is only one feature.")
        return
    rows = study.x[rng.choice(len(study.x), size=min(_INTERACTING_ROWS, len(study.x)), replace=False)]
    reference = study.reference
    known = reference[rng.choice(len(reference), size=min(background, len(reference)), replace=False)]
    interactions = shapley_interactions(study.score, rows, known, player)
    for k, (_, output) in enumerate(study.outputs):
        for number, (i, j) in enumerate(interactions.pairs):
            size = mean(np.abs(interactions.values[:, number, k]))
            about = study.about(output, first=names[i], second=names[j])
            found.measurements.append(Measurement(name="shapley_interaction", **about, **size.fields()))
        found.figures.append(report.interaction_figure(names, interactions, k, output))
        found.tables.append(report.interaction_table(names, interactions, k, output))
    found.notes.append(
        f"Interactions: enumerated for {len(rows)} rows against {len(known)} background rows, which intervals treat "
        "as fixed" + ("; features not listed are combined into one player." if names[-1] == "all others" else ".")
    )


# ---------------------------------------------------------------- effects


def _effects(study: _Study, features: Sequence[Feature], rng: np.random.Generator, found: _PartialResult) -> None:
    """Add partial dependence, individual curves and accumulated local effects of the most important features."""
    sampled = rng.choice(len(study.x), size=min(_SAMPLED_CURVES, len(study.x)), replace=False).tolist()
    without: list[str] = []
    for feature in features:
        grid = grid_of(feature, study.x, points=_POINTS, min_rows=study.min_rows)
        if isinstance(grid, str):
            found.notes.append(f"No curves of {feature.name}: {grid}.")
            nothing = Estimate(None, len(study.x), undefined=grid)
            for _, output in study.outputs:
                found.measurements += _ranges(study, feature, output, nothing, nothing)
            continue
        if missed := int((grid.place < 0).sum()):
            without.append(f"{feature.name} {missed:,}")
        curves = individual_curves(study.score, study.x, grid)
        effects = local_effects(study.score, study.x, grid, min_rows=study.min_rows)
        for (_, output), curve, effect in zip(study.outputs, curves, effects, strict=True):
            found.measurements += _ranges(study, feature, output, partial_dependence_range(curve), effect.effect_range)
            found.figures += report.effect_figures(grid, curve, sampled, effect, output)
    if without:
        found.notes.append(
            f"Rows excluded from curves, because the value is missing, or the level has fewer than {study.min_rows} "
            f"rows or is not among the {_POINTS} most frequent: {', '.join(without)}."
        )


def _ranges(
    study: _Study, feature: Feature, output: str | None, partial: Estimate, local: Estimate
) -> Iterator[Measurement]:
    about = study.about(output, feature=feature.name)
    yield Measurement(name="partial_dependence_range", **about, **partial.fields())
    yield Measurement(name="ale_range", **about, **local.fields())


# ---------------------------------------------------------------- surrogate


def _surrogate(study: _Study, found: _PartialResult) -> None:
    """Add a tree fitted to the reference rows and evaluated on the others, for each explained output."""
    unseen = study.x[study.unseen]
    tree_columns, reference_design = surrogate.design(study.features, study.reference)
    _, unseen_design = surrogate.design(study.features, unseen)
    seen_outputs, outputs = scores_of(study.score, study.reference), scores_of(study.score, unseen)
    for k, (_, output) in enumerate(study.outputs):
        tree = surrogate.grow(
            tree_columns, reference_design, seen_outputs[:, k], unseen_design, min_rows=study.min_rows, seed=study.seed
        )
        fidelity = {"r2": surrogate.fidelity(outputs[:, k], tree.value)}
        if study.target.kind == "binary":
            fidelity["accuracy"] = surrogate.agreement(outputs[:, k], tree.value)
        for metric, estimate in fidelity.items():
            about = study.about(output, metric=metric)
            found.measurements.append(Measurement(name="surrogate_fidelity", **about, **estimate.fields()))
        found.tables.append(report.surrogate_table(tree, outputs[:, k], fidelity["r2"], output))
    found.notes.append(
        f"The tree was fitted to {len(study.reference):,} rows, and its fidelity measured on {len(unseen):,} others. "
        "Its accuracy is agreement with the model's decisions, not with the targets."
    )
