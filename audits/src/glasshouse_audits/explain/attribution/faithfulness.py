"""Faithfulness: deletion and insertion curves of each row's predicted score.

Petsiuk, Das and Saenko, "RISE: Randomized Input Sampling for Explanation of Black-box Models", BMVC 2018, section 4.
Parts of an input (pixels, words) are replaced by the reference in the order of their attributions, the largest first: a
faster fall of the score, and so a smaller area under the curve, means a better order. Insertion starts with the
reference and adds parts in the same order: a larger area is better. Whether an area is good depends on model and row,
so random orders are the baseline. Deleting in one order is inserting in the reverse order, read backwards, so random
orders come in pairs, each with its reverse, and serve both curves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from glasshouse_audits.explain.checks.curves import area, descending
from glasshouse_audits.explain.checks.draws import uniforms

if TYPE_CHECKING:
    from torch import Tensor

Floats = NDArray[np.float64]

_STEPS = 16
_PAIRS = 2


@dataclass(frozen=True, kw_only=True, eq=False)
class InputParts:
    """n inputs made of d parts, each of which can be replaced by that of the reference.

    `rows` (n, ...) and `reference` (1, ...) are encoded inputs. `owner` (width,) is the part number of each number of a
    flat input. `present` (n, d) is a mask of the parts that a row has: a text has as many as it has words. `score`
    returns each row's predicted score (n,) for n inputs.
    """

    rows: Tensor
    reference: Tensor
    owner: NDArray[np.intp]
    present: NDArray[np.bool_]
    score: Callable[[Tensor], Floats]

    def by_part(self, values: Floats) -> Floats:
        """Attributions of parts (n, d) from those of an input's numbers (n, ...)."""
        flat_attributions = values.reshape(len(values), -1)
        summed = np.zeros(self.present.shape)
        np.add.at(summed.T, self.owner, flat_attributions.T)
        return summed

    def walk(self, order: NDArray[np.intp]) -> Floats:
        """Predicted scores (n, `_STEPS` + 1) while the present parts are replaced in an `order` (n, d)."""
        import torch

        ordered = np.take_along_axis(self.present, order, axis=1)
        place = np.empty_like(order)
        np.put_along_axis(place, order, np.where(ordered, np.cumsum(ordered, axis=1) - 1, order.shape[1]), axis=1)
        place_of = torch.from_numpy(place[:, self.owner]).view(len(self.rows), *self.rows.shape[1:])
        found = []
        for share in SHARES:
            gone = torch.from_numpy(np.rint(share * self.present.sum(axis=1)))
            replaced = place_of < gone.view(-1, *[1] * (self.rows.ndim - 1))
            found.append(self.score(torch.where(replaced, self.reference, self.rows)))
        return np.stack(found, axis=1)


SHARES = np.linspace(0, 1, _STEPS + 1)


@dataclass(frozen=True, eq=False)
class Curves:
    """Predicted scores (n, p + 1) at the `SHARES` of parts deleted or inserted; areas (n,) are their mean heights."""

    deletion: Floats
    insertion: Floats

    @property
    def deletion_area(self) -> Floats:
        """Smaller is better."""
        return area(SHARES, self.deletion)

    @property
    def insertion_area(self) -> Floats:
        """Larger is better."""
        return area(SHARES, self.insertion)


def curves(parts: InputParts, values: Floats, *, seed: int) -> Curves:
    """Both curves for attributions (n, ...) of every row; ties are ordered at random."""
    order = descending(parts.by_part(values), _content(parts), seed=seed)
    return Curves(deletion=parts.walk(order), insertion=parts.walk(order[:, ::-1])[:, ::-1])


def random_curves(parts: InputParts, *, seed: int) -> Curves:
    """The mean curves over random orders, which depend on the content of a row and not on its position."""
    d = parts.present.shape[1]
    keys = uniforms(_content(parts), d * _PAIRS, seed=seed + 1).reshape(len(parts.rows), _PAIRS, d)
    orders = [np.argsort(keys[:, pair], axis=1) for pair in range(_PAIRS)]
    mean: Floats = np.mean([parts.walk(one) for order in orders for one in (order, order[:, ::-1])], axis=0)
    return Curves(deletion=mean, insertion=mean[:, ::-1])


def _content(parts: InputParts) -> NDArray[np.generic]:
    found: NDArray[np.generic] = parts.rows.flatten(1).numpy()
    return found
