from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from glasshouse import UserError
from glasshouse_plugins.data.published_files import check_published

WHO = "data 'toy'"
PATH = Path("folder/file.bin")


def test_hashes_of_published_test_vectors() -> None:
    """FIPS 180-2 appendix B.1 for SHA-256 of "abc"; RFC 1321 section A.5 for MD5 of "abc"."""
    sha = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    check_published(PATH, b"abc", sha, size=3, who=WHO)
    check_published(PATH, b"abc", "md5:900150983cd24fb0d6963f7d28e17f72", who=WHO)
    check_published(PATH, b"abc", "sha256:0123", sha, who=WHO)  # a copy that is known


def test_both_hashes_are_named() -> None:
    found = hashlib.sha256(b"abd").hexdigest()
    with pytest.raises(UserError) as refused:
        check_published(PATH, b"abd", "sha256:0123", who=WHO)
    assert f"{PATH} is not the published file: its SHA256 is {found}; expected 0123." in str(refused.value)
    assert "`check_files: false`" in str(refused.value)


def test_both_sizes_are_named() -> None:
    with pytest.raises(UserError, match=r"file\.bin has 3 bytes; expected 4,000 as published\. Download it again, or"):
        check_published(PATH, b"abc", "sha256:0123", size=4000, who=WHO)
