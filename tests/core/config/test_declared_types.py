"""Values against annotations: what does not fit is refused, what is not plain is left to the parser."""

from __future__ import annotations

from typing import Any

import pytest
from glasshouse.config.declared_types import OPEN, read_type

FITS = [
    ("int", 3),
    ("int", "3"),  # text counts as what YAML makes of it
    ("int", 3.0),  # the parser decides
    ("float", 1),
    ("float", "1e-3"),
    ("bool", "true"),
    ("str", "anything"),
    ("str", "5"),
    ("Optional[int]", None),
    ("int | None", "null"),
    ("typing.Optional[int]", 2),
    ("Union[int, bool]", False),
    ("Literal['a', 'b']", "b"),
    ("typing.Literal[64, '64']", "64"),
    ("Sequence[int]", (1, 2)),
    ("collections.abc.Sequence[int]", "[1, 2]"),
    ("tuple[float, float]", [0.9, 0.999]),
    ("list[list[int]]", [[1], [2, 3]]),
    ("list[str] | str", "sex"),
    ("dict[str, int]", {"a": 1}),
    ("'int | None'", None),
    ("float | Tensor", {"class_path": "torch.Tensor"}),
    ("Path", 3),
    ("int | Path", "anything"),
    ("not an annotation", 3),
    ("list[Callback] | Callback", "anything"),
]
MISFITS = [
    ("int", "many", ["a whole number"], "many"),
    ("int", 2.5, ["a whole number"], 2.5),
    ("int", None, ["a whole number"], None),
    ("float | Tensor", "high", ["a number"], "high"),
    ("bool | int", "abc", ["true or false", "a whole number"], "abc"),
    ("Literal['a', 'b'] | None", "c", ["a", "b"], "c"),
    ("str", 5, ["text"], 5),
    ("list[str]", "sex", ["a list"], "sex"),
    ("list[str] | None", ["a", 5], ["text"], 5),
    ("Sequence[int]", "[1, x]", ["a whole number"], "x"),
    ("dict[str, int]", [1], ["a mapping"], [1]),
    ("Sequence[int]", {"class_path": "subprocess.Popen"}, ["a list"], {"class_path": "subprocess.Popen"}),
]


@pytest.mark.parametrize(("annotation", "value"), FITS)
def test_a_value_that_may_fit_is_left_to_the_parser(annotation: str, value: Any) -> None:
    assert read_type(annotation).misfit(value) is None


@pytest.mark.parametrize(("annotation", "value", "words", "part"), MISFITS)
def test_a_misfit_comes_with_the_type_that_was_expected(
    annotation: str, value: Any, words: list[str], part: Any
) -> None:
    found = read_type(annotation).misfit(value)
    assert found is not None
    assert (found[0].words, found[1]) == (words, part)


@pytest.mark.parametrize("annotation", ["Path", "Callable[[int], int]", "Literal[Color.RED]", "PositiveInt", "1 +"])
def test_types_that_are_not_plain_are_open(annotation: str) -> None:
    assert read_type(annotation) == OPEN
