"""Which data a run was audited with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def audited_fingerprint(began: Mapping[str, Any]) -> str | None:
    """The fingerprint of the data of the last audit: that of the training, unless an audit had other data."""
    entries: list[Mapping[str, Any]] = [began, *began.get("later", [])]
    fingerprints: list[str | None] = [entry["data_fingerprint"] for entry in entries if "data_fingerprint" in entry]
    return fingerprints[-1] if fingerprints else None
