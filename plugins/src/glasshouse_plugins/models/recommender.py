"""Who may like what: matrix factorisation, or two towers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from glasshouse import UserError
from torch import Tensor, nn


class Recommender(nn.Module):
    """The inner product of a user's vector and an item's, plus what each is worth by itself.

    Without `hidden` this is matrix factorisation with biases. With it, each vector goes through fully connected layers
    of its side first: two towers, whose items can be looked up by nearest neighbours once they are trained. What is
    known of users and items beside their codes adds its vectors to theirs, so that somebody new is not a blank.

    Input (n, a + b) int64: `a` codes of the user (who it is, then features), then `b` of the item; 0 stands for what
    the training split does not hold, and adds nothing. Output (n, 2) logits of no and yes, or (n, 1) values for
    regression.

    Source: Koren, Bell and Volinsky, "Matrix Factorization Techniques for Recommender Systems", Computer 42(8), 2009;
    sums of feature vectors: Kula, "Metadata Embeddings for User and Item Cold-start Recommendations", 2015; towers: Yi
    et al., "Sampling-Bias-Corrected Neural Modeling for Large Corpus Item Recommendations", RecSys 2019.

    Args:
        cardinalities: numbers of codes, [[users, user features ...], [items, item features ...]]; filled from the data.
        num_classes: 2, or 1 for regression; filled from the data.
        dimensions: of the vectors.
        hidden: units of each layer of a tower; none: matrix factorisation.
        dropout: share of the units of a tower's layers that are silenced while training, in [0, 1).

    Raises:
        UserError: for data of something else than users and items, and options out of range.
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
                f"expects codes of users and of items, cardinalities such as [[100], [50]]; received {cardinalities}.",
                "Use it with data 'interactions', or data of your own that say so.",
            )
        if num_classes not in (1, 2):
            raise UserError(who, f"has one output, or two classes; the target has {num_classes}.", "Set `task:`.")
        if dimensions < 1 or any(units < 1 for units in hidden):
            raise UserError(who, f"dimensions is {dimensions}, hidden {list(hidden)}; expected numbers of 1 or more.")
        if not 0 <= dropout < 1:
            raise UserError(who, f"dropout is {dropout}; expected 0 <= dropout < 1.")
        self.classes = num_classes
        self.of_user = len(cardinalities[0])
        self.user = Side(cardinalities[0], dimensions, hidden, dropout)
        self.item = Side(cardinalities[1], dimensions, hidden, dropout)
        self.offset = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """(n, a + b) codes -> (n, 2) logits or (n, 1) values."""
        user, worth_of_user = self.user(x[:, : self.of_user])
        item, worth_of_item = self.item(x[:, self.of_user :])
        score = (user * item).sum(dim=1) + worth_of_user + worth_of_item + self.offset
        # softmax of (0, s) is (1 - p, p) with p the sigmoid of s
        return score[:, None] if self.classes == 1 else torch.stack([torch.zeros_like(score), score], dim=1)


class Side(nn.Module):
    """Users or items: codes (n, c) -> vectors (n, dimensions) and worths (n,), each a sum over the codes."""

    def __init__(self, cardinalities: Sequence[int], dimensions: int, hidden: Sequence[int], dropout: float) -> None:
        super().__init__()
        vectors = [nn.Embedding(codes, dimensions, padding_idx=0) for codes in cardinalities]
        worths = [nn.Embedding(codes, 1, padding_idx=0) for codes in cardinalities]
        for vector, worth in zip(vectors, worths, strict=True):
            nn.init.normal_(vector.weight[1:], std=dimensions**-0.5 / 2)  # scores of order one to begin with
            nn.init.zeros_(worth.weight)
        self.vectors, self.worths = nn.ModuleList(vectors), nn.ModuleList(worths)
        layers: list[nn.Module] = []
        width = dimensions
        for units in hidden:
            layers += [nn.Linear(width, units), nn.ReLU(), nn.Dropout(dropout)]
            width = units
        self.tower = nn.Sequential(*layers, nn.Linear(width, dimensions)) if layers else nn.Identity()

    def forward(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Vectors and worths."""
        columns = codes.unbind(dim=1)
        vectors = torch.stack([layer(column) for layer, column in zip(self.vectors, columns, strict=True)]).sum(dim=0)
        worths = torch.stack([layer(column) for layer, column in zip(self.worths, columns, strict=True)]).sum(dim=0)
        return self.tower(vectors), worths[:, 0]
