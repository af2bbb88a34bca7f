"""What a language model's losses of words add up to: ratios of sums over texts, whose intervals are those of texts."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from glasshouse.statistics import Estimate, Interval, linearized_error, t_interval
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sums:
    """What each of n texts adds: `nats` (n,) its negative log-likelihood, over `tokens` (n,) words and ends; `words`
    (n,) without the ends, of which `unknown` (n,) are none of the vocabulary."""

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
    Sampling Techniques, 6.4): what resampling whole texts would give, words of one text not being independent.
    """
    n, whole = len(parts), float(wholes.sum())
    if not whole:
        return Estimate(None, n, undefined="no words" if n else "no texts")
    ratio, error = float(parts.sum()) / whole, _error(parts, wholes)
    if error == 0:  # no unknown word in any text, say: another sample may well have some
        return Estimate(ratio, n, Interval(None, None, level, "student_t", undefined="all texts are alike"))
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
    """Loss of a token of `one` set of texts less that of the `other`, in nats; the sets are independent."""
    both = [ratio_of_sums(each.nats, each.tokens, level=level) for each in (one, other)]
    n = len(one.nats)
    if both[0].value is None or both[1].value is None:
        return Estimate(None, n, undefined="no words in one of the splits")
    value = both[0].value - both[1].value
    error = float(np.hypot(_error(one.nats, one.tokens), _error(other.nats, other.tokens)))
    freedom = min(n, len(other.nats)) - 1  # the cautious one; with hundreds of texts it is all the same
    return Estimate(value, n, t_interval(value, error, freedom, level=level).item())


def unigram_nats(
    words: NDArray[np.integer], predicted: NDArray[np.bool_], counts: NDArray[np.integer]
) -> NDArray[np.float64]:
    """(n, length + 1) loss of each token in nats if words came by their frequency alone, NaN where there is none.

    `counts` (vocabulary,) are those of the training texts, the end being number 0; each counts one more, so that no
    word is impossible (Laplace's rule).
    """
    nats = -np.log((counts + 1) / (counts.sum() + len(counts)))
    with_end = np.pad(words, ((0, 0), (0, 1)))
    return np.where(predicted, nats[with_end], np.nan)


def token_counts(words: NDArray[np.integer], predicted: NDArray[np.bool_], vocabulary: int) -> NDArray[np.int64]:
    """(vocabulary,) how often each word, and the end as number 0, is foretold in texts (n, length)."""
    return np.bincount(np.pad(words, ((0, 0), (0, 1)))[predicted], minlength=vocabulary)


def by_place(losses: NDArray[np.floating], *, least: int) -> tuple[list[int], list[float]]:
    """Places, from 1, that at least `least` texts have, and the mean loss there in nats."""
    counts = np.isfinite(losses).sum(axis=0)
    kept = np.flatnonzero(counts >= max(1, least))
    means = np.nansum(losses[:, kept], axis=0, dtype=np.float64) / counts[kept]
    return (kept + 1).tolist(), means.tolist()
