"""Weights by hand and by AIF360's formula; weighted, group and label are independent; selection rates come together."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from glasshouse import UserError
from glasshouse_plugins.techniques.reweighing import Reweighing, reweighing_weights
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays


def test_weights_by_hand() -> None:
    """The example of Kamiran and Calders 2012: of 10 people 5 men, 4 of them accepted, of 5 women 2.

    Men accepted .5 x .6 / .4 = .75, men refused .5 x .4 / .1 = 2, women accepted 1.5, women refused .67.
    """
    weights = reweighing_weights(torch.tensor([[1.0, 4.0], [3.0, 2.0]]))
    np.testing.assert_allclose(weights, [[2.0, 0.75], [2 / 3, 1.5]], rtol=1e-6)


def test_weights_are_those_of_aif360s_formula() -> None:
    """aif360/algorithms/preprocessing/reweighing.py: w_p_fav = n_fav * n_p / (n * n_p_fav), and so on."""
    counts = np.array([[130.0, 20.0], [55.0, 95.0]])
    n, n_p, n_up = counts.sum(), counts[1].sum(), counts[0].sum()
    n_fav, n_unfav = counts[:, 1].sum(), counts[:, 0].sum()
    expected = [
        [n_unfav * n_up / (n * counts[0, 0]), n_fav * n_up / (n * counts[0, 1])],
        [n_unfav * n_p / (n * counts[1, 0]), n_fav * n_p / (n * counts[1, 1])],
    ]
    np.testing.assert_allclose(reweighing_weights(torch.from_numpy(counts)), expected)


@given(arrays.arrays(np.int64, st.tuples(st.integers(1, 4), st.integers(2, 3)), elements=st.integers(1, 1000)))
def test_weighted_groups_share_every_class_equally_and_keep_their_size(counts) -> None:
    table = torch.from_numpy(counts.astype(float))
    weighted = (reweighing_weights(table) * table).numpy()
    np.testing.assert_allclose(weighted.sum(axis=1), counts.sum(axis=1))
    np.testing.assert_allclose(weighted.sum(axis=0), counts.sum(axis=0))
    shares = weighted / weighted.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(shares, np.tile(shares[0], (len(counts), 1)))


def test_what_never_meets_has_no_weight() -> None:
    weights = reweighing_weights(torch.tensor([[0.0, 4.0], [0.0, 0.0]]))
    assert weights.tolist() == [[0, 1], [0, 0]]


def test_selection_rates_come_together_and_accuracy_is_paid(train, plain) -> None:
    fair = train(Reweighing())
    assert plain.parity_difference > 0.2  # the bias is there without it
    assert fair.parity_difference < 0.5 * plain.parity_difference
    assert plain.accuracy - 0.08 < fair.accuracy < plain.accuracy
    assert fair.task.row_weights is None  # nothing stays behind


def test_the_loss_of_a_batch_is_weighted(train, biased) -> None:
    seen = []

    class Spy(Reweighing):
        def on_train_start(self, trainer, pl_module):
            seen.append(pl_module.row_weights(trainer.datamodule.loader("train").rows))

    trained = train(Spy(), epochs=1)
    data = biased()
    data.setup()
    batch = data.loader("train").rows
    counts = torch.zeros(2, 2)
    counts.index_put_((batch.sensitive[:, 0], batch.y), torch.ones(len(batch.y)), accumulate=True)
    expected = reweighing_weights(counts)[batch.sensitive[:, 0], batch.y]
    torch.testing.assert_close(seen[0], expected)
    assert float(seen[0].mean()) == pytest.approx(1)
    assert trained.task.target.kind == "binary"


def test_a_missing_attribute_is_a_group_of_its_own() -> None:
    from glasshouse import Batch

    weights = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    batch = Batch(torch.zeros(3, 1), torch.tensor([1, 0, 1]), torch.tensor([[0], [1], [-1]]), torch.arange(3))
    from glasshouse_plugins.techniques.attribute import attribute_codes

    assert weights[attribute_codes(batch, 0, who="x"), batch.y].tolist() == [2, 3, 6]


def test_what_cannot_be_reweighed_is_refused(train, biased) -> None:
    with pytest.raises(
        UserError, match="technique 'reweighing': supports binary and multiclass targets, not regression"
    ):
        train(Reweighing(), data=biased(task="regression"))
    with pytest.raises(UserError, match="the data declares no sensitive attribute"):
        train(Reweighing(), data=biased(sensitive=False))
    with pytest.raises(UserError, match=r"the data declares no sensitive attribute 'race'\. Known: group"):
        train(Reweighing(attribute="race"))
