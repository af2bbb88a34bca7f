"""The penalty is the variance between groups; with it scores come together, more so the stronger it is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from glasshouse import UserError
from glasshouse_plugins.techniques.fair_regularizer import FairRegularizer, between_groups
from pytorch_lightning import LightningModule, Trainer


def test_the_penalty_is_that_of_zafars_covariance() -> None:
    """Two groups: cov(score, group)^2 / var(group), by NumPy."""
    rng = np.random.default_rng(0)
    group = rng.integers(0, 2, 50)
    score = rng.random(50)
    covariance = np.cov(score, group, bias=True)
    expected = covariance[0, 1] ** 2 / covariance[1, 1]
    found = between_groups(torch.from_numpy(score)[:, None], torch.from_numpy(group), 2)
    assert float(found) == pytest.approx(expected)


def test_the_penalty_of_many_groups_is_the_variance_that_they_explain() -> None:
    rng = np.random.default_rng(1)
    group, score = rng.integers(0, 4, 80), rng.random((80, 3))
    means = np.array([score[group == k].mean(axis=0) for k in range(4)])[group]
    found = between_groups(torch.from_numpy(score), torch.from_numpy(group), 4)
    assert float(found) == pytest.approx(means.var(axis=0).sum())
    order = rng.permutation(80)
    again = between_groups(torch.from_numpy(score[order]), torch.from_numpy(group[order]), 4)
    assert float(again) == pytest.approx(float(found))


@pytest.mark.parametrize("codes", [[-1, -1, -1], [0, 0, 0], [0, 0, -1], []])
def test_fewer_than_two_groups_have_no_penalty(codes) -> None:
    scores = torch.rand(len(codes), 1, requires_grad=True)
    penalty = between_groups(scores, torch.tensor(codes, dtype=torch.long), 3)
    penalty.backward()
    assert float(penalty) == pytest.approx(0, abs=1e-12)
    assert torch.isfinite(scores.grad).all()


def test_selection_rates_come_together_with_its_strength(train, plain) -> None:
    weak, strong = train(FairRegularizer(strength=2.0)), train(FairRegularizer(strength=30.0))
    assert strong.parity_difference < 0.35 * plain.parity_difference
    assert strong.parity_difference < weak.parity_difference < plain.parity_difference
    assert 0.6 < strong.accuracy < plain.accuracy
    assert strong.task.loss_terms == []  # nothing stays behind


def test_equalized_odds_brings_error_rates_together(train, plain) -> None:
    fair = train(FairRegularizer(strength=30.0, constraint="equalized_odds"))
    assert fair.odds_difference < 0.6 * plain.odds_difference


def test_no_strength_is_the_run_without_it(train, plain) -> None:
    np.testing.assert_allclose(train(FairRegularizer(strength=0.0)).scores, plain.scores, atol=1e-6)


def test_values_are_compared_in_units_of_their_spread(train, biased) -> None:
    data = biased(task="regression")
    data.setup()
    batch = data.loader("test").rows

    def apart(*callbacks) -> float:
        torch.manual_seed(0)
        from glasshouse.training.task import Task

        task = Task(torch.nn.Linear(2, 1), data.info.target)
        task.optimizer_factory = lambda parameters: torch.optim.Adam(parameters, lr=0.05)
        Trainer(
            max_epochs=4,
            callbacks=list(callbacks),
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        ).fit(task, datamodule=data)
        values, group = task.network(batch.x).detach()[:, 0], batch.sensitive[:, 0]
        return float((values[group == 0].mean() - values[group == 1].mean()).abs())

    assert apart(FairRegularizer(strength=20.0)) < 0.3 * apart()


def test_what_cannot_be_done_is_refused(train, biased) -> None:
    with pytest.raises(ValueError, match="strength is -1; expected 0 or more"):
        FairRegularizer(strength=-1)
    with pytest.raises(ValueError, match="constraint is 'parity'; expected one of demographic_parity, equalized_odds"):
        FairRegularizer(constraint="parity")
    with pytest.raises(UserError, match="equalized_odds requires a binary or multiclass target; this one is reg"):
        train(FairRegularizer(constraint="equalized_odds"), data=biased(task="regression"))


def test_a_module_with_a_training_step_of_its_own_is_refused(biased) -> None:
    class Own(LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(1))

        def training_step(self, batch, batch_idx):
            return self.weight.sum()

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.1)

    with pytest.raises(UserError, match="model 'Own' is a LightningModule whose training step cannot be changed"):
        Trainer(
            max_epochs=1,
            callbacks=[FairRegularizer()],
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        ).fit(Own(), datamodule=biased())
