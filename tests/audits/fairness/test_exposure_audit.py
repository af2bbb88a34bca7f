"""The `exposure` audit: what it tells, what it leaves out and when it is skipped."""

from __future__ import annotations

import numpy as np
import pytest
from glasshouse import DataInfo, Evidence, Groups, Predictions, Target, UserError
from glasshouse.measure.selection import unmet_requirement
from glasshouse.plugins.declarations import AuditPlugin
from glasshouse_audits.fairness.exposure.audit import ExposureAudit
from sklearn.metrics import ndcg_score

QUERIES, SIZE = 200, 8


def evidence(scores, targets, clusters, groups, *, kind="binary"):
    target = Target(name="click", kind=kind, classes=("no", "yes") if kind == "binary" else ())
    stacked = np.stack([1 - scores, scores], axis=1) if kind == "binary" else scores[:, None]
    predictions = Predictions(
        split="test",
        target=target,
        index=np.arange(len(scores)),
        scores=stacked,
        targets=targets,
        losses=None,
        groups={
            name: Groups(name=name, levels=levels, codes=codes.astype(np.int32))
            for name, (levels, codes) in groups.items()
        },
        clusters=clusters,
    )
    info = DataInfo(name="toy", modality="sequence", target=target, input_shape=(2,))
    return Evidence(info=info, predictions={"test": predictions}, seed=3)


def biased(bias: float, *, seed: int = 0):
    """Relevance does not depend on the provider; scores of the small provider are lowered by `bias`."""
    rng = np.random.default_rng(seed)
    n = QUERIES * SIZE
    clusters = np.repeat(np.arange(QUERIES) * 7 + 100, SIZE)
    small = rng.random(n) < 0.5
    relevant = (rng.random(n) < 0.4).astype(np.int64)
    scores = 0.5 + 0.2 * relevant + rng.normal(0, 0.1, n) - bias * small
    groups = {
        "provider": (("large", "small"), small.astype(int)),
        "sex": (("f", "m"), np.repeat(np.arange(QUERIES) % 2, SIZE)),
    }
    order = rng.permutation(n)
    parts = {name: (levels, codes[order]) for name, (levels, codes) in groups.items()}
    return evidence(scores[order], relevant[order], clusters[order], parts), order


def told(result, name, **group):
    [found] = [one for one in result.measurements if one.name == name and dict(one.group) == group and not one.over]
    return found


def test_a_bias_against_a_group_of_candidates_is_found_and_none_where_there_is_none():
    fair = ExposureAudit(top=3).measure(biased(0.0)[0])
    for level in ("large", "small"):
        for name in ("exposure_to_candidates", "exposure_to_relevance"):
            one = told(fair, name, provider=level)
            assert one.low < 1 < one.high
            assert one.interval_method == "poisson_bootstrap_percentile"
    unfair = ExposureAudit(top=3).measure(biased(0.2)[0])
    small, large = (told(unfair, "exposure_to_candidates", provider=level) for level in ("small", "large"))
    assert small.high < 1 < large.low
    assert told(unfair, "exposure_to_relevance", provider="small").high < 1
    ratios = {one.name: one.value for one in unfair.measurements if one.over == ("provider",)}
    assert ratios["exposure_to_candidates_ratio"] == pytest.approx(small.value / large.value)
    shares = [told(unfair, "exposure_share", provider=level).value for level in ("small", "large")]
    assert sum(shares) == pytest.approx(1)
    assert unfair.tables[0].rows[1][:2] == ("provider", "small")
    assert unfair.figures[0].data["labels"] == ["large", "small"]


def test_ndcg_of_those_who_ask_is_scikit_learns_mean():
    given, _ = biased(0.1)
    rows = given.evaluated
    result = ExposureAudit(top=5).measure(given)
    expected = {0: [], 1: []}
    for cluster in np.unique(rows.clusters):
        mine = rows.clusters == cluster
        if rows.targets[mine].any():
            score = ndcg_score([rows.targets[mine]], [rows.scores[mine, 1]], k=5)
            expected[int(rows.groups["sex"].codes[mine][0])].append(score)
    women, men = told(result, "ndcg", sex="f"), told(result, "ndcg", sex="m")
    assert (women.value, men.value) == (pytest.approx(np.mean(expected[0])), pytest.approx(np.mean(expected[1])))
    assert (women.n, men.n) == (len(expected[0]), len(expected[1]))
    assert women.low < women.value < women.high
    assert told(result, "ndcg").value == pytest.approx(np.mean(expected[0] + expected[1]))
    [gap] = [one for one in result.measurements if one.name == "ndcg_difference"]
    assert gap.value == pytest.approx(abs(women.value - men.value))
    assert not any("sex" in one.group for one in result.measurements if one.name.startswith("exposure"))


def test_the_interval_of_the_mean_has_the_width_of_the_usual_one():
    given, _ = biased(0.0)
    one = told(ExposureAudit(top=5, replicates=2000).measure(given), "ndcg")
    rows = given.evaluated
    gains = [
        ndcg_score([rows.targets[mine]], [rows.scores[mine, 1]], k=5)
        for mine in (rows.clusters == cluster for cluster in np.unique(rows.clusters))
        if rows.targets[mine].any()
    ]
    usual = 2 * 1.96 * np.std(gains, ddof=1) / np.sqrt(len(gains))
    assert one.high - one.low == pytest.approx(usual, rel=0.1)


def test_small_clusters_are_left_out_and_said_to_be():
    given, _ = biased(0.0)
    rows = given.evaluated
    alone = np.arange(10_000, 10_000 + 40)
    clusters = rows.clusters.copy()
    clusters[:40] = alone
    result = ExposureAudit(top=3, least=2).measure(evidence_with(given, clusters))
    assert result.notes == ["40 rows in clusters of fewer than 2 rows are excluded."]
    households = ExposureAudit().measure(evidence_with(given, np.arange(len(rows)) // 2))
    assert (households.status, households.reason) == (
        "skipped",
        "no cluster of the test split has 5 rows or more to rank",
    )


def evidence_with(given, clusters):
    rows = given.evaluated
    groups = {name: (one.levels, one.codes) for name, one in rows.groups.items()}
    return evidence(rows.scores[:, 1], rows.targets, clusters, groups)


def test_what_is_not_known_of_relevance_is_not_said():
    given, _ = biased(0.2)
    rows = given.evaluated
    groups = {name: (one.levels, one.codes) for name, one in rows.groups.items()}
    result = ExposureAudit(top=3).measure(evidence(rows.scores[:, 1], None, rows.clusters, groups))
    assert result.notes == ["There are no targets, so relevance is not measured."]
    assert not [one for one in result.measurements if one.name.startswith("ndcg")]
    assert told(result, "exposure_to_candidates", provider="small").high < 1
    assert told(result, "exposure_to_relevance", provider="small").undefined == "no candidate of this group is relevant"
    below = rows.targets - 1.0
    ratings = ExposureAudit(top=3).measure(evidence(rows.scores[:, 1], below, rows.clusters, groups, kind="regression"))
    assert "has negative values" in ratings.notes[0]


def test_ratings_are_gains():
    rng = np.random.default_rng(1)
    clusters, ratings = np.repeat(np.arange(30), 6), rng.integers(0, 6, 180).astype(np.float64)
    scores = rng.normal(size=180)
    groups = {"kind": (("a", "b", "c"), rng.integers(0, 2, 180))}
    result = ExposureAudit(top=4).measure(evidence(scores, ratings, clusters, groups, kind="regression"))
    expected = [ndcg_score([ratings[clusters == q]], [scores[clusters == q]], k=4) for q in range(30)]
    assert told(result, "ndcg").value == pytest.approx(np.mean(expected))
    empty = told(result, "exposure_share", kind="c")
    assert (empty.value, empty.undefined, empty.n) == (None, "no candidates", 0)


def test_a_missing_level_is_a_group_of_its_own():
    given, _ = biased(0.0)
    rows = given.evaluated
    codes = np.where(np.arange(len(rows)) % 10 == 0, -1, rows.groups["provider"].codes)
    new = evidence(rows.scores[:, 1], rows.targets, rows.clusters, {"provider": (("large", "small"), codes)})
    assert told(ExposureAudit().measure(new), "exposure_share", provider="missing").n == len(rows) // 10


def test_it_asks_for_clusters_and_refuses_what_it_cannot_use():
    plugin = AuditPlugin(name="exposure", target="a:B", summary="", requires=("clusters", "sensitive"))
    given, _ = biased(0.0)
    assert unmet_requirement(plugin, given) is None
    rows = given.evaluated
    groups = {name: (one.levels, one.codes) for name, one in rows.groups.items()}
    without = evidence(rows.scores[:, 1], rows.targets, None, groups)
    assert unmet_requirement(plugin, without) == "needs clusters of rows, such as the candidates of each query"
    scores = rows.scores[:, 1].copy()
    scores[3] = np.nan
    with pytest.raises(UserError, match=r"expected finite scores; 1 of 1600 rows of the test split have NaN"):
        ExposureAudit().measure(evidence(scores, rows.targets, rows.clusters, groups))
    for options in ({"top": 0}, {"least": 1}, {"replicates": 9}, {"top": 2.5}):
        with pytest.raises(UserError, match=f"audit 'exposure': {next(iter(options))} is .*expected a whole number"):
            ExposureAudit(**options)
