"""The gradient is Zhang's by hand; an adversary then learns less from the scores, and selection rates come together."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from glasshouse import Target, UserError
from glasshouse_plugins.techniques.adversarial_debiasing import (
    AdversarialDebiasing,
    adversary_input,
    combine_gradients,
)
from sklearn.metrics import roc_auc_score

BINARY = Target(name="y", kind="binary", classes=("no", "yes"))


def test_the_gradient_by_hand() -> None:
    """g = (3, 4), h = (0, 2): the projection of g on h is (0, 4); with strength .5 what is left is (3, 0 - 1)."""
    own, against = [torch.tensor([3.0]), torch.tensor([4.0])], [torch.tensor([0.0]), torch.tensor([2.0])]
    combine_gradients(own, against, 0.5)
    assert [g.item() for g in own] == [3.0, -1.0]


def test_without_strength_the_gradient_no_longer_helps_or_hurts_the_adversary() -> None:
    torch.manual_seed(0)
    own, against = [torch.randn(4, 3), torch.randn(5)], [torch.randn(4, 3), torch.randn(5)]
    combine_gradients(own, against, 0.0)
    assert float(sum((g * h).sum() for g, h in zip(own, against, strict=True))) == pytest.approx(0, abs=1e-5)


def test_an_adversary_without_a_gradient_changes_nothing() -> None:
    own = [torch.tensor([1.0, 2.0])]
    combine_gradients(own, [torch.zeros(2)], 1.0)
    assert own[0].tolist() == [1, 2]
    combine_gradients([], [], 1.0)


def test_what_the_adversary_sees() -> None:
    scores = torch.tensor([[0.25, 0.75], [0.5, 0.5]])
    log_odds = float(np.log(3))
    np.testing.assert_allclose(adversary_input(scores, BINARY, None), [[log_odds], [0]], atol=1e-6)
    seen = adversary_input(scores, BINARY, torch.tensor([1, 0]))
    np.testing.assert_allclose(seen, [[log_odds, 0, 1, 0, log_odds], [0, 1, 0, 0, 0]], atol=1e-6)
    number = Target(name="y", kind="regression", center=10.0, scale=2.0)
    assert adversary_input(torch.tensor([[14.0]]), number, None).tolist() == [[2.0]]


def test_selection_rates_come_together(train, plain) -> None:
    fair = train(AdversarialDebiasing(), epochs=10, lr=0.005)
    assert fair.parity_difference < 0.4 * plain.parity_difference
    assert 0.6 < fair.accuracy < plain.accuracy
    told, told_before = (abs(roc_auc_score(run.group, run.scores) - 0.5) for run in (fair, plain))
    assert told < 0.5 * told_before
    assert fair.task.loss_terms == []


def test_equalized_odds_brings_error_rates_together(train, plain) -> None:
    fair = train(AdversarialDebiasing(constraint="equalized_odds"), epochs=10, lr=0.01)
    assert fair.odds_difference < 0.7 * plain.odds_difference


def test_the_same_seed_gives_the_same_model(train) -> None:
    first, second = (train(AdversarialDebiasing(), epochs=1) for _ in range(2))
    np.testing.assert_array_equal(first.scores, second.scores)


def test_the_adversary_goes_with_the_checkpoint(train) -> None:
    trained = AdversarialDebiasing()
    train(trained, epochs=1)
    state = trained.state_dict()
    other = AdversarialDebiasing()
    other.adversary = torch.nn.Sequential(torch.nn.Linear(1, 16), torch.nn.ReLU(), torch.nn.Linear(16, 2))
    other.load_state_dict(state)
    for name, value in other.adversary.state_dict().items():
        torch.testing.assert_close(value, state["adversary"][name])
    assert AdversarialDebiasing().state_dict() == {}


def test_what_cannot_be_done_is_refused(train, biased) -> None:
    with pytest.raises(ValueError, match="strength is -1; expected 0 or more"):
        AdversarialDebiasing(strength=-1)
    with pytest.raises(ValueError, match="constraint is 'x'; expected one of"):
        AdversarialDebiasing(constraint="x")
    with pytest.raises(ValueError, match="lr is 0 and hidden is 16"):
        AdversarialDebiasing(lr=0)
    with pytest.raises(UserError, match="does not support gradient accumulation"):
        train(AdversarialDebiasing(), accumulate_grad_batches=2)
    with pytest.raises(UserError, match="equalized_odds requires a binary or multiclass target"):
        train(AdversarialDebiasing(constraint="equalized_odds"), data=biased(task="regression"))
