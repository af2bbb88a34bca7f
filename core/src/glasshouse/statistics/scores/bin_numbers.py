"""Which bin a score is in: a number that grows with the score, the same in every batch, process and engine."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasshouse.statistics.intervals.estimates import Floats

SHIFT = 41
"""Bits of a double that its bin leaves out: 11 of the 52 after the leading one stay, so every doubling of the odds
p / (1 - p) has 2,048 bins, which is logit spacing: 65,536 bins for odds from 2^-16 to 2^16 (p from 0.000015), and as
many as are needed beyond, for events however rare. Bins nest: one bit more joins them in pairs."""

IN_MEMORY = SHIFT + 1
"""The same for rows in memory, which are quickly looked at again where 1,024 bins a doubling are too few: 65,536 of
them are for odds from 2^-32 to 2^32."""

PER_DOUBLING = 2 ** (52 - SHIFT)
"""Bins of each doubling of the odds."""

PLACES = 16
"""Bits that tell where in its bin a score lies, to 1 / 65,536 of it."""

EDGES = np.linspace(0, 1, 21)
"""No bin of probabilities reaches over one of these edges, so that calibration over 5, 10 or 20 bins is exact."""

FARTHEST = 2.0**40
"""Odds beyond this, and below 1 over it, share a bin."""

# A bin's number has the segment between two of `EDGES` in its last bits, which a shift leaves free.
_SEGMENT = np.int64(31)
_ALL_BUT_SIGN = np.int64(2**63 - 1)
_LAST_PLACE = np.int64(2**PLACES - 1)

Numbers = NDArray[np.int64]


def positions(scores: Floats, *, probability: bool) -> Numbers:
    """Whole numbers that grow with the scores, from whose leading bits bins are made.

    For probabilities the bits of the odds, for other numbers those of the number itself: a double's bits are spaced
    evenly on each doubling. Rounding of the odds keeps the order.
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
    """The number of the bin that each score is in; with a shift of 0 every distinct score has its own."""
    if shift == 0:
        return (scores + 0.0).view(np.int64) if probability else positions(scores, probability=False)
    bins = (positions(scores, probability=probability) >> shift) << shift
    return bins + segment(scores) if probability else bins


def places_in_bins(position: Numbers, shift: int) -> NDArray[np.uint16]:
    """Where in their bins positions lie."""
    return ((position >> (shift - PLACES)) & _LAST_PLACE).astype(np.uint16)


def scores_of(number: Numbers, *, probability: bool) -> Floats:
    """The scores that numbers with a shift of 0 stand for."""
    if probability:
        return number.view(np.float64)
    return (number ^ ((number >> 63) & _ALL_BUT_SIGN)).view(np.float64)


def scores_at_places(number: Numbers, place: NDArray[Any], shift: int, *, probability: bool) -> Floats:
    """The smallest scores, up to rounding, that lie at or above places in bins of a shift above 0."""
    start = ((number >> shift) << shift) + (place.astype(np.int64) << (shift - PLACES))
    if not probability:
        return scores_of(start, probability=False)
    found = start.view(np.float64)
    return np.asarray(found / (1 + found), dtype=np.float64)


def coarser(number: Numbers, old: int, new: int, *, probability: bool) -> Numbers:
    """The numbers of the bins with a larger shift above 0 that bins are in."""
    if old == 0:
        return bin_numbers(scores_of(number, probability=probability), new, probability=probability)
    joined = (number >> new) << new
    return joined + (number & _SEGMENT) if probability else joined


def coarser_places(
    number: Numbers, place: NDArray[np.uint16], old: int, new: int, *, probability: bool
) -> NDArray[np.uint16]:
    """Where in the bins with a larger shift above 0 the places of bins are."""
    if old == 0:
        return places_in_bins(positions(scores_of(number, probability=probability), probability=probability), new)
    return places_in_bins(((number >> old) << old) + (place.astype(np.int64) << (old - PLACES)), new)


def segment_of(number: Numbers, shift: int) -> Numbers:
    """Between which two of `EDGES` the bins of probabilities lie."""
    return segment(number.view(np.float64)) if shift == 0 else number & _SEGMENT


def segment(scores: Floats) -> Numbers:
    """Between which two of `EDGES` probabilities lie; a segment holds its upper edge."""
    return np.searchsorted(EDGES[1:-1], scores, side="left")
