"""What holds for each of our explainers: closed forms, invariances, and that the model is left as it was."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from glasshouse import Target
from glasshouse.plugins import Registry

ALL = [c.name for c in Registry(only=["glasshouse-audits"]).components("explainer") if "tabular" in c.plugin.modalities]
SAMPLED = {"gradient_shap", "shap_gradient", "feature_permutation", "lime", "shap_sampling"}
ADD_UP = {
    "shapley",
    "shap_partition",
    "shap_sampling",
    "integrated_gradients",
    "deep_lift",
    "deep_lift_shap",
    "shap_deep",
}
# Small answers, so that the libraries' loops over rows take no time.
FEW: dict[str, dict[str, Any]] = {
    "lime": {"samples": 40},
    "shap_sampling": {"samples": 60},
    "gradient_shap": {"samples": 10},
    "shap_gradient": {"samples": 10},
}
W = np.array([2.0, 1.0, -1.0, 0.5, 0.0])


class Plain(torch.nn.Module):
    """x w, without a bias."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(5, 1, bias=False)
        with torch.no_grad():
            self.layer.weight[:] = torch.from_numpy(W).float()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x)


def by_feature(columns: np.ndarray) -> np.ndarray:
    return np.column_stack([columns[:, 0], columns[:, 1:4].sum(axis=1), columns[:, 4]])


def test_all_fifteen_are_here() -> None:
    assert len(ALL) == 15


@pytest.mark.parametrize("name", ALL)
def test_a_linear_model_has_a_closed_form(name, question, explainer) -> None:
    """w (x - mean of the background) for all that count from the background (Lundberg and Lee 2017, corollary 1)."""
    asked = question(Plain())
    x, z = asked.rows.numpy(), asked.background.numpy()
    found = explainer(name, **FEW.get(name, {})).explain(asked)
    values = found.values[:, :, 0]
    assert values.shape == (6, 3)
    if name == "saliency":
        expected = np.tile(by_feature(np.abs(W)[None]), (6, 1))
    elif name in ("input_x_gradient", "lrp"):  # relevance is shared in proportion to w x, which adds up to the score
        expected = by_feature(W * x)
    elif name == "feature_permutation":
        # Exchanged with another explained row, each as likely as itself. Few values are possible, so a fixed margin.
        expected = by_feature(W * (x - x.mean(axis=0)))
        assert (np.abs(values - expected) <= 5 * found.standard_error[:, :, 0] + 1e-6).all()
        return
    else:
        expected = by_feature(W * (x - z.mean(axis=0)))
    if name in ("gradient_shap", "shap_gradient", "shap_sampling"):
        # random background rows: within 5 standard errors, which themselves rest on a few answers
        assert (np.abs(values - expected) <= 5 * found.standard_error[:, :, 0] + 0.5).all()
        assert np.abs(values - expected).mean() < 0.3
    else:
        np.testing.assert_allclose(values, expected, atol=2e-5)


@pytest.mark.parametrize("name", ALL)
def test_the_model_and_the_random_state_are_left_as_they_were(name, question, explainer, mlp) -> None:
    mlp.train()
    mlp[1].eval()
    for p in mlp.parameters():
        p.grad = torch.ones_like(p)
    mlp[2].register_forward_hook(lambda *_: None)

    def state() -> Any:
        modules = [
            {
                k: dict(v) if isinstance(v, dict) else v
                for k, v in vars(m).items()
                if k not in ("_parameters", "_modules")
            }
            for m in mlp.modules()
        ]
        tensors = [(p.detach().clone(), p.grad.clone(), p.requires_grad) for p in mlp.parameters()]
        names = [name for name, _ in mlp.named_parameters()]
        return modules, names, tensors

    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    before = state()
    draws = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    explainer(name, **FEW.get(name, {})).explain(question(mlp, rows=3))
    after = state()
    assert after[0] == before[0]
    assert after[1] == before[1]
    for (p, g, r), (q, h, s) in zip(before[2], after[2], strict=True):
        assert torch.equal(p, q)
        assert torch.equal(g, h)
        assert r == s
    assert draws == (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())


@pytest.mark.parametrize("name", ALL)
def test_a_feature_without_weight_gets_nothing(name, question, explainer, mlp) -> None:
    found = explainer(name, **FEW.get(name, {})).explain(question(mlp, rows=3))
    error = 0 if found.standard_error is None else found.standard_error[:, 2, 0]
    tolerance = 5 * error + 1e-5 if name in ("lime", "shap_sampling") else 1e-5
    assert (np.abs(found.values[:, 2, 0]) <= tolerance).all()
    assert np.abs(found.values[:, 0, 0]).max() > 0.01


@pytest.mark.parametrize("name", sorted(set(ALL) - SAMPLED))
def test_neither_the_order_of_rows_nor_the_batch_size_matters(name, question, explainer, mlp) -> None:
    asked = question(mlp, rows=7)
    whole = explainer(name).explain(asked)
    turned = explainer(name).explain(replace(asked, rows=asked.rows.flip(0)))
    np.testing.assert_allclose(turned.values[::-1], whole.values, atol=1e-5)
    for most in (1, 5):
        small = explainer(name).explain(replace(asked, max_batch=most))
        np.testing.assert_allclose(small.values, whole.values, atol=1e-5)


@pytest.mark.parametrize("name", sorted(SAMPLED - {"feature_permutation"}))
def test_sampled_methods_do_not_depend_on_the_batch_size_but_for_their_error(name, question, explainer, mlp) -> None:
    asked = question(mlp, rows=3)
    whole = explainer(name, **FEW[name]).explain(asked)
    small = explainer(name, **FEW[name]).explain(replace(asked, max_batch=4))
    error = np.hypot(whole.standard_error, small.standard_error)
    assert (np.abs(small.values - whole.values) <= 6 * error + 0.05).all()


@pytest.mark.parametrize("name", sorted(SAMPLED))
def test_the_seed_fixes_sampled_values(name, question, explainer, mlp) -> None:
    asked = question(mlp, rows=3)
    explain = explainer(name, **FEW.get(name, {})).explain
    first = explain(asked)
    assert (first.values == explain(asked).values).all()
    assert (first.values != explain(replace(asked, seed=6)).values).any()
    assert (first.standard_error >= 0).all()
    assert first.standard_error[:, 0].max() > 0


@pytest.mark.parametrize("name", sorted(ADD_UP))
@pytest.mark.parametrize(
    ("width", "target"),
    [
        (1, Target(name="t", kind="regression")),
        (1, Target(name="t", kind="binary", classes=("a", "b"))),
        (2, Target(name="t", kind="binary", classes=("a", "b"))),
        (4, Target(name="t", kind="multiclass", classes=("a", "b", "c", "d"))),
        (3, Target(name="t", kind="multilabel", classes=("a", "b", "c"))),
    ],
    ids=["regression", "one logit", "two logits", "four logits", "three labels"],
)
def test_values_add_up_to_every_kind_of_score(name, width, target, question, explainer) -> None:
    """By modules or not, what is explained is the score itself; symmetric outputs get opposite values."""
    torch.manual_seed(4)
    network = torch.nn.Sequential(torch.nn.Linear(5, 12), torch.nn.ReLU(), torch.nn.Linear(12, width))
    outputs = (0,) if target.kind == "regression" else (0, 1)
    asked = question(network, target, rows=3, outputs=outputs)
    found = explainer(name, **FEW.get(name, {})).explain(asked)
    assert found.values.shape == (3, 3, len(outputs))
    change = asked.scores(asked.rows) - found.base
    loose = 0.01 * np.abs(change) + 1e-3 if name == "integrated_gradients" else 1e-5
    assert (np.abs(found.values.sum(axis=1) - change) <= loose).all()
    if target.kind == "binary" and name not in SAMPLED:
        np.testing.assert_allclose(found.values[:, :, 0], -found.values[:, :, 1], atol=1e-3)


@pytest.mark.parametrize("name", ALL)
def test_evaluations_are_counted(name, question, explainer, mlp) -> None:
    """No fewer than a look per row, no more than the network has seen."""
    seen = 0

    def count(_: Any, inputs: Any) -> None:
        nonlocal seen
        seen += len(inputs[0])

    # of the module around the network, which explainers do not see
    asked = question(torch.nn.Sequential(mlp), rows=3)
    mlp.register_forward_pre_hook(count)
    found = explainer(name, **FEW.get(name, {})).explain(asked)
    assert 3 <= found.evaluations <= seen


@pytest.mark.parametrize(
    ("name", "each"), [("deep_lift", 2), ("deep_lift_shap", 16), ("shap_deep", 16), ("saliency", 1)]
)
def test_evaluations_by_hand(name, each, question, explainer, mlp) -> None:
    """Two for row and baseline, two for each of eight background rows; the shap library scores the background once."""
    found = explainer(name).explain(question(mlp))
    assert found.evaluations == 6 * each + (8 if name == "shap_deep" else 0)


@pytest.mark.parametrize("name", ALL)
def test_no_more_inputs_than_max_batch_are_held_at_once(name, question, explainer, mlp) -> None:
    largest = []
    mlp.register_forward_pre_hook(lambda _, inputs: largest.append(len(inputs[0])))
    explainer(name, **FEW.get(name, {})).explain(question(mlp, rows=20, background=24, max_batch=16))
    assert max(largest) <= 16
