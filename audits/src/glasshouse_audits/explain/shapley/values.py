"""Shapley values of many rows, each with a standard error, until the error is small enough."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from glasshouse import UserError
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from glasshouse_audits.explain.shapley.choice import WHO, Plan, Sampler, plan
from glasshouse_audits.explain.shapley.early_stopping import extrapolated, random_part
from glasshouse_audits.explain.shapley.exact import evaluations, exact_values
from glasshouse_audits.explain.shapley.games import Games, Model, Pairs
from glasshouse_audits.explain.shapley.second_orders import LEAST, SecondOrders

# Outputs are float32: relative differences below this are rounding, which sampling cannot reduce.
_RESOLUTION = 1e-6
# The first share of a row's games with a second order.
_PILOT = 0.25


@dataclass(frozen=True)
class ShapleyValues:
    """Attributions of n rows, d features and k outputs; arrays are float64.

    `base` plus the sum of a row's values is the model's output for the row. Standard errors are those of sampling
    coalitions; the background is treated as fixed. Errors of different rows are independent unless their `design` is
    equal: these rows, and equal rows, were explained with the same random coalitions.
    """

    values: NDArray[np.float64]
    """(n, d, k) in units of the output."""
    standard_error: NDArray[np.float64]
    """(n, d, k); 0 where the value is exact."""
    base: NDArray[np.float64]
    """(k,) the mean output over the background."""
    method: Literal["exact", "kernel", "permutation"]
    """The estimator of the games that were too large to enumerate; "exact" if there were none."""
    evaluations: int
    """Total number of model inputs."""
    seconds: float
    converged: NDArray[np.bool_]
    """(n,) whether the tolerance was reached for every output."""
    design: NDArray[np.int64]
    """(n,) number of the random coalitions that a row was explained with."""

    @property
    def relative_error(self) -> NDArray[np.float64]:
        """(n, k) expected distance from the exact values, divided by the norm of the values over features.

        NaN if all values are 0.
        """
        error, effect = (np.linalg.norm(x, axis=1) for x in (self.standard_error, self.values))
        ratio: NDArray[np.float64] = np.divide(error, effect, out=np.full_like(error, np.nan), where=effect > 0)
        return ratio


def shapley_values(
    model: Model,
    rows: Tensor | ArrayLike,
    background: Tensor | ArrayLike,
    *,
    owner: ArrayLike | None = None,
    method: str = "auto",
    budget: int = 500_000,
    tolerance: float = 0.05,
    seed: int = 0,
    max_batch: int | None = None,
    dtype: torch.dtype | None = None,
) -> ShapleyValues:
    """Interventional Shapley values of every row against a background.

    The value of a coalition of features is the model's mean output with the coalition's columns from the row and the
    others from a background row (Lundberg and Lee 2017). Sampled values are unbiased, except that values from part of
    the background are adjusted to add up (see `early_stopping`). Except for the result, memory does not grow with the
    number of rows. The result does not depend on the order of the rows or, up to rounding, on `max_batch`.

    Args:
        model: maps float32 inputs (m, width), on the device of `rows`, to outputs (m, k) or (m,). A module is set to
            evaluation mode during the call and evaluated without gradients.
        rows: (n, width) rows to explain.
        background: (b, width) rows that represent "the feature is unknown".
        owner: (width,) number of the feature that each column encodes; columns of one feature move together. By
            default every column is a feature.
        method: "exact", "kernel" (unbiased kernel regression), "permutation" (antithetic random orders) or "auto":
            exact if the budget allows, else kernel for fewer than 50 features and a tolerance below 0.1, else
            permutation.
        budget: most model evaluations per row; those of the background, shared by all rows, are additional.
        tolerance: sampling of a row stops when the norm of its standard errors over features is at most this fraction
            of the norm of its values, for every output; 0 spends the budget. With more than 32 background rows, each
            has one random order and as many as necessary a second one; from a tolerance of 0.1 on, sampling starts with
            32 random background rows, which may suffice.
        seed: of the random coalitions.
        max_batch: most inputs per call of the model (at least 2), by default 4,096 on a CPU and 262,144 on an
            accelerator; halved when the accelerator runs out of memory.
        dtype: ``torch.bfloat16`` evaluates mixed inputs under autocast: faster on supporting hardware, with an error
            of about 0.4 % that the standard error does not include. Values still add up to full-precision outputs.

    Raises:
        UserError: for inputs or outputs that are not finite, shapes that do not match, an unknown method, or a budget
            that is too small for the method.
    """
    began = time.perf_counter()
    x, z = (torch.as_tensor(a, dtype=torch.float32) for a in (rows, background))
    _refuse(x, z, budget, tolerance, max_batch, dtype)
    owners = _owner(owner, x)
    # Equal rows are explained once, and sorting makes the draws independent of the order of the rows.
    unique, place = torch.unique(x, dim=0, return_inverse=True)
    with torch.no_grad(), _evaluating(model):
        games = Games(model, unique, z.to(x.device), owners, max_batch=max_batch, dtype=dtype)
        _refuse_outputs(games.row_scores, games.background_scores)
        chosen = plan(method, features=games.features, background=len(z), budget=budget, tolerance=tolerance)
        blocks = [
            _explain(games, block, chosen, tolerance, _generator(seed, number, games.device))
            for number, block in enumerate(games.blocks())
        ]
    values, variances = torch.cat([b.values for b in blocks]), torch.cat([b.variances for b in blocks])
    _refuse_outputs(values)
    sampled = any(b.sampled for b in blocks)
    shared = np.repeat(np.arange(len(blocks)), [len(b.values) for b in blocks])
    back = place.cpu().numpy()
    return ShapleyValues(
        values=values.cpu().numpy()[back],
        standard_error=variances.sqrt().cpu().numpy()[back],
        base=games.background_scores.mean(dim=0).cpu().numpy(),
        method=chosen.sampler.name if chosen.sampler and sampled else "exact",
        evaluations=games.evaluations,
        seconds=time.perf_counter() - began,
        converged=torch.cat([b.converged for b in blocks]).cpu().numpy()[back],
        design=(shared if chosen.sampler and chosen.sampler.name == "kernel" else np.arange(len(unique)))[back],
    )


@dataclass
class _Block:
    """Values and variances (R, d, k) of consecutive rows, starting with row number `first`; `converged` (R,)."""

    first: int
    values: Tensor
    variances: Tensor
    converged: Tensor
    sampled: bool = False


def _explain(games: Games, rows: Tensor, chosen: Plan, tolerance: float, generator: torch.Generator) -> _Block:
    """Values of one block: small games are enumerated, large ones sampled in rounds."""
    shape = (len(rows), games.features, games.row_scores.shape[1])
    zeros = games.row_scores.new_zeros(shape)
    block = _Block(int(rows[0]), zeros, zeros.clone(), torch.ones(len(rows), dtype=torch.bool, device=zeros.device))
    b = len(games.background)
    large = []
    for pairs in games.pairs(rows):
        if pairs.size <= chosen.enumerable:
            games.add_up(pairs, exact_values(games, pairs) / b, to=block.values, first=block.first)
        else:
            large.append(pairs)
    if not large:
        return block
    if chosen.sampler is None:
        most = max(pairs.size for pairs in large)
        raise UserError(
            WHO,
            f"exact values require up to {evaluations(most) * b + 1:,} evaluations per row for {most} features that "
            f"differ from {b} background rows.",
            "Increase the budget, or set the method to 'auto'.",
        )
    block.sampled = True
    _sample(games, large, chosen.sampler, tolerance, generator, block)
    return block


def _sample(
    games: Games,
    large: list[Pairs],
    sampler: Sampler,
    tolerance: float,
    generator: torch.Generator,
    block: _Block,
) -> None:
    """Add the values of sampled games to the block, round by round, and the variances of their means.

    Each round is an unbiased estimate; rounds are averaged with their sweeps as weights. Converged rows are not sampled
    further. From the second round on the sweeps are at most doubled, because the number required is only an estimate.
    """
    exact = block.values.clone()
    mean = torch.zeros_like(exact)
    outputs = games.row_scores[block.first : block.first + len(exact)]
    scale = torch.maximum(outputs.abs(), games.background_scores.abs().mean(dim=0))
    block.converged[torch.cat([pairs.row for pairs in large]).to(exact.device) - block.first] = False
    done, sweeps = 0, int(sampler.most) if tolerance == 0 else sampler.first
    if sampler.by_seconds and (tolerance > 0 or sampler.most < 2):
        excess = _first_and_second(games, large, sampler, tolerance, generator, block, exact, mean, scale)
        if excess is None:
            return
        done, sweeps = 2, _further(excess, block, 2, sampler)
    while sweeps >= sampler.least and not block.converged.all():
        sweeps = min(sweeps, sampler.per_round)
        pending = ~block.converged
        drawn = _round(games, large, sampler, sweeps, generator, block)
        old, new = done / (done + sweeps), sweeps / (done + sweeps)
        mean[pending] = old * mean[pending] + new * drawn.values[pending]
        # The variance of one sweep is only an upper bound; sweeps are exchangeable, so a larger round replaces it.
        variances = old**2 * block.variances + new**2 * drawn.variances if done != 1 else new * drawn.variances
        block.variances[pending] = variances[pending]
        block.values[pending] = exact[pending] + mean[pending]
        done += sweeps
        sweeps = _further(_judge(block, tolerance, scale), block, done, sampler)


def _first_and_second(
    games: Games,
    large: list[Pairs],
    sampler: Sampler,
    tolerance: float,
    generator: torch.Generator,
    block: _Block,
    exact: Tensor,
    mean: Tensor,
    scale: Tensor,
) -> Tensor | None:
    """Sample one order of every game and a second of as many games as necessary; updates `mean` and the block.

    Returns:
        The excess variance of each row, if two orders of every game did not suffice; else None.
    """
    seen: list[tuple[Pairs, Tensor]] = []
    if sampler.early_stopping:
        some, others = random_part(large, sampler.early_stopping, generator)
        partial = _round(games, some, sampler, 1, generator, block, seen)
        values, variances = extrapolated(games, large, some, partial.values, partial.variances, block.first)
        block.values[:], block.variances[:] = exact + values, variances
        _judge(block, tolerance, scale)
        if block.converged.all():
            return None
        rest = _round(games, others, sampler, 1, generator, block, seen)
        values, variances = partial.values + rest.values, partial.variances + rest.variances
    else:
        drawn = _round(games, large, sampler, 1, generator, block, seen)
        values, variances = drawn.values, drawn.variances
    pending = ~block.converged
    mean[pending], block.variances[pending] = values[pending], variances[pending]
    block.values[pending] = (exact + mean)[pending]
    excess = _judge(block, tolerance, scale)

    b = len(games.background)
    second = SecondOrders(seen, rows=len(exact), first=block.first, generator=generator)
    given, limit = 0.0, min(1.0, sampler.most - 1)
    pilot = max(_PILOT, LEAST / b)
    share = limit if tolerance == 0 else min(limit, pilot)
    while share > given and share * b > LEAST - 1e-6 and not block.converged.all():
        pending = ~block.converged
        variances = second.draw(
            share, pending, lambda pairs: sampler.draw(games, pairs, 1, generator)[0] / b, games, mean
        )
        known = pending[:, None, None] & variances.isfinite()
        block.variances[known] = variances[known]
        block.values[pending] = (exact + mean)[pending]
        excess, given = _judge(block, tolerance, scale), share
        # With a share s of second orders a game's variance is 1 - s / 2 times that of one order.
        allowed = (1 - given / 2) / float(excess[~block.converged].max()) if not block.converged.all() else 1.0
        share = min(limit, max(2 - 2 * allowed / 1.1, given + pilot))
    return None if block.converged.all() or given < 1 else excess


def _judge(block: _Block, tolerance: float, scale: Tensor) -> Tensor:
    """Variance of each row relative to the tolerance, (R,); marks rows with at most 1 as converged."""
    allowed = torch.maximum(tolerance * block.values.norm(dim=1), _RESOLUTION * scale)
    excess = (block.variances.sum(dim=1) / allowed.square()).nan_to_num(nan=0.0).amax(dim=1)
    block.converged |= excess <= 1
    return excess


def _further(excess: Tensor, block: _Block, done: int, sampler: Sampler) -> int:
    """Estimated further sweeps for the rows that have not converged; at most as many as done, and as the budget has."""
    if block.converged.all():
        return 0
    needed = math.ceil(min(float(excess[~block.converged].max()) * 1.1, 2.0) * done) - done
    return min(max(needed, sampler.least, 2), int(sampler.most) - done)


def _round(
    games: Games,
    large: list[Pairs],
    sampler: Sampler,
    sweeps: int,
    generator: torch.Generator,
    block: _Block,
    seen: list[tuple[Pairs, Tensor]] | None = None,
) -> _Block:
    """Means over the background of the sampled games' values, and their variances.

    The games and their contributions to the mean are appended to `seen`.
    """
    b = len(games.background)
    pending = ~block.converged
    drawn = _Block(block.first, torch.zeros_like(block.values), torch.zeros_like(block.values), block.converged)
    squares, count = torch.zeros_like(drawn.values), torch.zeros(len(pending), device=pending.device)
    for pairs in large:
        active = pairs[pending[pairs.row.to(pending.device) - block.first].to(pairs.row.device)]
        if len(active):
            values, variances = sampler.draw(games, active, sweeps, generator)
            values = values / b
            games.add_up(active, values, to=drawn.values, first=block.first)
            games.add_up(active, variances / b**2, to=drawn.variances, first=block.first)
            games.add_up(active, values.square(), to=squares, first=block.first)
            if seen is not None:
                seen.append((active, values))
            count += torch.bincount(active.row.to(pending.device) - block.first, minlength=len(pending))
    if sampler.name == "permutation" and sweeps == 1:
        # The spread over background rows includes the variance between orders and between background rows: an upper
        # bound. A single game has no spread.
        count = count[:, None, None]
        spread = (squares - drawn.values.square() / count).clamp_min(0) * count / (count - 1)
        drawn.variances = torch.where((count == 1) & (squares > 0), torch.inf, spread.nan_to_num(nan=0.0))
    return drawn


def _generator(seed: int, block: int, device: torch.device) -> torch.Generator:
    """A separate random stream for each block, so that early stopping in one does not change the next."""
    state = np.random.SeedSequence([seed, block]).generate_state(1, np.uint64)[0]
    return torch.Generator(device=device).manual_seed(int(state >> np.uint64(1)))


@contextmanager
def _evaluating(model: Model) -> Iterator[None]:
    """Evaluation mode in the block; the mode of every submodule is restored."""
    modes = [(m, m.training) for m in model.modules()] if isinstance(model, nn.Module) else []
    for module, _ in modes:
        module.training = False
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def _owner(owner: ArrayLike | None, rows: Tensor) -> Tensor:
    width = rows.shape[1]
    owners = torch.arange(width) if owner is None else torch.as_tensor(np.asarray(owner), dtype=torch.int64)
    if owners.shape != (width,) or owners.min() < 0:
        raise UserError(
            WHO,
            f"expected `owner` to number the feature of each of {width} columns, from 0; received shape "
            f"{tuple(owners.shape)}" + (f" with {int(owners.min())}." if owners.numel() else "."),
        )
    return owners.to(rows.device)


def _refuse(
    rows: Tensor, background: Tensor, budget: int, tolerance: float, max_batch: int | None, dtype: torch.dtype | None
) -> None:
    """Raise UserError for arguments that no method can use."""
    for name, x in (("rows", rows), ("background", background)):
        if x.ndim != 2 or 0 in x.shape or x.shape[1] != rows.shape[1]:
            raise UserError(
                WHO,
                f"expected rows and background of shape (at least 1, width), with equal widths; received {name} "
                f"of shape {tuple(x.shape)}.",
            )
        if not x.isfinite().all():
            raise UserError(WHO, f"expected finite inputs; {name} has NaN or infinite values.", "Fill missing values.")
    if budget < 1 or not tolerance >= 0:
        raise UserError(WHO, f"expected a budget >= 1 and a tolerance >= 0; received {budget} and {tolerance}.")
    if max_batch is not None and max_batch < 2:
        raise UserError(WHO, f"expected max_batch >= 2; received {max_batch}.")
    if dtype not in (None, torch.bfloat16):
        raise UserError(WHO, f"expected dtype None or torch.bfloat16; received {dtype}.")


def _refuse_outputs(*outputs: Tensor) -> None:
    if not all(bool(x.isfinite().all()) for x in outputs):
        raise UserError(
            WHO,
            "expected finite model outputs; some are NaN or infinite.",
            "Check the training: has its loss diverged?",
        )
