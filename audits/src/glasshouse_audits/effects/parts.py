"""The parts of the `feature_effects` audit; each adds its measurements, tables, figures and notes to the result."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from glasshouse import Feature, Measurement
from glasshouse.statistics import Estimate, mean

from glasshouse_audits.effects import permutation, report, surrogate
from glasshouse_audits.effects.accumulated import local_effects
from glasshouse_audits.effects.curves import individual_curves, partial_dependence_range
from glasshouse_audits.effects.grids import Floats, grid_of, scores_of
from glasshouse_audits.effects.importance import Importance
from glasshouse_audits.effects.interactions import shapley_interactions
from glasshouse_audits.effects.study import MIN_ROWS, PartialResult, Study

_POINTS = 20
_SAMPLED_CURVES = 4
# Most evaluations for all permutations together; beyond, fewer rows are used.
_PERMUTED = 2_000_000
# Rows whose interactions are enumerated.
_INTERACTING_ROWS = 200
# Most single features among the players of interactions: the cost doubles with each.
_MAX_PLAYERS = 8


def add_importance(study: Study, repeats: int, rng: np.random.Generator, found: PartialResult) -> Floats:
    """Add the importance of every feature; returns the mean change of the output for each, (d,)."""
    n = min(len(study.x), max(MIN_ROWS, _PERMUTED // (repeats * len(study.features))))
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


def add_interactions(
    study: Study, features: Sequence[Feature], background: int, rng: np.random.Generator, found: PartialResult
) -> None:
    """Add Shapley interactions of the most important features; all other features are one further player."""
    features = features[:_MAX_PLAYERS]
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


def add_effects(study: Study, features: Sequence[Feature], rng: np.random.Generator, found: PartialResult) -> None:
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
    study: Study, feature: Feature, output: str | None, partial: Estimate, local: Estimate
) -> Iterator[Measurement]:
    about = study.about(output, feature=feature.name)
    yield Measurement(name="partial_dependence_range", **about, **partial.fields())
    yield Measurement(name="ale_range", **about, **local.fields())


def add_surrogate(study: Study, found: PartialResult) -> None:
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
