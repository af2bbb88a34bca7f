"""What is said of groups of a handful of rows, and which larger ones are proposed."""

from __future__ import annotations

import numpy as np
from glasshouse.evidence.group_sizes import note_on


def test_few_or_large_groups_need_no_word():
    assert note_on("sex", ["F", "M"], np.array([1, 2])) is None
    assert note_on("zip", [f"{k}" for k in range(100)], np.full(100, 10)) is None


def test_numbers_are_binned_by_their_rows():
    note = note_on("age", [str(age) for age in range(1, 101)], np.full(100, 5))
    assert note == (
        "'age' has 100 groups, half of them of at most 5 rows: too few to compare. Bins of about equally many rows: "
        "--sensitive age=20,40,60,80, or bins={'age': (20, 40, 60, 80)}."
    )


def test_codes_are_cut_to_their_first_characters():
    levels = [f"{letter}{k:03d}" for letter in "ABC" for k in range(100)]
    note = note_on("diagnosis", levels, np.full(300, 3))
    assert note is not None
    assert note.endswith("The first 3 characters make 30 groups: write them into a column of their own.")


def test_names_without_a_common_beginning_are_to_be_merged():
    levels = [f"{chr(0x4E00 + k)}" for k in range(100)]
    assert str(note_on("name", levels, np.full(100, 3))).endswith("Merge them into fewer groups.")
