"""`memorisation` and `generated_samples` on models of which it is known what they copy."""

from __future__ import annotations

import base64
import struct
import zlib
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
import torch
from glasshouse import AuditPlugin, AuditResult, DataInfo, Evidence, ModelHandle, Predictions, Target, UserError
from glasshouse.measure.selection import unmet_requirement
from glasshouse.plugins import registry
from glasshouse.record.record_io import result_to_dict
from glasshouse.training.task import Task
from glasshouse_audits.generation.memorisation_audit import MemorisationAudit
from glasshouse_audits.generation.samples_audit import GeneratedSamplesAudit
from torch import Tensor, nn

SCORE = Target(name="realness", kind="regression", observed=False)
INFO = DataInfo(name="blots", modality="image", target=SCORE, input_shape=(1, 6, 6))


def fresh(n: int, seed: int, noise: float = 0.05) -> Tensor:
    """Pictures of a known distribution: a smooth blot somewhere, with a little noise."""
    generator = torch.Generator().manual_seed(seed)
    centre = 5 * torch.rand(n, 2, 1, 1, generator=generator)
    across = torch.arange(6.0)
    distance = (across[:, None] - centre[:, :1]) ** 2 + (across - centre[:, 1:]) ** 2
    return (torch.exp(-distance / 4) + noise * torch.rand(n, 1, 6, 6, generator=generator)).clamp(0, 1)


SPLITS = {"train": fresh(600, 1), "test": fresh(200, 2)}


class Fresh(nn.Module):
    """Draws from the very distribution of the data."""

    predicts = SCORE

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1).mean(dim=1, keepdim=True)

    def generate(self, count: int, *, seed: int) -> Tensor:
        return fresh(count, seed + 1000)


class Replay(Fresh):
    """Gives back training pictures, hardly changed, for a share of what it makes."""

    def __init__(self, share: float = 1.0, noise: float = 0.0) -> None:
        super().__init__()
        self.share, self.noise = share, noise

    def generate(self, count: int, *, seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        made = fresh(count, seed + 1000)
        copied = torch.rand(count, generator=generator) < self.share
        rows = torch.randint(600, (count,), generator=generator)
        noise = self.noise * torch.rand(count, 1, 6, 6, generator=generator)
        return torch.where(copied[:, None, None, None], (SPLITS["train"][rows] + noise).clamp(0, 1), made)


class Smooth(Fresh):
    """Draws fresh pictures with the noise's mean for noise, as autoencoders do: near all, copied from none."""

    def generate(self, count: int, *, seed: int) -> Tensor:
        return fresh(count, seed + 1000, noise=0.0) + 0.025


class Diverged(Fresh):
    def generate(self, count: int, *, seed: int) -> Tensor:
        return torch.full((count, 1, 6, 6), float("nan"))


def evidence(network: nn.Module, **more: Any) -> Evidence:
    predictions = {
        split: Predictions(
            split=split,
            target=SCORE,
            index=np.arange(len(x)),
            scores=x.flatten(1).mean(dim=1, keepdim=True).numpy(),
            targets=None,
            losses=None,
        )
        for split, x in SPLITS.items()
    }
    return Evidence(
        info=INFO,
        predictions=predictions,
        model=ModelHandle(Task(network, SCORE), INFO),
        inputs=lambda split: SPLITS[split],
        seed=3,
        **more,
    )


def values(result: AuditResult) -> dict[str, float | None]:
    named = {m.name + (f" {m.parameters['of']}" if "of" in m.parameters else ""): m.value for m in result.measurements}
    assert len(named) == len(result.measurements)
    return named


def memorisation(network: nn.Module) -> dict[str, float | None]:
    return values(MemorisationAudit(samples=200).measure(evidence(network)))


def number(found: dict[str, float | None], name: str) -> float:
    value = found[name]
    assert value is not None
    return value


# ------------------------------------------------------------ memorisation


@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_a_model_that_replays_training_pictures_is_caught(noise: float) -> None:
    found = memorisation(Replay(noise=noise))
    assert number(found, "nearest_is_training_rate") > 0.98
    assert number(found, "nearest_is_training_p_value") == pytest.approx(0.001)
    assert number(found, "close_to_training_rate") > 0.98
    assert number(found, "nearest_distance_ratio") < 0.6
    assert number(found, "nearer_than_held_out_rate") > 0.95
    assert number(found, "data_copying_z") < -5
    if not noise:
        assert number(found, "nearest_training_distance generated") == 0.0
        assert number(found, "nearest_is_training_rate") == 1.0


def test_one_copy_in_five_is_seen() -> None:
    found = memorisation(Replay(share=0.2))
    assert 0.12 < number(found, "close_to_training_rate") < 0.3
    assert number(found, "data_copying_z") < -2


def test_a_model_that_draws_from_the_same_distribution_is_not_accused() -> None:
    found = memorisation(Fresh())
    assert number(found, "nearest_is_training_expected") == 0.75
    assert abs(number(found, "nearest_is_training_rate") - 0.75) < 0.1
    assert number(found, "nearest_is_training_p_value") > 0.05
    assert number(found, "close_to_training_rate") < 0.05
    assert abs(number(found, "data_copying_z")) < 3
    assert 0.85 < number(found, "nearest_distance_ratio") < 1.15
    assert number(found, "nearest_training_distance held out") > 0


def test_smooth_pictures_are_close_to_training_pictures_but_to_others_as_well() -> None:
    """Their distances are small, as those of copies; that held-out rows are as near is what tells them apart."""
    found = memorisation(Smooth())
    assert number(found, "close_to_training_rate") > 0.1
    assert number(found, "data_copying_z") < -4
    assert number(found, "nearest_is_training_p_value") > 0.05
    assert abs(number(found, "nearest_is_training_rate") - 0.75) < 0.1


def test_every_rate_has_its_interval_and_count_and_the_result_can_be_stored() -> None:
    result = MemorisationAudit(samples=50).measure(evidence(Fresh()))
    for measurement in result.measurements:
        assert measurement.n == (100 if measurement.name == "nearer_than_held_out_rate" else 50)
        if measurement.name.endswith("_rate") or measurement.name.endswith("_ratio"):
            assert measurement.low is not None
            assert measurement.high is not None
            assert measurement.value is not None
            assert measurement.low <= measurement.value <= measurement.high
    stored = result_to_dict(result)
    (figure,) = stored["figures"]
    assert [sum(series["counts"]) for series in figure["data"]["series"]] == [50, 50, 50]


def test_the_training_split_cannot_be_judged() -> None:
    with pytest.raises(UserError, match="the evaluated split is the training split"):
        MemorisationAudit().measure(evidence(Fresh(), evaluate_on="train"))


# ------------------------------------------------------------ generated samples


def test_a_perfect_generator_is_as_training_rows_are() -> None:
    found = values(GeneratedSamplesAudit(samples=200, permutations=199).measure(evidence(Fresh())))
    for name in ("sample_precision", "sample_recall"):
        assert abs(number(found, f"{name} generated") - number(found, f"{name} training")) < 0.1
    assert number(found, "maximum_mean_discrepancy_p_value generated") > 0.02
    assert abs(number(found, "maximum_mean_discrepancy generated")) < 0.02


def test_a_generator_of_one_picture_has_no_recall() -> None:
    class One(Fresh):
        def generate(self, count: int, *, seed: int) -> Tensor:
            return fresh(1, 5).repeat(count, 1, 1, 1)

    found = values(GeneratedSamplesAudit(samples=200, permutations=99).measure(evidence(One())))
    assert number(found, "maximum_mean_discrepancy_p_value generated") == pytest.approx(0.01)
    assert number(found, "maximum_mean_discrepancy generated") > 0.1
    assert number(found, "sample_recall generated") < 0.05


def test_too_few_rows_are_undefined_and_not_zero() -> None:
    whole = evidence(Fresh())
    few = replace(whole, inputs=lambda split: SPLITS[split][:3], predictions={"test": part(whole, "test", 3)})
    found = GeneratedSamplesAudit(samples=20, pictures=0).measure(few).measurements
    assert [(m.value, m.undefined) for m in found] == [(None, "3 rows are too few to compare")] * 3


@pytest.mark.parametrize(
    ("split", "message"), [("test", "600 training and 0 held-out"), ("train", "0 training and 200")]
)
def test_empty_splits(split: str, message: str) -> None:
    whole = evidence(Fresh())
    empty = replace(
        whole,
        inputs=lambda asked: SPLITS[asked][: 0 if asked == split else None],
        predictions={**whole.predictions, split: part(whole, split, 0)},
    )
    with pytest.raises(UserError, match=message):
        MemorisationAudit().measure(empty)
    found = GeneratedSamplesAudit(samples=20, permutations=99).measure(empty)
    assert not found.figures
    assert "0 rows are too few to compare" in {m.undefined for m in found.measurements}


def test_inputs_that_are_no_numbers_are_refused() -> None:
    broken = {**SPLITS, "test": SPLITS["test"] * float("inf")}
    for audit in (MemorisationAudit(), GeneratedSamplesAudit()):
        with pytest.raises(UserError, match="inputs of the test split contain NaN or infinite numbers"):
            audit.measure(replace(evidence(Fresh()), inputs=lambda split: broken[split]))


def part(whole: Evidence, split: str, rows: int) -> Predictions:
    kept = whole.predictions[split]
    return replace(kept, index=kept.index[:rows], scores=kept.scores[:rows])


def test_numbers_that_are_none_are_refused() -> None:
    with pytest.raises(UserError, match="generated examples contain NaN"):
        GeneratedSamplesAudit().measure(evidence(Diverged()))


# ------------------------------------------------------------ pictures


def pixels(result: AuditResult) -> np.ndarray:
    """The drawn sheet (height, width, 3), decoded by hand: filter 0 in every row."""
    (figure,) = [figure for figure in result.figures if figure.kind == "image"]
    data = base64.b64decode(figure.data["images"][0]["png_base64"])
    width, height = struct.unpack(">II", data[16:24])
    body = data[data.index(b"IDAT") + 4 : data.index(b"IEND") - 8]
    rows = np.frombuffer(zlib.decompress(body), np.uint8).reshape(height, 1 + 3 * width)
    assert not rows[:, 0].any()
    return rows[:, 1:].reshape(height, width, 3)


def test_the_sheet_holds_the_generated_pictures_in_order() -> None:
    result = GeneratedSamplesAudit(samples=20, pictures=5, permutations=99).measure(
        evidence(Fresh(), show_examples=True)
    )
    sheet = pixels(result)
    assert sheet.shape == (2 * 8 - 2, 3 * 8 - 2, 3)
    made = Fresh().generate(20, seed=3)
    for number_, (top, left) in enumerate([(0, 0), (0, 8), (0, 16), (8, 0), (8, 8)]):
        expected = np.rint(255 * made[number_, 0].numpy().astype(np.float64))
        np.testing.assert_array_equal(sheet[top : top + 6, left : left + 6, 1], expected)
    assert (sheet[:, 6:8] == 255).all()  # white between them
    again = GeneratedSamplesAudit(samples=20, pictures=5, permutations=99).measure(
        evidence(Fresh(), show_examples=True)
    )
    np.testing.assert_array_equal(pixels(again), sheet)


def test_pictures_in_which_training_pictures_are_seen_are_held_back() -> None:
    small = {"samples": 20, "permutations": 99}
    replayed = GeneratedSamplesAudit(pictures=9, **small).measure(evidence(Replay(noise=0.01)))
    assert not replayed.figures
    assert any(note.startswith("9 of 9 images are not shown") for note in replayed.notes)
    asked = GeneratedSamplesAudit(pictures=9, **small).measure(evidence(Replay(noise=0.01), show_examples=True))
    assert asked.figures
    drawn = GeneratedSamplesAudit(pictures=9, **small).measure(evidence(Fresh()))
    assert pixels(drawn).shape[1] == 3 * 8 - 2
    whole = evidence(Fresh())
    alone = replace(whole, predictions={"test": whole.predictions["test"]})
    assert not GeneratedSamplesAudit(pictures=9, **small).measure(alone).figures


# ------------------------------------------------------------ declarations


def plugin(name: str) -> AuditPlugin:
    return cast(AuditPlugin, registry().find("audit", name).plugin)


@pytest.mark.parametrize("name", ["memorisation", "generated_samples"])
def test_they_are_for_models_that_generate(name: str) -> None:
    class Silent(nn.Module):
        predicts = SCORE

    assert unmet_requirement(plugin(name), evidence(Fresh())) is None
    assert unmet_requirement(plugin(name), evidence(Silent())) == "needs a model that generates examples"


def test_options_out_of_range() -> None:
    with pytest.raises(UserError, match="samples is 5; expected a whole number >= 20"):
        MemorisationAudit(samples=5)
    with pytest.raises(UserError, match="permutations is 9; expected a whole number >= 99"):
        GeneratedSamplesAudit(permutations=9)
