"""What one batch and the model's answer show, case by case as a person would say it; what does not follow is asked."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from glasshouse import DataInfo, Target, UserError
from glasshouse.external_data.infer_info import complete_info, look_at_outputs
from glasshouse.external_data.side_attributes import read_side_attributes

X = torch.zeros(4, 3)


def shown(y: torch.Tensor, raw: torch.Tensor, x: torch.Tensor = X, given: Any = None, **rest: Any) -> DataInfo:
    return complete_info(given, name="theirs", x=x, y=y, raw=raw, **rest)


@pytest.mark.parametrize(
    ("y", "raw", "kind", "classes"),
    [
        (torch.tensor([0, 1, 1, 0]), torch.zeros(4, 2), "binary", ("0", "1")),
        (torch.tensor([0, 1, 1, 0]), torch.zeros(4), "binary", ("0", "1")),
        (torch.tensor([[0.0], [1.0], [1.0], [0.0]]), torch.zeros(4, 1), "binary", ("0", "1")),
        (torch.tensor([0, 2, 1, 0]), torch.zeros(4, 3), "multiclass", ("0", "1", "2")),
        (torch.tensor([0.5, 2.0, 1.0, 0.0]), torch.zeros(4, 1), "regression", ()),
        (torch.tensor([[0, 1, 1]] * 4), torch.zeros(4, 3), "multilabel", ("0", "1", "2")),
        (torch.tensor([True, False, True, True]), torch.zeros(4, 2), "binary", ("0", "1")),
    ],
)
def test_kinds_of_target(y: torch.Tensor, raw: torch.Tensor, kind: str, classes: tuple[str, ...]) -> None:
    target = shown(y, raw).target
    assert (target.kind, target.classes) == (kind, classes)


def test_what_is_said_is_kept_and_the_rest_completed() -> None:
    given = {"target": {"name": "pay", "classes": ["low", "high"], "favourable": "high"}, "features": ["a", "b", "sex"]}
    beside = read_side_attributes({"sex": ["f", "m"], "town": ["x", "x"]}, {})
    info = shown(torch.tensor([0, 1, 1, 0]), torch.zeros(4, 2), given=given, aligned=beside, rows={"test": 9})
    assert info.name == "theirs"
    assert info.modality == "tabular"
    assert info.target == Target(name="pay", kind="binary", classes=("low", "high"), favourable="high")
    assert [(f.name, f.columns) for f in info.features] == [("a", (0,)), ("b", (1,)), ("sex", (2,))]
    # a feature of that name is among the inputs; of the other nobody knows
    assert [(s.name, s.seen_by_model) for s in info.sensitive] == [("sex", True), ("town", None)]
    assert info.rows == {"test": 9}
    assert given == {
        "target": {"name": "pay", "classes": ["low", "high"], "favourable": "high"},
        "features": ["a", "b", "sex"],
    }


def test_pictures_have_no_features() -> None:
    info = shown(torch.tensor([0, 1]), torch.zeros(2, 2), x=torch.zeros(2, 3, 8, 8))
    assert (info.modality, info.input_shape, info.features) == ("image", (3, 8, 8), ())


@pytest.mark.parametrize(
    ("x", "y", "raw", "given", "message"),
    [
        (torch.zeros(2, 5, 7), torch.zeros(2).long(), torch.zeros(2, 2), None, "fit several modalities"),
        (torch.zeros(2, 5).long(), torch.zeros(2).long(), torch.zeros(2, 2), None, "fit several modalities"),
        (
            torch.zeros(2, 5),
            torch.tensor([0.5, 1]),
            torch.zeros(2, 3),
            None,
            "not whole numbers, but the model has 3",
        ),
        (torch.zeros(2, 5), torch.zeros(2, 2, 2), torch.zeros(2, 2), None, "of no supported kind"),
        (torch.zeros(2, 5), torch.zeros(2).long(), torch.zeros(2, 2), {"features": ["a"]}, "names 1 features"),
        (torch.zeros(2, 5), torch.zeros(2).long(), torch.zeros(2, 2), {"featurs": []}, "cannot be read"),
        (torch.zeros(2, 5), torch.zeros(2).long(), torch.zeros(2, 2), {"target": {"favourable": "x"}}, "favourable"),
    ],
)
def test_what_does_not_follow_is_asked(x: Any, y: Any, raw: Any, given: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        shown(y, raw, x=x, given=given)


def test_probabilities_are_told_from_logits_where_they_can_be() -> None:
    def info(kind: str, classes: tuple[str, ...]) -> DataInfo:
        target = Target(name="y", kind=kind, classes=classes)  # type: ignore[arg-type]
        return DataInfo(name="d", modality="tabular", target=target, input_shape=(3,))

    three, two = info("multiclass", ("a", "b", "c")), info("binary", ("a", "b"))
    logits = torch.randn(16, 3, generator=torch.Generator().manual_seed(0))
    assert look_at_outputs(torch.softmax(logits, dim=1), three) == "probabilities"
    assert look_at_outputs(logits, three) is None
    assert look_at_outputs(torch.full((4, 3), 0.5), three) is None  # between 0 and 1, and no distribution
    assert look_at_outputs(torch.rand(4, 1), info("regression", ())) is None
    assert look_at_outputs(torch.tensor([[0.2], [1.7]]), two) is None
    with pytest.raises(UserError, match="may be probabilities or logits"):
        look_at_outputs(torch.tensor([[0.2], [0.7]]), two)
