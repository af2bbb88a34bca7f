"""Networks that rules by modules cannot follow: caught, and the part that is to blame named."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from glasshouse import NotExplainableError
from glasshouse_audits.explain.features.measurements import worst_completeness_error
from glasshouse_audits.explain.methods.unsupported_layers import unsupported_layers
from torch import nn

RULES = ("ReLU", "Sigmoid", "Softmax", "Tanh")


class Shared(nn.Module):
    """One ReLU for two layers."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.one, self.two, self.last = nn.Linear(5, 8), nn.Linear(8, 8), nn.Linear(8, 1)
        self.act = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.act(self.two(self.act(self.one(x)))))


class Functional(Shared):
    """ReLU as a function, and a gate."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = torch.relu(self.one(x))
        return self.last(hidden * torch.sigmoid(self.two(hidden)))


def normed() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 8), nn.LayerNorm(8), nn.ReLU(), nn.Linear(8, 1))


def gelu() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 8), nn.GELU(), nn.Linear(8, 1))


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        (normed(), ("1 (LayerNorm)",)),
        (gelu(), ("1 (GELU)",)),
        (Shared(), ("act (ReLU, called 2 times)",)),
        (
            Functional(),
            ("relu in Functional (no module)", "sigmoid in Functional (no module)", "mul in Functional (no module)"),
        ),
        (nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Dropout(), nn.BatchNorm1d(4), nn.Linear(4, 1)).eval(), ()),
    ],
    ids=["layer norm", "gelu", "shared", "functional", "plain"],
)
def test_suspects_by_hand(network, expected) -> None:
    hooks = [dict(m._forward_hooks) for m in network.modules()]
    assert unsupported_layers(network, torch.randn(2, 5), RULES) == expected
    assert [dict(m._forward_hooks) for m in network.modules()] == hooks


def test_linear_functions_and_weights_of_ones_own_are_no_suspects() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(4))
            self.register_buffer("scale", torch.tensor(2.0))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            a, b = torch.split(x, [2, 3], dim=1)
            joined = torch.cat([a, b[:, :2]], dim=1)
            return ((joined / self.scale + 1) @ self.weight).unsqueeze(1).reshape(-1, 1) * 3

    assert unsupported_layers(Own(), torch.randn(2, 5), RULES) == ()


@pytest.mark.parametrize("name", ["deep_lift", "deep_lift_shap", "shap_deep"])
@pytest.mark.parametrize(("network", "blamed"), [(normed(), "1 (LayerNorm)"), (Functional(), "relu in Functional")])
def test_values_that_do_not_add_up_come_with_who_is_to_blame(name, network, blamed, question, explainer) -> None:
    asked = question(network)
    found = explainer(name).explain(asked)
    assert found.completeness == "promised"
    assert worst_completeness_error(found, asked.scores(asked.rows)) > 0.05
    assert blamed in found.suspects[0]


def test_a_reused_module_is_refused_by_captum_and_caught_with_shap(question, explainer) -> None:
    asked = question(Shared())
    for name in ("deep_lift", "deep_lift_shap"):
        with pytest.raises(NotExplainableError, match=r"no rule for act \(ReLU, called 2 times\)"):
            explainer(name).explain(asked)
    found = explainer("shap_deep").explain(asked)  # the library says nothing
    assert worst_completeness_error(found, asked.scores(asked.rows)) > 0.05
    assert found.suspects == ("act (ReLU, called 2 times)",)


def test_relevance_adds_up_without_biases_only(question, explainer) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 1))
    asked = question(network)
    found = explainer("lrp").explain(asked)
    assert worst_completeness_error(found, asked.scores(asked.rows)) > 0.05
    assert found.suspects == ("0 (Linear, whose bias absorbs relevance)", "2 (Linear, whose bias absorbs relevance)")
    with torch.no_grad():
        network[0].bias.zero_()
        network[2].bias.zero_()
    found = explainer("lrp").explain(asked)
    assert worst_completeness_error(found, asked.scores(asked.rows)) < 1e-4
    assert found.suspects == ()
    with pytest.raises(NotExplainableError, match=r"no rule for 1 \(GELU\)"):
        explainer("lrp").explain(question(gelu()))


def test_shap_has_a_rule_for_gelu_and_captum_has_none(question, explainer) -> None:
    asked = question(gelu())
    scores = asked.scores(asked.rows)
    assert worst_completeness_error(explainer("shap_deep").explain(asked), scores) < 1e-4
    assert worst_completeness_error(explainer("deep_lift").explain(asked), scores) > 1e-3


@pytest.mark.parametrize("name", ["deep_lift", "shap_deep", "lrp"])
def test_a_failure_leaves_no_hook_behind(name, question, explainer) -> None:
    class Broken(Shared):
        calls = 0

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            Broken.calls += 1
            if Broken.calls > 3:
                raise RuntimeError("no more")
            return super().forward(x)

    network = Broken().train()
    before = [set(vars(m)) for m in network.modules()]
    with pytest.raises(NotExplainableError):
        explainer(name).explain(question(network))
    for module, had in zip(network.modules(), before, strict=True):
        assert set(vars(module)) == had
        assert not module._forward_hooks
        assert not module._backward_hooks
        assert module.training


def test_methods_of_players_explain_tables_only(question, explainer, mlp) -> None:
    for name in ("shapley", "shap_sampling", "shap_partition"):
        with pytest.raises(NotExplainableError, match="tabular data only"):
            explainer(name).explain(question(mlp, owner=None))


def test_gradients_of_pictures_keep_their_shape(question, explainer) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 1))
    asked = question(network, x=torch.randn(3, 1, 4, 4), z=torch.randn(4, 1, 4, 4), owner=None)
    change = asked.scores(asked.rows)
    for name in ("deep_lift", "integrated_gradients", "deep_lift_shap", "shap_deep", "gradient_shap", "saliency"):
        found = explainer(name).explain(asked)
        assert found.values.shape == (3, 1, 4, 4, 1)
        if found.completeness:
            total = found.values.sum(axis=(1, 2, 3)) + found.base
            np.testing.assert_allclose(total, change, atol=0.01)
