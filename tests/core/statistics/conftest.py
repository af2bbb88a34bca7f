"""Hypothesis with fixed seeds and without a clock: the same examples on every machine, however busy."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("fixed", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("fixed")
