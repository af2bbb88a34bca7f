"""Likelihoods of a language model: ratios of sums over texts, with intervals over texts."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from glasshouse.statistics import Estimate, Interval, linearized_error, t_interval
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sums:
    """Sums over each of n texts: `nats` (n,) is the negative log-likelihood of `tokens` (n,) words and ends; `words`
    (n,) excludes the ends; `unknown` (n,) counts words outside the vocabulary."""

    nats: Floats
    tokens: Floats
    words: Floats
    unknown: Floats

    def of(self, rows: NDArray[np.bool_]) -> Sums:
        """Some of the texts."""
        return Sums(self.nats[rows], self.tokens[rows], self.words[rows], self.unknown[rows])


def sums(losses: NDArray[np.floating], words: NDArray[np.integer], *, unknown: int) -> Sums:
    """From losses of tokens (n, length + 1) in nats, NaN where there is none, and words (n, length), 0 for padding."""
    return Sums(
        nats=np.nansum(losses, axis=1, dtype=np.float64),
        tokens=np.isfinite(losses).sum(axis=1).astype(np.float64),
        words=(words != 0).sum(axis=1).astype(np.float64),
        unknown=(words == unknown).sum(axis=1).astype(np.float64),
    )


def ratio_of_sums(parts: Floats, wholes: Floats, *, level: float = 0.95) -> Estimate:
    """sum(parts) / sum(wholes) over n texts, with Student's t interval on the variance between texts.

    The variance is that of the linearised ratio, n / (n - 1) sum (part - ratio whole)^2 / (sum wholes)^2 (Cochran 1977,
    Sampling Techniques, 6.4). It corresponds to resampling whole texts, because words of one text are not independent.
    """
    n, whole = len(parts), float(wholes.sum())
    if not whole:
        return Estimate(None, n, undefined="no words" if n else "no texts")
    ratio, error = float(parts.sum()) / whole, _error(parts, wholes)
    if error == 0:  # e.g. no unknown word in any text, although another sample may have some
        return Estimate(ratio, n, Interval(None, None, level, "student_t", undefined="all texts have the same ratio"))
    return Estimate(ratio, n, t_interval(ratio, error, n - 1, level=level).item())


def _error(parts: Floats, wholes: Floats) -> float:
    """Standard error of the ratio of their sums; NaN for a single text."""
    whole = wholes.sum()
    return linearized_error((parts - parts.sum() / whole * wholes) / whole, np.arange(len(parts)))[0]


def perplexity(per_token: Estimate) -> Estimate:
    """exp of the mean loss of a token in nats, and of the ends of its interval: 1 and above, smaller is better."""
    if per_token.value is None:
        return per_token
    interval = per_token.interval
    if interval is not None and interval.low is not None and interval.high is not None:
        interval = replace(interval, low=float(np.exp(interval.low)), high=float(np.exp(interval.high)))
    return replace(per_token, value=float(np.exp(per_token.value)), interval=interval)


def difference(one: Sums, other: Sums, *, level: float = 0.95) -> Estimate:
    """Loss per token of `one` set of texts minus that of the `other`, in nats; the sets are independent."""
    both = [ratio_of_sums(each.nats, each.tokens, level=level) for each in (one, other)]
    n = len(one.nats)
    if both[0].value is None or both[1].value is None:
        return Estimate(None, n, undefined="no words in one of the splits")
    value = both[0].value - both[1].value
    error = float(np.hypot(_error(one.nats, one.tokens), _error(other.nats, other.tokens)))
    freedom = min(n, len(other.nats)) - 1  # conservative; with hundreds of texts it makes no difference
    return Estimate(value, n, t_interval(value, error, freedom, level=level).item())


def unigram_nats(
    words: NDArray[np.integer], predicted: NDArray[np.bool_], counts: NDArray[np.integer]
) -> NDArray[np.float64]:
    """(n, length + 1) loss of each token in nats when words are predicted by frequency; NaN without a prediction.

    `counts` (vocabulary,) are those of the training texts; number 0 is the end. One is added to each count, so that
    every word has a positive probability (Laplace smoothing).
    """
    nats = -np.log((counts + 1) / (counts.sum() + len(counts)))
    with_end = np.pad(words, ((0, 0), (0, 1)))
    return np.where(predicted, nats[with_end], np.nan)


def token_counts(words: NDArray[np.integer], predicted: NDArray[np.bool_], vocabulary: int) -> NDArray[np.int64]:
    """(vocabulary,) number of predictions of each word, and of the end as number 0, in texts (n, length)."""
    return np.bincount(np.pad(words, ((0, 0), (0, 1)))[predicted], minlength=vocabulary)


def by_place(losses: NDArray[np.floating], *, least: int) -> tuple[list[int], list[float]]:
    """Positions, from 1, that at least `least` texts have, and the mean loss there in nats."""
    counts = np.isfinite(losses).sum(axis=0)
    kept = np.flatnonzero(counts >= max(1, least))
    means = np.nansum(losses[:, kept], axis=0, dtype=np.float64) / counts[kept]
    return (kept + 1).tolist(), means.tolist()
