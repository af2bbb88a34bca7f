"""The attribution audit on small networks whose answers are known."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest
import torch
from glasshouse import Figure, Target, UserError
from glasshouse.plugins import Registry, registry, set_registry
from glasshouse.policy.judging import judge
from glasshouse.policy.rules import load_policy
from glasshouse_audits.explain.features.audit import FeatureAttributionAudit
from glasshouse_audits.explain.question import explained_outputs
from torch import nn

WIDTHS = {"age": 1, "job": 3, "noise": 1}
THREE = Target(name="kind", kind="multiclass", classes=("a", "b", "c", "d"))


class Linear(nn.Module):
    """x w, with fixed weights."""

    def __init__(self, weights: list[float]) -> None:
        super().__init__()
        self.register_buffer("weights", torch.tensor(weights))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self.weights


def rows(n: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    jobs = np.eye(3)[rng.integers(0, 3, n)]
    return np.column_stack([rng.normal(size=n), jobs, rng.normal(size=n)]).astype(np.float32)


def relu_net(seed: int = 1, outputs: int = 1) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Linear(16, outputs))


def normed_net() -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(5, 16), nn.LayerNorm(16), nn.ReLU(), nn.Linear(16, 1))


def quick(**options: object) -> FeatureAttributionAudit:
    return FeatureAttributionAudit(**{"checks": False, "cross_check": False, "rows": 20, "background": 10} | options)


def figures(result: object, kind: str) -> list[Figure]:
    return [figure for figure in result.figures if figure.kind == kind]


def test_a_linear_model_has_the_closed_form_by_both_methods(tabular_evidence, regression_target, find) -> None:
    """Both give w (x - mean of the background) summed over a feature's columns."""
    w = np.array([2.0, 1.0, -1.0, 0.5, 0.0])
    train, test = rows(50, 0), rows(40, 1)
    judged = tabular_evidence(Linear(w.tolist()), regression_target, WIDTHS, train=train, test=test)
    found = find(FeatureAttributionAudit().measure(judged))
    columns = w * (test - train.mean(axis=0))
    expected = {
        "age": np.abs(columns[:, 0]).mean(),
        "job": np.abs(columns[:, 1:4].sum(axis=1)).mean(),
        "noise": 0.0,
    }
    for method in ("shapley", "deep_lift"):
        for feature, value in expected.items():
            measured = found.one("mean_absolute_attribution", parameters={"feature": feature, "method": method})
            assert measured.value == pytest.approx(value, abs=1e-5), measured.id
            assert measured.n == 40
            assert measured.output is None
        for statistic in ("max", "mean"):
            parameters = {"method": method, "statistic": statistic, "used": True}
            assert 0 <= found.one("completeness_error", parameters=parameters).value < 1e-4


def test_the_favourable_class_is_explained(tabular_evidence, find) -> None:
    """The model sees age alone; the favourable class is the first one."""
    target = Target(name="alarm", kind="binary", classes=("quiet", "alarm"), favourable="quiet")
    judged = tabular_evidence(Linear([3.0, 0, 0, 0, 0]), target, WIDTHS, train=rows(30, 2), test=rows(30, 3))
    result = FeatureAttributionAudit(rows=20, background=10, checks=False).measure(judged)
    found = find(result)
    for method in ("shapley", "deep_lift"):
        values = {
            m.parameters["feature"]: m.value
            for m in found.all("mean_absolute_attribution", output="quiet")
            if m.parameters["method"] == method
        }
        assert values["age"] > 0.1
        assert values["job"] == pytest.approx(0, abs=1e-6)
    assert [figure.data["labels"][0] for figure in figures(result, "dot_interval")] == ["age", "age"]
    (table,) = result.tables
    assert table.rows[0][0] == "age"
    assert len(table.rows) == 3
    assert "Explained: 20 of 30 rows of the test split, drawn with seed 0, against 10 rows" in result.notes[0]
    assert result.parameters == {
        "methods": "auto",
        "rows": 20,
        "background": 10,
        "budget": 500_000,
        "tolerance": 0.05,
        "completeness": 0.05,
        "max_batch": None,
        "local": 3,
        "checks": False,
        "cross_check": True,
    }
    assert found.one("shap_largest_difference", output="quiet").value < 1e-6  # both are exact for three features


def test_a_multiclass_target_is_explained_for_the_classes_predicted_most(tabular_evidence, find) -> None:
    torch.manual_seed(0)
    judged = tabular_evidence(nn.Linear(5, 4), THREE, WIDTHS, train=rows(40, 4), test=rows(60, 5))
    often = np.bincount(judged.evaluated.predicted, minlength=4)
    outputs = explained_outputs(judged)
    assert len(outputs) == 3
    assert [label for _, label in outputs] == [THREE.classes[k] for k, _ in outputs]
    assert {k for k, _ in outputs} == set(np.argsort(-often, kind="stable")[:3])
    result = quick().measure(judged)
    assert {m.output for m in result.measurements} == {label for _, label in outputs}
    # one row for each output: that with the highest score
    assert len(figures(result, "bar")) == 3


class TestMethods:
    def test_one_that_does_not_add_up_is_set_aside_for_the_next(self, tabular_evidence, binary_target, find) -> None:
        judged = tabular_evidence(normed_net(), binary_target, WIDTHS, train=rows(30, 6), test=rows(30, 7))
        result = quick().measure(judged)
        found = find(result)
        used = {m.parameters["method"]: m.parameters["used"] for m in found.all("completeness_error")}
        assert used == {"shapley": True, "deep_lift": False, "integrated_gradients": True}
        assert {m.parameters["method"] for m in found.all("mean_absolute_attribution")} == {
            "shapley",
            "integrated_gradients",
        }
        (note,) = [note for note in result.notes if note.startswith("DeepLIFT not used")]
        assert "no rule for 1 (LayerNorm). Replaced by Integrated gradients." in note
        findings, _ = judge([result], load_policy("default"))
        told = {(finding.title, finding.verdict) for finding in findings if finding.audit == "feature_attribution"}
        assert ("Explanation method rejected because its attributions do not add up: high", "info") in told
        assert ("Attributions add up to the score: high, method integrated_gradients", "pass") in told
        assert ("Attributions add up to the score: high, method shapley", "pass") in told

    def test_the_threshold_is_an_option_and_the_policy_judges_the_number(
        self, tabular_evidence, regression_target, find
    ) -> None:
        """GELU has no rule in captum, but where it is nearly linear the values nearly add up."""

        class Bent(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.act = nn.GELU()

            def forward(self, x: torch.Tensor) -> torch.Tensor:
                return 2 * x[:, :1] + self.act(x[:, :1])

        network = Bent()
        judged = tabular_evidence(network, regression_target, WIDTHS, train=rows(30, 6), test=rows(30, 7))
        result = quick(completeness=1.0, methods=["deep_lift"]).measure(judged)
        (worst,) = [m for m in find(result).all("completeness_error") if m.parameters["statistic"] == "max"]
        assert 0.05 < worst.value < 1
        assert worst.parameters["used"] is True
        findings, _ = judge([result], load_policy("default"))
        assert [f.verdict for f in findings if f.title.startswith("Attributions add up to the score")] == ["fail"]

    def test_the_automatic_choice_needs_gradients_for_the_second(self, tabular_evidence, binary_target, find) -> None:
        class Rounded(nn.Module):
            def forward(self, x: torch.Tensor) -> torch.Tensor:
                return torch.from_numpy(np.round(x.detach().numpy()[:, 0] * 2))

        judged = tabular_evidence(Rounded(), binary_target, WIDTHS, train=rows(30, 6), test=rows(30, 7))
        result = quick().measure(judged)
        assert {m.parameters["method"] for m in find(result).all("mean_absolute_attribution")} == {"shapley"}
        assert [note.split(" not used")[0] for note in result.notes[-2:]] == ["DeepLIFT", "Integrated gradients"]

    def test_by_name_with_options_the_first_in_full(self, tabular_evidence, regression_target, find) -> None:
        methods = [{"name": "feature_permutation", "repeats": 4}, "saliency"]
        judged = tabular_evidence(relu_net(), regression_target, WIDTHS, train=rows(30, 6), test=rows(30, 7))
        result = quick(methods=methods).measure(judged)
        assert result.parameters["methods"] == methods
        assert [m.parameters["method"] for m in find(result).all("sampling_error")] == ["feature_permutation"] * 2
        assert find(result).one("sampling_tolerance").value == 0.05
        assert find(result).all("completeness_error") == []
        assert [f.title.split(":")[0] for f in figures(result, "beeswarm")] == ["Feature permutation", "Saliency"]
        assert {f.title.split(":")[0] for f in figures(result, "bar")} == {"Feature permutation"}

    def test_names_and_options_are_refused_before_anything_runs(self) -> None:
        with pytest.raises(
            UserError, match=r"explainer 'integrated_gradient': is not known\. Did you mean 'integrated_"
        ):
            FeatureAttributionAudit(methods=["integrated_gradient"])
        with pytest.raises(UserError, match="has no option 'sample'"):
            FeatureAttributionAudit(methods=[{"name": "lime", "sample": 2}])
        with pytest.raises(UserError, match="names lime more than once"):
            FeatureAttributionAudit(methods=["lime", "lime"])

    def test_a_method_for_other_data_is_set_aside(self, tabular_evidence, regression_target) -> None:
        judged = tabular_evidence(relu_net(), regression_target, WIDTHS, train=rows(30, 6), test=rows(30, 7))
        result = quick(methods=["grad_cam"]).measure(judged)
        assert any(
            "supports image data, not tabular. Replaced by Integrated gradients" in note for note in result.notes
        )


class TestStrangers:
    @pytest.fixture
    def plugin(self, tmp_path: Path) -> Iterator[None]:
        """Three explainers of a file: an honest one, one whose promise is broken, and one that crashes."""
        path = tmp_path / "strange_explainers.py"
        path.write_text(
            dedent(
                """
                import numpy as np
                from glasshouse import ExplainerPlugin, Explanation, hookimpl

                @hookimpl
                def glasshouse_explainers():
                    yield ExplainerPlugin(name="swap", title="Swap", target="strange_explainers:Swap", summary="s")
                    yield ExplainerPlugin(name="liar", target="strange_explainers:Liar", summary="s")
                    yield ExplainerPlugin(name="crash", target="strange_explainers:Crash", summary="s")

                class Swap:
                    def explain(self, question):
                        scores, values = question.scores(question.rows), []
                        for feature in range(question.features):
                            swapped = question.rows.clone()
                            columns = np.flatnonzero(question.owner == feature)
                            swapped[:, columns] = question.background[0, columns]
                            values.append(scores - question.scores(swapped))
                        return Explanation(values=np.stack(values, axis=1), evaluations=1, details="Swapped.")

                class Liar:
                    def explain(self, question):
                        n, k = len(question.rows), len(question.outputs)
                        base = np.zeros((n, k))
                        values = np.ones((n, question.features, k))
                        return Explanation(values=values, base=base, completeness="promised", suspects=("the sun",))

                class Crash:
                    def explain(self, question):
                        raise ZeroDivisionError("oh")
                """
            )
        )
        before = registry()
        set_registry(Registry(files=[path]))
        yield
        set_registry(before)
        sys.modules.pop("strange_explainers")

    def test_theirs_get_all_checks_and_drawings(self, plugin, tabular_evidence, regression_target, find) -> None:
        judged = tabular_evidence(
            relu_net(),
            regression_target,
            WIDTHS,
            train=rows(30, 6),
            test=rows(30, 7),
            groups={"sex": (("f", "m"), np.arange(30) % 2)},
        )
        result = FeatureAttributionAudit(methods=["swap", "shapley"], rows=20, background=10).measure(judged)
        names = {m.name for m in result.measurements if "swap" in m.parameters.values()}
        assert {
            "mean_absolute_attribution",
            "mean_attribution",
            "deletion_area",
            "insertion_area",
            "infidelity",
            "max_sensitivity",
            "method_agreement",
        } <= names
        titles = [figure.title for figure in result.figures if figure.title.startswith("Swap:")]
        kinds = [figure.kind for figure in result.figures if figure.title.startswith("Swap:")]
        assert kinds == ["dot_interval", "beeswarm", "dot_interval", "bar", "bar", "bar"], titles

    def test_a_broken_promise_and_a_crash_are_set_aside(self, plugin, tabular_evidence, regression_target) -> None:
        judged = tabular_evidence(relu_net(), regression_target, WIDTHS, train=rows(30, 6), test=rows(30, 7))
        result = quick(methods=["liar", "crash", "swap"]).measure(judged)
        assert any(note.startswith("liar not used") and "no rule for the sun" in note for note in result.notes)
        assert any("crash not used: ZeroDivisionError: oh" in note for note in result.notes)
        assert "Replaced by Shapley values" in " ".join(result.notes)  # the second reserve

    def test_where_nothing_answers_the_audit_says_why(self, plugin, tabular_evidence, regression_target) -> None:
        judged = tabular_evidence(relu_net(), regression_target, WIDTHS, train=rows(30, 6), test=rows(30, 7))
        set_registry(Registry(only=["glasshouse"], files=registry()._files))
        with pytest.raises(UserError, match=r"explain the model\. crash not used: ZeroDivisionError"):
            quick(methods=["crash"]).measure(judged)


class TestTelling:
    def test_what_is_used_for_whom(self, tabular_evidence, binary_target, find) -> None:
        """Differences of mean attributions add up to the difference of mean scores; nobody's group vanishes."""
        codes = np.arange(40) % 2
        judged = tabular_evidence(
            relu_net(),
            binary_target,
            WIDTHS,
            train=rows(30, 6),
            test=rows(40, 7),
            groups={"sex": (("f", "m", "x"), codes)},
        )
        result = quick(rows=40).measure(judged)
        found = find(result)
        means = {
            level: sum(
                m.value
                for m in found.all("mean_attribution", group={"sex": level})
                if m.parameters["method"] == "shapley"
            )
            for level in ("f", "m")
        }
        scores = judged.evaluated.scores[:, 1]
        gap = scores[codes == 0].mean() - scores[codes == 1].mean()
        assert means["f"] - means["m"] == pytest.approx(gap, abs=1e-5)
        assert [m.value for m in found.all("count", output="high")] == [20, 20, 0]
        assert {m.undefined for m in found.all("mean_attribution", group={"sex": "x"})} == {"no rows"}
        (table,) = [t for t in result.tables if "by sex" in t.title]
        assert len(table.rows) == 9
        (figure,) = [f for f in result.figures if "by sex" in f.title]
        assert set(figure.data["labels"]) == {"f", "m"}
        assert figure.data["n"] == [20] * 6

    def test_rows_are_told_by_index_alone_unless_examples_may_be_shown(
        self, tabular_evidence, regression_target
    ) -> None:
        """A value that only one row has does not turn up in the result; the highest score is that row's."""
        test = rows(30, 12)
        test[3, 0] = 12345.678
        evidence = {"train": rows(30, 13), "test": test}
        network = Linear([1.0, 0, 0, 0, 0])
        result = quick(rows=30).measure(tabular_evidence(network, regression_target, WIDTHS, **evidence))
        bars = figures(result, "bar")
        assert "row 3 of the test split" in bars[-1].title
        assert all(set(figure.data["labels"]) == {"age", "job", "noise"} for figure in bars)
        shown = quick(rows=30).measure(
            tabular_evidence(network, regression_target, WIDTHS, **evidence, show_examples=True)
        )
        assert "age = 1.23e+04 (encoded)" in figures(shown, "bar")[-1].data["labels"]
        assert (
            figures(quick(local=0).measure(tabular_evidence(network, regression_target, WIDTHS, **evidence)), "bar")
            == []
        )

    def test_a_beeswarm_has_every_row_and_the_third_of_its_value(self, tabular_evidence, regression_target) -> None:
        """Attribution grows with age, so the lowest third lies left of the highest; jobs have no order."""
        judged = tabular_evidence(
            Linear([1.0, 2.0, -1.0, 0, 0]), regression_target, WIDTHS, train=rows(30, 8), test=rows(60, 9)
        )
        swarm = figures(quick(rows=60, methods=["shapley"]).measure(judged), "beeswarm")[0].data["swarms"]
        by_name = {one["name"]: one for one in swarm}
        assert {name: sum(one["n"]) for name, one in by_name.items()} == {"age": 60, "job": 60, "noise": 60}
        age = by_name["age"]
        ends = {
            level: [x for x, each in zip(age["x"], age["level"], strict=True) if each == level] for level in (0.0, 1.0)
        }
        assert max(ends[0.0]) < min(ends[1.0])
        thirds = {
            level: sum(n for n, each in zip(age["n"], age["level"], strict=True) if each == level) for level in ends
        }
        assert thirds == {0.0: 20, 1.0: 20}
        assert set(by_name["job"]["level"]) == {None}

    def test_the_seed_fixes_everything(self, tabular_evidence, binary_target) -> None:
        def measure(seed: int) -> object:
            judged = tabular_evidence(
                relu_net(2), binary_target, WIDTHS, train=rows(40, 8), test=rows(40, 9), seed=seed
            )
            return quick(rows=10).measure(judged)

        assert measure(0) == measure(0)
        assert measure(0) != measure(1)

    def test_a_constant_model_and_a_single_row(self, tabular_evidence, binary_target, find) -> None:
        judged = tabular_evidence(Linear([0.0] * 5), binary_target, WIDTHS, train=rows(5, 10), test=rows(1, 11))
        found = find(FeatureAttributionAudit().measure(judged))
        for m in found.all("completeness_error"):
            assert m.undefined == "the model's output is the same for every explained row"
        for m in found.all("mean_absolute_attribution"):
            assert (m.value, m.low, m.n) == (0, None, 1)


def test_sampling_is_held_beside_the_tolerance(tabular_evidence, regression_target, find) -> None:
    """Twelve features and a budget too small to enumerate them: values come with an error, which the policy judges."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 1))
    widths = {f"x{k}": 1 for k in range(12)}
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 12)).astype(np.float32)
    judged = tabular_evidence(network, regression_target, widths, train=x, test=x[::-1].copy())
    verdicts = {}
    for tolerance in (0.5, 0.001):
        result = quick(budget=2000, tolerance=tolerance, methods=["shapley"]).measure(judged)
        found = find(result)
        assert found.one("sampling_tolerance").value == tolerance
        mean = found.one("sampling_error", parameters={"method": "shapley", "statistic": "mean"})
        assert 0 < mean.value < 0.3
        findings, _ = judge([result], load_policy("default"))
        (verdicts[tolerance],) = [f.verdict for f in findings if f.title.startswith("Sampling error")]
    assert verdicts == {0.5: "pass", 0.001: "fail"}


def test_refusals(tabular_evidence, binary_target) -> None:
    broken = rows(10, 14)
    broken[2, 0] = np.nan
    network = Linear([1.0, 0, 0, 0, 0])
    with pytest.raises(UserError, match="the encoded test split contains NaN or infinite values"):
        FeatureAttributionAudit().measure(
            tabular_evidence(network, binary_target, WIDTHS, train=rows(10, 15), test=broken)
        )
    diverged = Linear([float("nan")] * 5)
    with pytest.raises(UserError, match="some explained rows have NaN or infinite outputs"):
        FeatureAttributionAudit().measure(
            tabular_evidence(diverged, binary_target, WIDTHS, train=rows(10, 16), test=rows(10, 17))
        )
    with pytest.raises(UserError, match="rows is 0; expected a whole number >= 1"):
        FeatureAttributionAudit(rows=0)
