"""YAML by the core schema of YAML 1.2; values from https://yaml.org/spec/1.2.2/#1032-tag-resolution."""

from __future__ import annotations

import math
from typing import Any

import pytest
import yaml
from glasshouse.system import yaml_text
from glasshouse.system.yaml_text import read_yaml_text, write_yaml_text
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(
            (word, word)
            for word in ("yes", "no", "on", "off", "Yes", "NO", "y", "n", "1:30", "1_000", "2020-01-01", "0b1")
        ),
        *((word, True) for word in ("true", "True", "TRUE")),
        *((word, False) for word in ("false", "False", "FALSE")),
        *((word, None) for word in ("null", "Null", "NULL", "~", "")),
        *((word, value) for word, value in (("0", 0), ("0o7", 7), ("0x3A", 58), ("-19", -19), ("+1", 1))),
        *(
            (word, value)
            for word, value in (("0.", 0.0), ("-0.0", -0.0), (".5", 0.5), ("+12e03", 12000.0), ("-2E+05", -2e5))
        ),
        *((word, value) for word, value in (("1e-2", 0.01), (".inf", math.inf), ("-.Inf", -math.inf), ("09.5", 9.5))),
    ],
)
def test_scalars(text: str, value: Any) -> None:
    found = read_yaml_text(f"a: {text}")["a"]
    assert (found, type(found)) == (value, type(value))


def test_not_a_number() -> None:
    assert math.isnan(read_yaml_text(".NAN"))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 007", "007 is a whole number with a leading zero; write '007' for text"),
        ("a: 1\nb: {c: 1, c: 2}", "'c' is given twice"),
        ("a: &x [1, *x]", "a collection contains itself"),
        ("[" * (yaml_text.DEEPEST + 1) + "]" * (yaml_text.DEEPEST + 1), "collections are nested more than 60 deep"),
        ("a: " + "1" * 401, "a number has more than 400 digits"),
        ("a: !thing 1", "could not determine a constructor for the tag '!thing'"),
        ("a: 1\n---\nb: 2", "but found another document"),
    ],
)
def test_what_is_refused(text: str, problem: str) -> None:
    with pytest.raises(yaml.YAMLError) as refused:
        read_yaml_text(text)
    assert refused.value.problem == problem  # type: ignore[attr-defined]


def test_what_aliases_repeat_counts_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_text, "MOST_NODES", 20)
    assert read_yaml_text("a: &x [1, 2, 3]\nb: [*x, *x]")["b"] == [[1, 2, 3], [1, 2, 3]]
    with pytest.raises(yaml.YAMLError, match="more than 20 values"):
        read_yaml_text("a: &x [1, 2, 3]\nb: [*x, *x, *x, *x]")


def test_a_text_that_is_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_text, "MOST_CHARACTERS", 10)
    with pytest.raises(yaml.YAMLError, match="it has 11 characters; at most 10 are read"):
        read_yaml_text("a: 12345678")


def test_merge_keys_and_aliases_of_mappings() -> None:
    assert read_yaml_text("base: &b {x: 1, y: 2}\na: {<<: *b, y: 3}")["a"] == {"x": 1, "y": 3}


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
HARD = st.sampled_from(["yes", "1e-2", "007", "0o7", "09", "1:30", "~", "null", "=", "<<", "1_0", "+.inf", "on", "0x1"])


@given(st.dictionaries(st.text(max_size=5) | HARD, PLAIN | HARD, max_size=4))
def test_what_is_written_is_read_again_and_by_readers_of_yaml_1_1_too(values: dict[str, Any]) -> None:
    text = write_yaml_text(values)
    assert read_yaml_text(text) == values
    assert yaml.safe_load(text) == values
