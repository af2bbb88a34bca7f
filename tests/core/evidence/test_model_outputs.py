"""Scores and losses from raw outputs, against scikit-learn, torch's own losses and closed forms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from glasshouse import Target, UserError
from glasshouse.evidence.model_outputs import OutputKind, as_columns, as_targets, loss_per_row, output_kind, to_scores
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import log_loss, mean_squared_error
from torch import Tensor, nn

BINARY = Target(name="approved", kind="binary", classes=("no", "yes"))
THREE = Target(name="colour", kind="multiclass", classes=("red", "green", "blue"))
LABELS = Target(name="topics", kind="multilabel", classes=("art", "law", "war"))
PRICE = Target(name="price", kind="regression")

fixed = settings(derandomize=True, deadline=None, max_examples=60)
LOGIT = st.floats(-30, 30, width=32)


def logits(rows: int, width: int) -> st.SearchStrategy[Tensor]:
    return arrays(np.float32, (rows, width), elements=LOGIT).map(torch.from_numpy)


def classes(rows: int, count: int) -> st.SearchStrategy[Tensor]:
    return arrays(np.int64, rows, elements=st.integers(0, count - 1)).map(torch.from_numpy)


# ------------------------------------------------------------ by hand


def test_three_rows_by_hand() -> None:
    raw = torch.tensor([0.0, math.log(3), -math.log(3)])  # odds of 1, 3 and 1/3
    assert to_scores(raw, BINARY, "logits").flatten().tolist() == pytest.approx([0.5, 0.5, 0.25, 0.75, 0.75, 0.25])
    y = torch.tensor([1, 1, 1])
    assert loss_per_row(raw, y, BINARY, "logits").tolist() == pytest.approx([math.log(2), math.log(4 / 3), math.log(4)])


def test_squared_error_by_hand() -> None:
    assert loss_per_row(torch.tensor([1.0, 5.0]), torch.tensor([4.0, 5.0]), PRICE, "values").tolist() == [9.0, 0.0]


def test_the_losses_of_labels_are_added_up() -> None:
    raw = torch.zeros(1, 3)
    assert loss_per_row(raw, torch.tensor([[1, 0, 1]]), LABELS, "logits").tolist() == pytest.approx([3 * math.log(2)])


def test_no_rows() -> None:
    for target, shape in ((BINARY, (0, 2)), (THREE, (0, 3)), (PRICE, (0, 1))):
        raw, y = torch.zeros(shape), torch.zeros(0, dtype=torch.int64)
        assert loss_per_row(raw, y, target, output_kind(nn.Identity(), target)).shape == (0,)
        assert to_scores(raw, target, "logits").shape == (0, max(1, len(target.classes)))


# ------------------------------------------------------------ against libraries


@fixed
@given(raw=logits(8, 1), y=classes(8, 2))
def test_one_logit_is_two_with_a_zero(raw: Tensor, y: Tensor) -> None:
    """log(1 + e^-z) is what cross-entropy makes of (0, z)."""
    two = torch.cat([torch.zeros(8, 1), raw], dim=1)
    torch.testing.assert_close(to_scores(raw, BINARY, "logits"), to_scores(two, BINARY, "logits"))
    torch.testing.assert_close(
        loss_per_row(raw, y, BINARY, "logits"), loss_per_row(two, y, BINARY, "logits"), rtol=1e-5, atol=1e-6
    )
    assert torch.equal(loss_per_row(raw[:, 0], y, BINARY, "logits"), loss_per_row(raw, y, BINARY, "logits"))


@fixed
@given(raw=logits(9, 3), y=classes(9, 3))
def test_cross_entropy_is_scikit_learns(raw: Tensor, y: Tensor) -> None:
    raw = raw / 4  # scikit-learn is given probabilities, whose logarithm loses digits where they are nearly 0
    for target, outputs, truth in ((THREE, raw, y), (BINARY, raw[:, :2], y % 2), (BINARY, raw[:, :1], y % 2)):
        losses, scores = loss_per_row(outputs, truth, target, "logits"), to_scores(outputs, target, "logits")
        # in double precision: near 1, single precision has too few digits for the logarithm
        exact = to_scores(outputs.double(), target, "logits").numpy()
        np.testing.assert_allclose(scores.numpy(), exact, rtol=1e-5, atol=1e-7)
        probabilities = exact / exact.sum(axis=1, keepdims=True)
        expected = log_loss(truth.numpy(), probabilities, labels=range(len(target.classes)))
        assert float(losses.double().mean()) == pytest.approx(expected, rel=1e-5, abs=1e-7)
        torch.testing.assert_close(scores.sum(dim=1), torch.ones(9))


@fixed
@given(raw=logits(6, 3), y=classes(18, 2))
def test_labels_are_scikit_learns_one_by_one(raw: Tensor, y: Tensor) -> None:
    raw, truth = raw / 4, y.reshape(6, 3)
    scores = to_scores(raw, LABELS, "logits").double().numpy()
    expected = sum(log_loss(truth[:, k].numpy(), scores[:, k], labels=[0, 1]) for k in range(3))
    assert float(loss_per_row(raw, truth, LABELS, "logits").double().mean()) == pytest.approx(expected, rel=1e-5)


@fixed
@given(raw=logits(7, 1), y=arrays(np.float32, 7, elements=LOGIT).map(torch.from_numpy))
def test_squared_error_is_scikit_learns(raw: Tensor, y: Tensor) -> None:
    expected = mean_squared_error(y.double().numpy(), raw[:, 0].double().numpy())
    assert float(loss_per_row(raw, y, PRICE, "values").double().mean()) == pytest.approx(expected, rel=1e-5, abs=1e-9)
    assert torch.equal(to_scores(raw[:, 0], PRICE, "values"), raw)


@fixed
@given(raw=logits(5, 3), y=classes(5, 3))
def test_probabilities_and_logits_of_one_network_agree(raw: Tensor, y: Tensor) -> None:
    raw = raw / 4
    cases: list[tuple[Target, Tensor, Tensor, Tensor]] = [
        (THREE, raw, torch.softmax(raw, dim=1), y),
        (BINARY, raw[:, :1], torch.sigmoid(raw[:, :1]), y % 2),
        (LABELS, raw, torch.sigmoid(raw), F.one_hot(y, 3)),
    ]
    for target, outputs, probabilities, truth in cases:
        torch.testing.assert_close(
            loss_per_row(probabilities, truth, target, "probabilities"),
            loss_per_row(outputs, truth, target, "logits"),
            rtol=1e-3,  # 1 - p loses digits where p is nearly 1
            atol=1e-5,
        )
        torch.testing.assert_close(
            to_scores(probabilities, target, "probabilities"), to_scores(outputs, target, "logits")
        )


@fixed
@given(raw=logits(5, 3), y=classes(5, 3))
def test_the_gradient_is_score_minus_truth(raw: Tensor, y: Tensor) -> None:
    """Closed form of softmax with cross-entropy; Bishop 2006, eq. 4.109."""
    raw = raw.clone().requires_grad_()
    loss_per_row(raw, y, THREE, "logits").sum().backward()  # type: ignore[no-untyped-call]
    expected = to_scores(raw, THREE, "logits").detach() - F.one_hot(y, 3)
    torch.testing.assert_close(raw.grad, expected, rtol=1e-5, atol=1e-6)


# ------------------------------------------------------------ limits and properties


def test_small_probabilities_keep_their_digits() -> None:
    """1 - sigmoid(40) is 0 in single precision; sigmoid(-40) is e^-40 to its last digits."""
    scores = to_scores(torch.tensor([40.0, -40.0]), BINARY, "logits")
    assert scores[0, 0].item() == pytest.approx(math.exp(-40), rel=1e-6)
    assert scores[1, 1].item() == pytest.approx(math.exp(-40), rel=1e-6)


def test_a_certain_and_wrong_probability_has_a_finite_loss() -> None:
    wrong = torch.tensor([[1.0, 0.0]])
    assert loss_per_row(wrong, torch.tensor([1]), BINARY, "probabilities").item() == pytest.approx(-math.log(1e-12))
    labels = loss_per_row(torch.tensor([[0.0, 1.0, 1.0]]), torch.tensor([[1, 1, 1]]), LABELS, "probabilities")
    assert labels.item() == 100  # where torch's binary_cross_entropy stops


def test_extreme_logits_have_a_finite_loss() -> None:
    raw = torch.tensor([[-1e4], [1e4]])
    assert loss_per_row(raw, torch.tensor([1, 0]), BINARY, "logits").tolist() == [1e4, 1e4]


@fixed
@given(raw=logits(6, 3), y=classes(6, 3), order=st.permutations(range(6)))
def test_rows_have_nothing_to_do_with_each_other(raw: Tensor, y: Tensor, order: list[int]) -> None:
    for target, outputs, truth in ((THREE, raw, y), (BINARY, raw[:, 0], y % 2), (PRICE, raw[:, 0], y.float())):
        losses = loss_per_row(outputs, truth, target, "logits" if target.classes else "values")
        moved = loss_per_row(outputs[order], truth[order], target, "logits" if target.classes else "values")
        torch.testing.assert_close(moved, losses[order], rtol=1e-6, atol=1e-7)


# ------------------------------------------------------------ what does not fit


@pytest.mark.parametrize(
    ("target", "shape", "wanted"),
    [
        (BINARY, (5, 3), r"expected \(n, 1\) or \(n, 2\) for the binary target 'approved'"),
        (THREE, (5,), r"expected \(n, 3\) for the multiclass target 'colour'"),
        (THREE, (5, 2), r"its output has shape \(5, 2\); expected \(n, 3\)"),
        (LABELS, (5, 1), r"expected \(n, 3\) for the multilabel target 'topics'"),
        (PRICE, (5, 2), r"expected \(n, 1\) for the regression target 'price'"),
        (BINARY, (5, 2, 1), r"its output has shape \(5, 2, 1\)"),
    ],
)
def test_an_output_of_the_wrong_width(target: Target, shape: tuple[int, ...], wanted: str) -> None:
    with pytest.raises(UserError, match=rf"^model: .*{wanted}.* Give the model a parameter num_classes"):
        as_columns(torch.zeros(shape), target)


@pytest.mark.parametrize(("target", "width"), [(BINARY, 1), (BINARY, 2), (THREE, 3), (PRICE, 1)])
def test_a_column_of_targets_is_a_row_of_them(target: Target, width: int) -> None:
    """(n,) - (n, 1) would silently be (n, n): every row against every other."""
    raw, y = torch.randn(4, width, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 1, 0])
    kind: OutputKind = "logits" if target.classes else "values"
    assert torch.equal(loss_per_row(raw, y[:, None], target, kind), loss_per_row(raw, y, target, kind))


@pytest.mark.parametrize(
    ("target", "shape", "wanted"),
    [
        (PRICE, (3,), r"shape \(3,\); expected \(4,\) for the regression target 'price' with 4 outputs"),
        (PRICE, (1, 4), r"shape \(1, 4\); expected \(4,\)"),
        (BINARY, (4, 2), r"shape \(4, 2\); expected \(4,\) for the binary target 'approved'"),
        (LABELS, (4,), r"shape \(4,\); expected \(4, 3\) for the multilabel target 'topics'"),
        (LABELS, (4, 1), r"shape \(4, 1\); expected \(4, 3\)"),
    ],
)
def test_targets_of_the_wrong_shape(target: Target, shape: tuple[int, ...], wanted: str) -> None:
    with pytest.raises(UserError, match=f"^data: the targets of a batch have {wanted}"):
        as_targets(torch.zeros(shape), torch.zeros(4, target.num_outputs), target)


def test_what_an_output_means() -> None:
    network: Any = nn.Linear(2, 1)
    assert output_kind(network, BINARY) == "logits"
    assert output_kind(network, PRICE) == "values"
    network.output_kind = "probabilities"
    assert output_kind(network, BINARY) == "probabilities"
    network.output_kind = "percent"
    with pytest.raises(UserError, match=r"^model 'Linear': output_kind is 'percent'; expected one of logits, prob"):
        output_kind(network, BINARY)
