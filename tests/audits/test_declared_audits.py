"""What the declarations promise of each audit holds for the class behind it."""

from __future__ import annotations

import inspect
import json
from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest
import torch
from glasshouse import UserError
from glasshouse.measure.selection import unmet_requirement
from glasshouse_audits.declarations import glasshouse_audits

DECLARED = {plugin.name: plugin for plugin in glasshouse_audits()}


def load(name: str) -> type:
    module, attribute = DECLARED[name].target.split(":")
    return getattr(import_module(module), attribute)


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return RowNetwork(2, 1)


class RowNetwork(torch.nn.Linear):
    def generate(self, count: int, *, seed: int) -> torch.Tensor:
        return torch.randn(count, 2, generator=torch.Generator().manual_seed(seed))


class PictureNetwork(torch.nn.Sequential):
    def __init__(self) -> None:
        super().__init__(torch.nn.Conv2d(1, 2, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(32, 2))


class WordNetwork(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = torch.nn.Embedding(9, 3, padding_idx=0)
        self.layer = torch.nn.Linear(3, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(self.embed(x).mean(dim=1))

    def token_losses(self, x: torch.Tensor) -> torch.Tensor:
        return self.embed.weight.new_ones(len(x), x.shape[1] + 1)


@pytest.fixture
def whole(network, tabular_evidence, image_evidence, text_evidence, binary_target, make_predictions):
    """Evidence with all that an audit may ask for, by modality."""

    def build(modality: str):
        rng = np.random.default_rng(0)
        truth = rng.integers(0, 2, 60)
        if modality == "image":
            torch.manual_seed(0)
            return image_evidence(PictureNetwork(), torch.rand(60, 1, 6, 6), truth)
        if modality == "text":
            torch.manual_seed(0)
            return text_evidence(WordNetwork(), torch.randint(1, 9, (60, 5)), truth)
        x = rng.normal(size=(60, 2))
        found = tabular_evidence(network, binary_target, {"a": 1, "b": 1}, train=x, test=x, targets=truth)
        groups = {"sex": (("F", "M"), rng.integers(0, 2, 60))}
        for split in ("train", "test"):
            found.predictions[split] = make_predictions(
                binary_target,
                found.predictions[split].scores,
                found.predictions[split].targets,
                split=split,
                groups=groups,
                losses=rng.exponential(size=60),
            )
        return found

    return build


@pytest.mark.parametrize("name", DECLARED)
def test_an_audit_says_who_it_is_and_with_which_options(name, whole) -> None:
    modalities = DECLARED[name].modalities
    whole = whole("tabular" if "tabular" in modalities else modalities[0])
    if "clusters" in DECLARED[name].requires:
        whole.predictions["test"] = replace(whole.evaluated, clusters=np.arange(60) // 6)
    assert unmet_requirement(DECLARED[name], whole) is None
    result = load(name)().measure(whole)
    assert (result.name, result.family, result.status) == (name, DECLARED[name].family, "completed")
    parameters = inspect.signature(load(name)).parameters
    chosen = {"budget": 500_000} if name == "feature_attribution" else {}  # it depends on the model
    assert result.parameters == {option: parameter.default for option, parameter in parameters.items()} | chosen
    assert all(parameter.kind is parameter.KEYWORD_ONLY for parameter in parameters.values())
    identifiers = [measurement.id for measurement in result.measurements]
    assert len(identifiers) == len(set(identifiers)) > 0
    for figure in result.figures:  # plain numbers and strings, nothing infinite or NaN
        json.dumps(dict(figure.data), allow_nan=False)
    for table in result.tables:
        json.dumps(table.rows, allow_nan=False)
        assert table.count_column is None or table.count_column in {column.name for column in table.columns}


NONE_AT_ALL = {("feature_attribution", "local", 0), ("generated_samples", "pictures", 0)}
"""Numbers of things of which one may want none."""


@pytest.mark.parametrize("name", DECLARED)
@pytest.mark.parametrize("wrong", [0, -1, 2.5, "many", True])
def test_options_of_the_wrong_type_or_size_are_refused(name, wrong) -> None:
    for option, parameter in inspect.signature(load(name)).parameters.items():
        if isinstance(parameter.default, bool):
            if wrong is not True:
                with pytest.raises(UserError, match=f"audit '{name}': {option} is .*; expected true or false"):
                    load(name)(**{option: wrong})
            continue
        if not isinstance(parameter.default, int):
            continue  # names, lists and shares: the audit's own tests give what each refuses
        if (name, option, wrong) in NONE_AT_ALL:
            load(name)(**{option: wrong})
            continue
        with pytest.raises(UserError, match=f"audit '{name}': {option} is .*; expected a whole number >= "):
            load(name)(**{option: wrong})
