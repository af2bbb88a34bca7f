"""Bin numbers of scores: they increase with the score and are the same in every batch, process and engine."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasshouse.statistics.intervals.estimates import Floats

SHIFT = 41
"""Bits of a double that its bin number ignores. 11 of the 52 fraction bits remain, so every doubling of the odds
p / (1 - p) has 2,048 bins, which is logit spacing: 65,536 bins for odds from 2^-16 to 2^16 (p from 0.000015), and
further ones for rarer events. Bins are nested: one more bit joins them in pairs."""

IN_MEMORY = SHIFT + 1
"""The same for rows in memory, which can be counted again if 1,024 bins for each doubling are too few: 65,536 bins
cover odds from 2^-32 to 2^32."""

PER_DOUBLING = 2 ** (52 - SHIFT)
"""Bins of each doubling of the odds."""

PLACES = 16
"""Bits of the position of a score within its bin, with a precision of 1 / 65,536."""

EDGES = np.linspace(0, 1, 21)
"""No bin of probabilities crosses one of these edges, so that calibration over 5, 10 or 20 bins is exact."""

FARTHEST = 2.0**40
"""Odds above this share a bin, and so do odds below its inverse."""

# The last bits of a bin number, which the shift sets to 0, contain the segment between two of `EDGES`.
_SEGMENT = np.int64(31)
_ALL_BUT_SIGN = np.int64(2**63 - 1)
_LAST_PLACE = np.int64(2**PLACES - 1)

Numbers = NDArray[np.int64]


def positions(scores: Floats, *, probability: bool) -> Numbers:
    """Integers that increase with the scores; their leading bits are the bins.

    For probabilities the bits of the odds, for other numbers those of the number itself: the bits of a double are
    evenly spaced within each doubling. Rounding of the odds preserves the order.
    """
    if not probability:
        bits = (scores + 0.0).view(np.int64)  # + 0.0 makes -0.0 the same number as 0.0
        return np.asarray(bits ^ ((bits >> 63) & _ALL_BUT_SIGN), dtype=np.int64)
    return odds(scores).view(np.int64)


def odds(scores: Floats) -> Floats:
    """p / (1 - p), within `FARTHEST`."""
    with np.errstate(divide="ignore"):
        found: Floats = scores / (1 - scores)
    return np.clip(found, 1 / FARTHEST, FARTHEST, out=found)


def bin_numbers(scores: Floats, shift: int, *, probability: bool) -> Numbers:
    """The bin number of each score; with a shift of 0 every distinct score has its own bin."""
    if shift == 0:
        return (scores + 0.0).view(np.int64) if probability else positions(scores, probability=False)
    bins = (positions(scores, probability=probability) >> shift) << shift
    return bins + segment(scores) if probability else bins


def places_in_bins(position: Numbers, shift: int) -> NDArray[np.uint16]:
    """The places of positions within their bins."""
    return ((position >> (shift - PLACES)) & _LAST_PLACE).astype(np.uint16)


def scores_of(number: Numbers, *, probability: bool) -> Floats:
    """The scores of bin numbers with a shift of 0."""
    if probability:
        return number.view(np.float64)
    return (number ^ ((number >> 63) & _ALL_BUT_SIGN)).view(np.float64)


def scores_at_places(number: Numbers, place: NDArray[Any], shift: int, *, probability: bool) -> Floats:
    """The smallest scores at or above the places within bins of a shift above 0, up to rounding."""
    start = ((number >> shift) << shift) + (place.astype(np.int64) << (shift - PLACES))
    if not probability:
        return scores_of(start, probability=False)
    found = start.view(np.float64)
    return np.asarray(found / (1 + found), dtype=np.float64)


def coarser(number: Numbers, old: int, new: int, *, probability: bool) -> Numbers:
    """The numbers of the coarser bins, with a larger shift, that contain the bins."""
    if old == 0:
        return bin_numbers(scores_of(number, probability=probability), new, probability=probability)
    joined = (number >> new) << new
    return joined + (number & _SEGMENT) if probability else joined


def coarser_places(
    number: Numbers, place: NDArray[np.uint16], old: int, new: int, *, probability: bool
) -> NDArray[np.uint16]:
    """The places within coarser bins of places within bins."""
    if old == 0:
        return places_in_bins(positions(scores_of(number, probability=probability), probability=probability), new)
    return places_in_bins(((number >> old) << old) + (place.astype(np.int64) << (old - PLACES)), new)


def segment_of(number: Numbers, shift: int) -> Numbers:
    """The segment between two of `EDGES` that contains each bin of probabilities."""
    return segment(number.view(np.float64)) if shift == 0 else number & _SEGMENT


def segment(scores: Floats) -> Numbers:
    """The segment between two of `EDGES` of each probability; a segment includes its upper edge."""
    return np.searchsorted(EDGES[1:-1], scores, side="left")
