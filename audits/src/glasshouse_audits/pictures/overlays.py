"""Images with their attributions overlaid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Blue for, orange against: distinguishable with every common colour vision deficiency (Okabe and Ito 2008).
_FOR = np.array([0, 114, 178]) / 255
_AGAINST = np.array([230, 159, 0]) / 255
_LONGEST = 224
_GAP = 0.04
PLACES = (
    *("upper left", "upper middle", "upper right"),
    *("left", "middle", "right"),
    *("lower left", "lower middle", "lower right"),
)


def as_picture(image: Floats) -> Floats:
    """An encoded image (channels, height, width) as (height, width, 3) from 0 to 1.

    Values outside [0, 1] are rescaled to it. One channel is grey, three are RGB, for others the mean is shown.
    """
    low, high = min(0.0, float(image.min())), max(1.0, float(image.max()))
    scaled = (image - low) / (high - low)
    channels = scaled if len(scaled) == 3 else np.repeat(scaled.mean(axis=0, keepdims=True), 3, axis=0)
    return np.moveaxis(channels, 0, 2)


def overlay(picture: Floats, values: Floats) -> Floats:
    """An image (height, width, 3) in grey, tinted where it supports or contradicts the prediction.

    `values` (height, width) are attributions; the largest hundredth has the full tint.
    """
    grey = np.repeat(picture.mean(axis=2, keepdims=True), 3, axis=2)
    largest = float(np.quantile(np.abs(values), 0.99)) or float(np.abs(values).max()) or 1.0
    strength = np.clip(np.abs(values) / largest, 0, 1)[..., None]
    tint = np.where(values[..., None] >= 0, _FOR, _AGAINST)
    # A light ground, so that both tints are visible on dark and bright parts of the image.
    ground = 0.55 + 0.45 * grey
    blended: Floats = (1 - strength) * ground + strength * tint
    return blended


def strip(panels: Sequence[Floats]) -> NDArray[np.uint8]:
    """Images of one size in a row with white gaps, as bytes (height, width, 3), subsampled to 224 pixels a side."""
    step = -(-max(panels[0].shape[:2]) // _LONGEST)
    height, width = panels[0][::step, ::step].shape[:2]
    gap = np.ones((height, max(1, round(_GAP * width)), 3))
    parts: list[Floats] = []
    for panel in panels:
        parts += [panel[::step, ::step], gap]
    return np.rint(255 * np.concatenate(parts[:-1], axis=1)).astype(np.uint8)


def where(values: Floats) -> str:
    """The two ninths of the image with the largest attributions (height, width), in words."""
    sizes = np.abs(values)
    total = sizes.sum()
    if not total > 0:
        return "no attribution"
    ninths = [part.sum() / total for band in np.array_split(sizes, 3) for part in np.array_split(band, 3, axis=1)]
    first, second = np.argsort(ninths, kind="stable")[::-1][:2]
    return f"{ninths[first]:.0%} in the {PLACES[first]}, {ninths[second]:.0%} in the {PLACES[second]}"


def pooled(values: Floats, most: int) -> Floats:
    """Sums over blocks of (height, width), with at most `most` blocks per side."""
    height, width = (np.linspace(0, side, min(side, most) + 1).round().astype(int) for side in values.shape)
    return np.add.reduceat(np.add.reduceat(values, height[:-1], axis=0), width[:-1], axis=1)
