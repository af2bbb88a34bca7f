"""Comparison of tensors, with the first difference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from glasshouse.testing.kit.checks import expect
from glasshouse.testing.kit.outcomes import CheckFailed

RTOL, ATOL = 1e-3, 1e-4
"""Kernels for other numbers of rows or another precision sum in another order."""


def named_tensors(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Every parameter and buffer."""
    yield from module.named_parameters()
    yield from module.named_buffers()


def weights_of(module: nn.Module) -> dict[str, Tensor]:
    """A copy of every parameter and buffer."""
    return {name: tensor.detach().clone() for name, tensor in named_tensors(module)}


def difference(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> str | None:
    """The first difference between two sets of weights; None if they are bit-identical."""
    if a.keys() != b.keys():
        return f"'{sorted(a.keys() ^ b.keys())[0]}' is in one of them only"
    for name, tensor in a.items():
        if tensor.shape != b[name].shape:
            return f"'{name}' has shapes {tuple(tensor.shape)} and {tuple(b[name].shape)}"
        if not torch.equal(tensor.nan_to_num(), b[name].nan_to_num()):
            return f"'{name}' differs by up to {_largest_difference(tensor, b[name]):.3g}"
    return None


def expect_same(received: Tensor, expected: Tensor, what: str) -> None:
    """Expect bit-identical tensors."""
    _expect_shape(received, expected, what)
    expect(
        torch.equal(received, expected),
        f"{what}: expected bit-identical values, received a difference of "
        f"{_largest_difference(received, expected):.3g}",
    )


def expect_close(received: Tensor, expected: Tensor, what: str) -> None:
    """Expect equality up to rounding."""
    _expect_shape(received, expected, what)
    expect(
        torch.allclose(received, expected, rtol=RTOL, atol=ATOL, equal_nan=True),
        f"{what}: expected to agree, received a difference of {_largest_difference(received, expected):.3g}",
    )


def _expect_shape(received: Tensor, expected: Tensor, what: str) -> None:
    if received.shape != expected.shape:
        raise CheckFailed(f"{what}: expected shape {tuple(expected.shape)}, received {tuple(received.shape)}")


def _largest_difference(a: Tensor, b: Tensor) -> float:
    return float((a.detach().double() - b.detach().double()).abs().max())
