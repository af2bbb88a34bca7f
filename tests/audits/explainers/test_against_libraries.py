"""SHAP and Captum asked directly, on equal inputs where every column is a feature."""

from __future__ import annotations

import captum.attr
import numpy as np
import pytest
import shap
import torch
from glasshouse import Question
from glasshouse_audits.explain.methods.shap_partition import tree_of_features
from glasshouse_audits.explain.shapley import shapley_values

OWN = np.arange(5)


@pytest.fixture
def asked(question, mlp) -> Question:
    return question(mlp.eval(), owner=OWN)


def values(explainer, name: str, asked: Question, **options) -> np.ndarray:
    return explainer(name, **options).explain(asked).values[:, :, 0]


def test_captums_methods_with_one_baseline(explainer, asked, mlp) -> None:
    start = asked.background.mean(dim=0, keepdim=True)
    x = asked.rows.clone().requires_grad_()
    theirs = {
        "deep_lift": captum.attr.DeepLift(mlp).attribute(x, start, target=0),
        "saliency": captum.attr.Saliency(mlp).attribute(x, target=0),
        "input_x_gradient": captum.attr.InputXGradient(mlp).attribute(x, target=0),
        "feature_ablation": captum.attr.FeatureAblation(mlp).attribute(x, start, target=0),
        "lrp": captum.attr.LRP(mlp).attribute(x, target=0),
    }
    for name, expected in theirs.items():
        np.testing.assert_allclose(values(explainer, name, asked), expected.detach().numpy(), atol=1e-5, err_msg=name)


def test_deep_lift_shap_and_shap_deep_are_one_quantity(explainer, asked, mlp) -> None:
    captums = captum.attr.DeepLiftShap(mlp).attribute(asked.rows.clone().requires_grad_(), asked.background, target=0)
    shaps = shap.DeepExplainer(mlp, asked.background).shap_values(asked.rows)[:, :, 0]
    np.testing.assert_allclose(values(explainer, "deep_lift_shap", asked), captums.detach().numpy(), atol=1e-5)
    np.testing.assert_allclose(values(explainer, "shap_deep", asked), shaps, atol=1e-5)


def test_expected_gradients_of_both_libraries_agree_within_their_error(explainer, asked) -> None:
    ours = [explainer(n, samples=100, repeats=8).explain(asked) for n in ("gradient_shap", "shap_gradient")]
    difference = np.abs(ours[0].values - ours[1].values)
    error = np.sqrt(ours[0].standard_error ** 2 + ours[1].standard_error ** 2)
    scaled = difference[error > 0] / error[error > 0]
    assert np.sqrt((scaled**2).mean()) < 1.6  # 1 were expected of errors that are known exactly
    assert np.sqrt((scaled**2).mean()) > 0.5


def test_sampled_shapley_values_are_near_exact_ones_as_their_error_says(explainer, asked, mlp) -> None:
    exact = shapley_values(mlp, asked.rows, asked.background, method="exact").values
    found = explainer("shap_sampling", samples=400, repeats=6).explain(asked)
    off = np.linalg.norm(found.values - exact, axis=1)
    expected = np.linalg.norm(found.standard_error, axis=1)
    assert 0.4 < (off / expected).mean() < 1.8


def test_owen_values_are_shaps_on_the_same_tree(explainer, asked, mlp) -> None:
    tree = tree_of_features(asked)
    masker = shap.maskers.Partition(asked.background.numpy(), clustering=tree, max_samples=100)

    def model(x: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return mlp(torch.from_numpy(x).float()).numpy()[:, 0]

    theirs = shap.explainers.Partition(model, masker)(asked.rows.numpy(), max_evals=500, silent=True).values
    np.testing.assert_allclose(values(explainer, "shap_partition", asked), theirs, atol=1e-5)


def test_the_tree_joins_columns_that_say_the_same(question, mlp) -> None:
    """Columns 0 and 3 are opposite, so at distance 0; the others are further apart."""
    z = torch.randn(50, 5, generator=torch.Generator().manual_seed(0))
    z[:, 3] = -z[:, 0]
    tree = tree_of_features(question(mlp, z=z, owner=OWN))
    assert set(tree[0, :2]) == {0, 3}
    assert tree[0, 2] == pytest.approx(0, abs=1e-6)
    assert tree.shape == (4, 4)
