"""Recommenders: matrix factorisation and two-tower models."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from glasshouse import UserError
from torch import Tensor, nn


class Recommender(nn.Module):
    """The inner product of a user vector and an item vector, plus a bias of each.

    Without `hidden` this is matrix factorisation with biases. With `hidden`, user and item vectors first pass through
    fully connected layers of their own (two towers); trained item vectors can be searched by nearest neighbours.
    Vectors of user and item features are added to those of the ids, so that new users and items are not zero vectors.

    Input (n, a + b) int64: `a` codes of the user (id, then features), then `b` codes of the item; 0 is a value that is
    not in the training split, and adds nothing. Output (n, 2): logits of no and yes, or (n, 1): values for regression.

    Source: Koren, Bell and Volinsky, "Matrix Factorization Techniques for Recommender Systems", Computer 42(8), 2009;
    sums of feature vectors: Kula, "Metadata Embeddings for User and Item Cold-start Recommendations", 2015; towers: Yi
    et al., "Sampling-Bias-Corrected Neural Modeling for Large Corpus Item Recommendations", RecSys 2019.

    Args:
        cardinalities: number of codes per column, [[users, user features ...], [items, item features ...]]; filled from
            the data.
        num_classes: 2, or 1 for regression; filled from the data.
        dimensions: size of the user and item vectors, at least 1.
        hidden: units of each hidden layer of both towers; empty: matrix factorisation.
        dropout: dropout probability of the towers' hidden units, in [0, 1).

    Raises:
        UserError: for data that is not users and items, and for options out of range.
    """

    def __init__(
        self,
        cardinalities: Sequence[Sequence[int]],
        num_classes: int,
        dimensions: int = 16,
        hidden: Sequence[int] = (),
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        who = "model 'recommender'"
        pair = len(cardinalities) == 2 and all(isinstance(side, Sequence) and len(side) for side in cardinalities)
        if not pair:
            raise UserError(
                who,
                f"cardinalities is {cardinalities}; expected codes of users and of items, e.g. [[100], [50]].",
                "Use it with data 'interactions', or with data that gives such `cardinalities`.",
            )
        if num_classes not in (1, 2):
            raise UserError(
                who, f"the target has {num_classes} outputs; expected 2 classes or regression.", "Set `task:`."
            )
        if dimensions < 1 or any(units < 1 for units in hidden):
            raise UserError(who, f"dimensions is {dimensions}, hidden {list(hidden)}; expected numbers of 1 or more.")
        if not 0 <= dropout < 1:
            raise UserError(who, f"dropout is {dropout}; expected 0 <= dropout < 1.")
        self.classes = num_classes
        self.user_columns = len(cardinalities[0])
        self.user = SideEncoder(cardinalities[0], dimensions, hidden, dropout)
        self.item = SideEncoder(cardinalities[1], dimensions, hidden, dropout)
        self.offset = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """(n, a + b) codes to (n, 2) logits or (n, 1) values."""
        user, user_bias = self.user(x[:, : self.user_columns])
        item, item_bias = self.item(x[:, self.user_columns :])
        score = (user * item).sum(dim=1) + user_bias + item_bias + self.offset
        # softmax of (0, s) is (1 - p, p), where p is the sigmoid of s
        return score[:, None] if self.classes == 1 else torch.stack([torch.zeros_like(score), score], dim=1)


class SideEncoder(nn.Module):
    """Codes (n, c) of users or of items to vectors (n, dimensions) and biases (n,), each summed over the codes."""

    def __init__(self, cardinalities: Sequence[int], dimensions: int, hidden: Sequence[int], dropout: float) -> None:
        super().__init__()
        vectors = [nn.Embedding(codes, dimensions, padding_idx=0) for codes in cardinalities]
        biases = [nn.Embedding(codes, 1, padding_idx=0) for codes in cardinalities]
        for vector, bias in zip(vectors, biases, strict=True):
            nn.init.normal_(vector.weight[1:], std=dimensions**-0.5 / 2)  # initial scores of order one
            nn.init.zeros_(bias.weight)
        self.vectors, self.worths = nn.ModuleList(vectors), nn.ModuleList(biases)
        layers: list[nn.Module] = []
        width = dimensions
        for units in hidden:
            layers += [nn.Linear(width, units), nn.ReLU(), nn.Dropout(dropout)]
            width = units
        self.tower = nn.Sequential(*layers, nn.Linear(width, dimensions)) if layers else nn.Identity()

    def forward(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Vectors (n, dimensions) and biases (n,)."""
        columns = codes.unbind(dim=1)
        vectors = torch.stack([layer(column) for layer, column in zip(self.vectors, columns, strict=True)]).sum(dim=0)
        biases = torch.stack([layer(column) for layer, column in zip(self.worths, columns, strict=True)]).sum(dim=0)
        return self.tower(vectors), biases[:, 0]
