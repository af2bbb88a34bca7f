"""How explainers are found and asked, and judged by the form of their answers; batches that shrink; questions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from glasshouse import ExplainerPlugin, Explanation, NotExplainableError, Question, UserError, in_batches
from glasshouse.config.run_options import Choice
from glasshouse_audits.explain.explainers import Method, find_method, is_installed, parse_methods


def answering(answer: Callable[[Question], object]) -> Method:
    class Some:
        def explain(self, question: Question) -> object:
            return answer(question)

    plugin = ExplainerPlugin(name="some", target="a.b:C", summary="")
    return Method(name="some", plugin=plugin, explainer=Some())


class TestBatches:
    def test_parts_shrink_where_memory_runs_out_and_the_result_is_the_same(self) -> None:
        """An accelerator with room for five rows: 16, 8 and 4 are tried, then all goes on with 4."""
        sizes = []

        def double(x: torch.Tensor) -> torch.Tensor:
            sizes.append(len(x))
            if len(x) > 5:
                raise torch.OutOfMemoryError("artificial")
            return 2 * x

        x = torch.arange(18.0)
        assert torch.equal(in_batches(double, x, most=16), 2 * x)
        assert sizes == [16, 8, 4, 4, 4, 4, 2]

    def test_no_room_for_one_row_is_the_callers_to_know(self) -> None:
        def never(x: torch.Tensor) -> torch.Tensor:
            raise torch.OutOfMemoryError("artificial")

        with pytest.raises(torch.OutOfMemoryError, match="out of memory with a single row"):
            in_batches(never, torch.arange(4.0), most=4)

    def test_several_inputs_and_none(self) -> None:
        a, b = torch.arange(5.0), torch.ones(5)
        assert in_batches(lambda x, y: x + y, a, b, most=2).tolist() == [1, 2, 3, 4, 5]
        assert in_batches(lambda x: x[:, :1], torch.zeros(0, 3), most=4).shape == (0, 1)

    @pytest.mark.parametrize(
        "name", ["integrated_gradients", "deep_lift", "deep_lift_shap", "gradient_shap", "shapley"]
    )
    def test_methods_go_on_with_smaller_batches(self, name, question, explainer, mlp) -> None:
        largest = []

        class Tight(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.inner = mlp

            def forward(self, x: torch.Tensor) -> torch.Tensor:
                largest.append(len(x))
                if len(x) > 200:
                    raise torch.OutOfMemoryError("artificial")
                return self.inner(x)

        whole = explainer(name).explain(question(mlp, rows=120))
        tight = explainer(name).explain(question(Tight(), rows=120))
        assert max(largest) > 200
        error = 0 if whole.standard_error is None else 8 * np.maximum(whole.standard_error, tight.standard_error)
        assert (np.abs(tight.values - whole.values) <= 1e-5 + error).all()


class TestFinding:
    def test_an_unknown_name_is_refused_with_the_nearest(self) -> None:
        with pytest.raises(UserError, match=r"explainer 'shaply': is not known\. Did you mean 'shapley'"):
            parse_methods("feature_attribution", ["shaply"])

    def test_an_unknown_option_too(self) -> None:
        with pytest.raises(UserError, match=r"explainer 'lime': has no option 'sample'\. Did you mean 'samples'"):
            find_method(Choice("lime", {"sample": 3}))
        with pytest.raises(UserError, match="method is 'fast'; expected auto, exact, kernel or permutation"):
            find_method(Choice("shapley", {"method": "fast"}))

    @pytest.mark.parametrize(
        ("name", "option", "value", "expected"),
        [
            ("lime", "samples", 1, "a whole number >= 2"),
            ("feature_permutation", "repeats", 1, "a whole number >= 2"),
            ("gradient_shap", "repeats", True, "a whole number >= 2"),
            ("shap_gradient", "samples", 2.5, "a whole number >= 2"),
            ("shap_sampling", "samples", "many", "a whole number >= 2"),
            ("shap_partition", "coalitions", 0, "a whole number >= 3"),
            ("integrated_gradients", "steps", 1, "a whole number >= 2"),
            ("integrated_gradients", "error", 0, "a number above 0"),
        ],
    )
    def test_options_out_of_range_are_refused(self, name, option, value, expected) -> None:
        with pytest.raises(UserError, match=f"explainer '{name}': {option} is {value!r}; expected {expected}"):
            find_method(Choice(name, {option: value}))

    def test_methods_must_be_a_list(self) -> None:
        for wrong in ("shapley", [], 3):
            with pytest.raises(UserError, match="expected auto or a list of explainers"):
                parse_methods("feature_attribution", wrong)

    def test_options_reach_the_explainer(self) -> None:
        (choice,) = parse_methods("feature_attribution", [{"name": "lime", "samples": 33}])
        assert find_method(choice).explainer.samples == 33
        assert find_method(choice).title == "LIME"
        assert is_installed("lime")
        assert not is_installed("limes")


class TestAnswers:
    @pytest.mark.parametrize(
        ("answer", "message"),
        [
            (lambda q: None, "returned NoneType; expected Explanation"),
            (
                lambda q: Explanation(values=np.zeros((6, 5, 1))),
                r"`values` has shape \(6, 5, 1\); expected \(6, 3, 1\)",
            ),
            (lambda q: Explanation(values=np.full((6, 3, 1), np.nan)), "`values` contains NaN"),
            (lambda q: Explanation(values=np.zeros((6, 3, 1)), base=np.zeros(6)), r"`base` has shape \(6,\)"),
            (lambda q: Explanation(values=np.zeros((6, 3, 1)), completeness="promised"), "`base` is missing"),
        ],
    )
    def test_the_form_of_an_answer_is_looked_at(self, answer, message, question, mlp) -> None:
        with pytest.raises(UserError, match=f"explainer 'some'.*{message}"):
            answering(answer).explain(question(mlp))

    def test_a_crash_becomes_a_reason(self, question, mlp) -> None:
        def crash(_: Question) -> None:
            raise KeyError("layer 3")

        with pytest.raises(NotExplainableError, match="KeyError: 'layer 3'"):
            answering(crash).explain(question(mlp))


class TestQuestion:
    def test_columns_of_a_feature_are_summed(self, question, mlp) -> None:
        columns = np.arange(30.0).reshape(6, 5, 1)
        summed = question(mlp).by_feature(columns)
        assert summed[0, :, 0].tolist() == [0, 1 + 2 + 3, 4]
        assert question(mlp, owner=None).by_feature(columns) is columns
        assert question(mlp).features == 3

    def test_scores_do_not_depend_on_batches(self, question, mlp) -> None:
        asked = question(mlp, rows=9, max_batch=2)
        with torch.no_grad():
            expected = mlp(asked.rows).numpy()
        np.testing.assert_allclose(asked.scores(asked.rows), expected, rtol=1e-6)
