"""Shapley values by regression on coalitions: unbiased KernelSHAP, with a separate design for every background row.

Shapley values minimize sum over S of w(|S|) (v(S) - v(nobody) - sum of phi_j over S)^2 under the condition that they
add up to f(x) - f(z), with w(s) = (m - 1) / (C(m, s) s (m - s)) (Lundberg and Lee 2017). Coalitions come with their
complements (Covert and Lee, "Improving KernelSHAP: Practical Shapley Value Estimation via Linear Regression", 2021).
The two residuals of such a pair are equal up to a constant. With signs +1 for members and -1 for others, u the signs
less their mean, and y = g(S) - mean(signs) (f(x) - f(z)), the problem with its condition becomes

    phi = (f(x) - f(z)) / m + beta,      beta minimizes sum over S of w(|S|) (y - u . beta)^2,      1 . beta = 0,

with half the rows. The least-squares solution is linear in y, so it is shared by all rows and outputs of a design.

Sizes of coalitions are strata. Small sizes are enumerated; the others share the remaining observations equally, not in
proportion to w, because large weights with small residuals contribute little to the error (Musco and Witter, "Provably
Accurate Shapley Value Estimation via Leverage Score Sampling", 2025).

Regression on a random design is biased by O(1 / observations), and a mean over background rows does not reduce that.
But E[w u u'] is known here: over random coalitions of size s it is w 4 s (m - s) / (m (m - 1)) times the identity, on
vectors that add up to 0. Let a be the sum of these factors, a_i that of observation i, b the least-squares solution,
and b_i that without random observation i, with its residual e_i = r_i / (1 - h_i). Then

    a beta = sum over enumerated i of w_i u_i y_i + sum over random i of (a_i b_i + w_i u_i e_i)

holds in expectation, because b_i does not depend on observation i; it is the one-step estimator of Covert and Lee's
regression with exact second moments, cross-fitted. Its error is, to first order, the sum of w_i u_i e_i / a over random
observations, which gives its variance.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb

import torch
from torch import Tensor

from glasshouse_audits.explain.shapley.games import Games, Pairs

LEAST_SWEEPS = 3
"""Smallest number of sweeps, see `evaluations`: with fewer, regression is worse than random orders."""


def evaluations(players: int, sweeps: int) -> int:
    """Model evaluations of a game: 2 `sweeps` coalitions per player, half of them complements of the others."""
    return 2 * sweeps * players


@dataclass(frozen=True)
class Strata:
    """The coalitions of m players in a design: sizes up to m / 2, each coalition together with its complement.

    `listed` (e, m) are enumerated; `sizes` (r,) are those of the random coalitions; `weights` (e + r,) are for both.
    """

    listed: Tensor
    sizes: Tensor
    weights: Tensor


def strata(players: int, observations: int) -> Strata:
    """Distribute at least `players` + `players` / 2 observations over the sizes of coalitions.

    The kernel's mass of a size is proportional to 1 / (s (m - s)) over all its coalitions, and half of that for
    s = m / 2, whose coalitions are each other's complements; a coalition's weight is its part of the mass. Single
    players are always enumerated, because they make the regression regular; further sizes as long as their equal share
    of observations suffices.
    """
    m = players
    mass = {s: (0.5 if 2 * s == m else 1.0) / (s * (m - s)) for s in range(1, m // 2 + 1)}
    listed: list[Tensor] = []
    weights: list[float] = []
    left = observations
    for s in list(mass):
        count = comb(m, s) // (2 if 2 * s == m else 1)
        if s > 1 and left < count * len(mass):
            break
        listed += [_members(m, who) for who in combinations(range(m), s) if 2 * s < m or 0 in who]
        weights += [mass[s] / count] * count
        left -= count
        del mass[s]
    sizes: list[int] = []
    for i, s in enumerate(mass):
        quota = left // len(mass) + (i < left % len(mass))
        sizes += [s] * quota
        weights += [mass[s] / quota] * quota
    return Strata(
        torch.stack(listed), torch.tensor(sizes, dtype=torch.int64), torch.tensor(weights, dtype=torch.float64)
    )


def _members(players: int, who: tuple[int, ...]) -> Tensor:
    return torch.zeros(players, dtype=torch.bool).index_fill_(0, torch.tensor(who), True)


def kernel_values(games: Games, pairs: Pairs, sweeps: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Values and their variances, float64 (Q, m, k), by regression on 2 m `sweeps` coalitions of each of Q games.

    There are as many designs as background rows, assigned to games in turn, so that no two games of a row share a
    design and their errors average out; the rows of a block share designs.
    """
    m, observations = pairs.size, evaluations(pairs.size, sweeps) // 2
    plan = strata(m, observations)
    designs = min(len(pairs), len(games.background))
    gain = games.gain(pairs)
    values = gain.new_empty((len(pairs), m, gain.shape[1]))
    variances = torch.empty_like(values)
    per_draw = max(1, games.draw_batch // (2 * observations))
    number = torch.arange(len(pairs), device=games.device)
    turns = len(pairs) // designs
    full, rest = number[: turns * designs].view(turns, designs), number[turns * designs :]
    for start in range(0, designs, per_draw):
        stop = min(start + per_draw, designs)
        coalitions = _draw(plan, m, stop - start, games.device, generator)
        regression = Regression.on(coalitions.to(games.precise_device), plan)
        for some in (full[:, start:stop].T, rest[start:stop].unsqueeze(1)):
            if some.numel():
                drawn, chosen = len(some), some.flatten()
                contrasts = games.contrasts(pairs[chosen], coalitions[:drawn])
                chosen = chosen.to(games.precise_device)
                values[chosen], variances[chosen] = regression.solve(contrasts, gain[chosen], drawn)
    return values, variances


def _draw(plan: Strata, players: int, designs: int, device: torch.device, generator: torch.Generator) -> Tensor:
    """Random designs of one plan, bool (designs, observations, m)."""
    keys = torch.rand((designs, len(plan.sizes), players), device=device, generator=generator)
    random = keys.argsort(dim=2) < plan.sizes.to(device).unsqueeze(1)
    return torch.cat([plan.listed.to(device).expand(designs, -1, -1), random], dim=1)


@dataclass(frozen=True)
class Regression:
    """The part of the regressions on G designs of p observations that does not depend on values; all float64.

    `mean_sign` (G, p, 1), `centred` (G, p, m) u, `least_squares` (G, m, p) from y to b, `correction` (G, m, p) from
    residuals to a beta / a - b, `influence` (G, m, p) from residuals to first-order errors, 0 where enumerated.
    """

    mean_sign: Tensor
    centred: Tensor
    least_squares: Tensor
    correction: Tensor
    influence: Tensor

    @classmethod
    def on(cls, coalitions: Tensor, plan: Strata) -> Regression:
        """Designs bool (G, p, m) that follow the plan."""
        m = coalitions.shape[2]
        signs = coalitions.double() * 2 - 1
        mean_sign = signs.mean(dim=2, keepdim=True)
        centred = signs - mean_sign
        weights = plan.weights.to(coalitions.device)
        weighted = (centred * weights.unsqueeze(1)).mT
        # u is orthogonal to 1: any multiple of 11' makes the normal matrix regular and changes nothing else.
        normal = weighted @ centred + weights.sum() / m
        least_squares = torch.cholesky_solve(weighted, torch.linalg.cholesky(normal))
        size = coalitions[0].sum(dim=1).double()
        moments = weights * 4 * size * (m - size) / (m * (m - 1))
        random = torch.arange(len(size), device=size.device) >= len(plan.listed)
        # For a random observation, the sum of a_i b_i / a is smaller than b by least_squares e_i a_i / a, and
        # 1 / (1 - h) turns its residual into e_i. An enumerated one is in every b_i and enters with its residual.
        leverage = (least_squares.mT * centred).sum(dim=2).unsqueeze(1)
        exact = weighted / moments.sum()
        left_out = 1 / (1 - leverage.where(random, torch.zeros_like(leverage)))
        correction = left_out * (exact - least_squares * (moments * random / moments.sum()))
        return cls(mean_sign, centred, least_squares, correction, exact * left_out * random)

    def solve(self, contrasts: Tensor, gain: Tensor, designs: int) -> tuple[Tensor, Tensor]:
        """Values and variances (Q, m, k) from contrasts (Q, p, k) and gains (Q, k).

        The games are ordered by design, equally many for each of the first `designs`.
        """
        games, p, k = contrasts.shape
        m = self.centred.shape[2]
        contrasts, gain = contrasts.view(designs, -1, p, k), gain.view(designs, -1, 1, k)
        y = contrasts - self.mean_sign[:designs].unsqueeze(1) * gain
        y = y.transpose(1, 2).reshape(designs, p, -1)  # A column for every game and output of the design.
        beta = self.least_squares[:designs] @ y
        residuals = y - self.centred[:designs] @ beta
        found = beta + self.correction[:designs] @ residuals, self.influence[:designs].square() @ residuals.square()
        values, variances = (f.view(designs, m, -1, k).transpose(1, 2) for f in found)
        return (values + gain / m).reshape(games, m, k), variances.reshape(games, m, k)
