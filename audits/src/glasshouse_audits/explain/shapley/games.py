"""Coalition games of a model: players and values of coalitions.

One game for every pair of an explained row x and a background row z (Lundberg and Lee, "A Unified Approach to
Interpreting Model Predictions", 2017; Janzing et al., "Feature relevance quantification in explainable AI", 2020):

    v(S) = f(x on the columns of the features in S, z elsewhere)

Shapley values are linear in the game, so those against the whole background are the mean over its rows. Single pairs
have two advantages. Draws for different background rows are independent, so their errors average out. And a feature
with the same value in x and z changes no coalition's value: its Shapley value is 0 and it is no player. In tables with
many equal categories most games are small.

All estimators here need only the contrast of a coalition and its complement,

    g(S) = v(S) - v(N without S),

because Shapley's weights of S and of its complement differ only in sign: a value is linear in the contrasts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

Model = Callable[[Tensor], Tensor]
"""From inputs (m, width) to outputs (m, k) or (m,), row by row."""

# Inputs per call of the model. Larger batches do not fit in a CPU's cache and are several times slower; an accelerator
# needs many inputs to be busy, and the batch is halved until it fits in memory.
_CPU_BATCH = 4096
_ACCELERATOR_BATCH = 2**18
# Entries of a tensor over the rows, background rows and columns of a block.
_BLOCK_ENTRIES = 2**22
# Rows of a block, which may share random coalitions. More rows would save little.
_BLOCK_ROWS = 32


@dataclass(frozen=True)
class Pairs:
    """Q games with the same number m of players.

    `row` and `background` (Q,) are the row numbers of each pair; `players` (Q, m) are the features that differ,
    ascending.
    """

    row: Tensor
    background: Tensor
    players: Tensor

    def __len__(self) -> int:
        return len(self.row)

    @property
    def size(self) -> int:
        """Players of each game."""
        return self.players.shape[1]

    def __getitem__(self, chosen: slice | Tensor) -> Pairs:
        return Pairs(self.row[chosen], self.background[chosen], self.players[chosen])

    def split(self, most: int) -> Iterator[slice]:
        """Consecutive slices of at most `most` games, and of at least one."""
        step = max(1, most)
        return (slice(start, min(start + step, len(self))) for start in range(0, len(self), step))


class Games:
    """The games of rows (n, width) against background rows (b, width), and the model that evaluates coalitions.

    `owner` (width,) is the feature number of each column, from 0 to `features` - 1. `row_scores` (n, k) and
    `background_scores` (b, k) are the model's outputs in full precision, so that Shapley values add up to their
    differences for any `dtype` of the mixed inputs. All values are float64 (on the CPU, if the device does not support
    it). `evaluations` counts the model's inputs.
    """

    def __init__(
        self,
        model: Model,
        rows: Tensor,
        background: Tensor,
        owner: Tensor,
        *,
        max_batch: int | None,
        dtype: torch.dtype | None,
    ) -> None:
        self.model = model
        self.rows = rows
        self.background = background
        self.owner = owner
        self.features = int(owner.max()) + 1
        self.device = rows.device
        on_cpu = self.device.type == "cpu"
        self.max_batch = max_batch or (_CPU_BATCH if on_cpu else _ACCELERATOR_BATCH)
        # Evaluations for which random coalitions are drawn at once; not `max_batch`, which must not change the draws.
        self.draw_batch = 8 * _CPU_BATCH if on_cpu else _ACCELERATOR_BATCH
        self.precise_device = torch.device("cpu") if self.device.type == "mps" else self.device
        self.evaluations = 0
        self._dtype = dtype
        self._column_is_feature = torch.equal(owner, torch.arange(len(owner), device=self.device))
        self.row_scores = self._scores(rows)
        self.background_scores = self._scores(background)

    def blocks(self) -> Iterator[Tensor]:
        """Numbers of consecutive rows, in blocks for which a tensor over rows, background and columns is small."""
        per_row = len(self.background) * self.rows.shape[1]
        most = max(1, min(_BLOCK_ROWS, _BLOCK_ENTRIES // per_row))
        yield from torch.split(torch.arange(len(self.rows), device=self.device), most)

    def pairs(self, rows: Tensor) -> list[Pairs]:
        """All games of the numbered rows, grouped by number of players, without games that have no players."""
        columns = self.rows[rows].unsqueeze(1) != self.background
        if self._column_is_feature:
            differs = columns
        else:
            shape = (*columns.shape[:2], self.features)
            differs = torch.zeros(shape, dtype=torch.int32, device=self.device)
            differs = differs.index_add_(2, self.owner, columns.int()) > 0
        players = differs.sum(dim=2)
        found = []
        for size in torch.bincount(players.flatten()).nonzero().flatten().tolist():
            if size:
                row, background = (players == size).nonzero(as_tuple=True)
                who = differs[row, background].nonzero()[:, 1].view(-1, size)
                found.append(Pairs(rows[row], background, who))
        return found

    def gain(self, pairs: Pairs) -> Tensor:
        """(Q, k) the sum of the Shapley values of each game: f(x) - f(z)."""
        return (
            self.row_scores[pairs.row.to(self.precise_device)]
            - self.background_scores[pairs.background.to(self.precise_device)]
        )

    def add_up(self, pairs: Pairs, values: Tensor, *, to: Tensor, first: int) -> None:
        """Add values of games (Q, m, k) to their rows and players (R, d, k); row 0 is number `first`."""
        row = pairs.row.to(to.device) - first
        if pairs.size == self.features:
            to.index_add_(0, row, values)
        else:
            to.index_put_((row.unsqueeze(1), pairs.players.to(to.device)), values, accumulate=True)

    def contrasts(self, pairs: Pairs, coalitions: Tensor) -> Tensor:
        """g(S), float64 (Q, c, k), for coalitions (G, c, m), each of the G lists for Q / G consecutive games."""
        games, count = len(pairs), coalitions.shape[1]
        if 2 * games * count <= self.max_batch or games * count == 1:
            found = self._try(pairs, coalitions)
            if found is not None:
                return found
            if games * count == 1:
                raise torch.cuda.OutOfMemoryError("out of memory with a batch of two inputs")
            self.max_batch = games * count
            self._free()
        return self._contrasts_in_parts(pairs, coalitions)

    def _contrasts_in_parts(self, pairs: Pairs, coalitions: Tensor) -> Tensor:
        """`contrasts` of whole lists if one fits in a batch, else of single games, else of parts of a game."""
        lists, count = coalitions.shape[:2]
        sharing = len(pairs) // lists
        most = self.max_batch // 2
        if lists > 1:
            step = max(1, most // (sharing * count))
            starts = range(0, lists, step)
            return torch.cat(
                [self.contrasts(pairs[i * sharing : (i + step) * sharing], coalitions[i : i + step]) for i in starts]
            )
        if len(pairs) > 1:
            return torch.cat([self.contrasts(pairs[some], coalitions) for some in pairs.split(most // count)])
        return torch.cat([self.contrasts(pairs, some) for some in torch.split(coalitions, max(1, most), 1)], 1)

    def _try(self, pairs: Pairs, coalitions: Tensor) -> Tensor | None:
        """`contrasts` in one call of the model; None if memory ran out, which is freed on return."""
        games, count = len(pairs), coalitions.shape[1]
        try:
            mixed = _mix(self.rows[pairs.row], self.background[pairs.background], self._columns(pairs, coalitions))
            coalition_values = self._outputs(mixed.view(2 * games * count, -1), self._dtype).view(2, games, count, -1)
        except torch.cuda.OutOfMemoryError:
            return None
        return coalition_values[0] - coalition_values[1]

    def _columns(self, pairs: Pairs, coalitions: Tensor) -> Tensor:
        """Coalitions of players as masks of columns, (G, c, width), or (Q, c, width) where the players differ."""
        if pairs.size == self.features:
            return coalitions if self._column_is_feature else coalitions[:, :, self.owner]
        # Columns of features that are no players are equal in both rows: their mask is arbitrary.
        place = torch.zeros((len(pairs), self.features), dtype=torch.int64, device=self.device)
        place.scatter_(1, pairs.players, torch.arange(pairs.size, device=self.device).expand_as(pairs.players))
        lists, count, _ = coalitions.shape
        index = place[:, self.owner].view(lists, -1, 1, len(self.owner)).expand(-1, -1, count, -1)
        return coalitions.unsqueeze(1).expand(-1, index.shape[1], -1, -1).gather(3, index).flatten(0, 1)

    def _scores(self, inputs: Tensor) -> Tensor:
        """Outputs of unmixed rows in full precision, in as many calls as necessary."""
        found = []
        start = 0
        while start < len(inputs):
            batch = inputs[start : start + self.max_batch]
            outputs = self._try_scores(batch)
            if outputs is not None:
                found.append(outputs)
                start += len(batch)
            elif len(batch) == 1:
                raise torch.cuda.OutOfMemoryError("out of memory with a batch of one input")
            else:
                self.max_batch = len(batch) // 2
                self._free()
        return torch.cat(found)

    def _try_scores(self, batch: Tensor) -> Tensor | None:
        try:
            return self._outputs(batch, None)
        except torch.cuda.OutOfMemoryError:
            return None

    def _free(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _outputs(self, inputs: Tensor, dtype: torch.dtype | None) -> Tensor:
        """The model's outputs, float64 (m, k)."""
        with torch.autocast(self.device.type, dtype=dtype, enabled=dtype is not None):
            outputs = self.model(inputs)
        self.evaluations += len(inputs)
        return outputs.to(self.precise_device, torch.float64).view(len(inputs), -1)


def _mix(x: Tensor, z: Tensor, mask: Tensor) -> Tensor:
    """(2, Q, c, width): x (Q, width) where the mask (G, c, width) is set and z elsewhere, and the reverse.

    Bits are swapped instead of selecting numbers: as exact as `torch.where`, and faster on broadcast tensors.
    """
    lists, _, width = mask.shape
    bits_x, bits_z = (bits.view(torch.int32).view(lists, -1, 1, width) for bits in (x, z))
    swap = mask.to(torch.int32).neg_().unsqueeze(1) & (bits_x ^ bits_z)
    mixed = torch.empty((2, *swap.shape), dtype=torch.int32, device=x.device)
    torch.bitwise_xor(bits_z, swap, out=mixed[0])
    torch.bitwise_xor(bits_x, swap, out=mixed[1])
    return mixed.view(torch.float32)
