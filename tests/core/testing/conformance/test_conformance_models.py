"""Each check of a model fails for a model that is broken in that way, and says so; none fails for a sound one."""

from __future__ import annotations

import os
from typing import Any

import pytest
from glasshouse import ModelPlugin
from glasshouse.testing import CheckResult, check_model, checks_of, model_training, subject
from glasshouse.testing.kit.checks import run_check

CHECKS = {check.name: check for check in checks_of("model")}

BROKEN = [
    ("builds_from_sizes", "NeedsUnits", "for tabular data with a binary target, received UserError"),
    ("refuses_bad_sizes", "TakesAnySize", "given in_features: -1: expected a UserError, received no error"),
    ("refuses_bad_sizes", "Anonymous", "names 'it', received: somebody: is unhappy."),
    ("output_shape", "TooWide", r"its output has shape \(48, 4\)"),
    ("output_shape", "OneRowTooFew", r"expected 48 rows, received shape \(47, 2\)"),
    ("output_dtype", "Double", "expected torch.float32, received torch.float64"),
    ("output_is_finite", "Infinite", "expected finite numbers, received 96 of 96 that are not"),
    ("scores_are_probabilities", "LogitsCalledProbabilities", r"expected numbers in \[0, 1\] from probabilities"),
    ("scores_are_probabilities", "HalvesCalledProbabilities", "expected probabilities that sum to 1, received"),
    ("one_row_equals_the_batch", "CentresTheBatch", "one row alone and of the same row among 48: expected to agree"),
    ("row_order_is_kept", "CountsPositions", "rows in another order: expected to agree, received a difference of"),
    ("empty_batch", "NeedsARow", r"expected shape \(0, 2\), received RuntimeError: max\(\)"),
    ("empty_batch", "DropsEmptyBatches", r"expected shape \(0, 2\), received \(0, 9\)"),
    ("nan_propagates", "HidesNaN", "expected NaN for a row of NaN, received"),
    ("huge_values_stay_in_their_row", "ScalesTheBatch", "the other rows, with a row of 1e[+]30: expected to agree"),
    ("evaluation_is_repeatable", "AlwaysDropsOut", "expected the same output twice, received a difference"),
    ("evaluation_changes_nothing", "Counting", "'network.seen' differs by up to 1"),
    ("inputs_are_not_modified", "Centres", "expected unchanged inputs, received"),
    ("evaluation_changes_nothing", "WakesUp", "in training mode: the model itself"),
    ("gradients_reach_the_inputs", "Detached", "expected gradients of the inputs, received none"),
    ("gradients_reach_the_inputs", "DeafToInputs", "expected gradients of the inputs, received zeros"),
    ("gradients_reach_every_parameter", "Unused", r"missing for 2: 'network.spare.weight' \(none\)"),
    ("gradients_reach_every_parameter", "NeverActive", r"'network.dead.weight' \(only zeros\)"),
    ("learns_an_easy_problem", "FlatLoss", r"after 60 batches \(before: 0.693\), received 0.69"),
    ("same_seed_same_weights", "Entropic", "'network.layer.bias' differs by up to"),
    ("same_seed_same_training", "TrainsByChance", "expected the same weights after 4 batches twice"),
    ("copies_share_no_weights", "Shares", "shared: network.layer.weight"),
    ("options_are_plain_values", "KeepsAnObject", "expected options of plain values, received activation: type"),
    ("state_dict_round_trip", "ForgetsItsOffset", "the outputs of the copy: expected bit-identical values"),
    ("rebuilds_in_a_fresh_process", "KnowsItsProcess", "that another process built: expected to agree"),
    ("all_tensors_are_registered", "PlainAttribute", "received 'means' of PlainAttribute: use `register_buffer`"),
    ("works_in_double_precision", "SingleOnly", "raised RuntimeError: mat1 and mat2 must have the same dtype"),
    ("works_in_double_precision", "SingleAnswers", "expected torch.float64, received torch.float32"),
    ("is_documented", "Silent", "received none for units"),
]


def tried(check: str, name: str, **fields: Any) -> CheckResult:
    plugin = ModelPlugin(**{"name": "it", "target": f"broken_models:{name}", "summary": "broken", **fields})
    return run_check(CHECKS[check], subject(plugin, kind="model"))


def fails(result: CheckResult, reason: str) -> None:
    assert result.status == "failed", result
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(result.reason)


@pytest.mark.parametrize(("check", "name", "reason"), BROKEN, ids=lambda value: str(value)[:24])
def test_a_broken_model_is_found_out(check: str, name: str, reason: str) -> None:
    fails(tried(check, name, targets=("binary",)), reason)


def test_what_no_other_process_can_build(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLASSHOUSE_TEST_PROCESS", str(os.getpid()))
    fails(tried("rebuilds_in_a_fresh_process", "LocalClass", targets=("binary",)), "cannot be created: not at home")


@pytest.mark.parametrize(
    ("name", "provides", "modality", "reason"),
    [
        ("Sound", "generate", "tabular", "expected 'generate' as declared, received embed|expected 'generate'"),
        ("TwoEmbeddings", "embed", "text", "expected 'embed' as declared, received"),
        ("DecorativeEmbedding", "embed", "text", "expected a forward pass to call the layer `embed`"),
        ("IgnoredEmbedding", "embed", "text", "expected the output to depend on the vectors of `embed`"),
        ("GeneratesByChance", "generate", "tabular", "the examples under one seed: expected bit-id"),
        ("GeneratesFlat", "generate", "tabular", r"expected generate\(3\) of shape \(3, 9\), received \(3, 1\)"),
        ("GeneratesOneThing", "generate", "tabular", "expected other examples under another seed"),
    ],
)
def test_provides_what_it_declares(name: str, provides: str, modality: str, reason: str) -> None:
    result = tried("provides_what_it_declares", name, provides=(provides,), modalities=(modality,), targets=("binary",))
    fails(result, reason)


def test_a_step_takes_little_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_training, "STEP_SECONDS", 0.04)
    fails(tried("a_step_takes_little_time", "Slow"), "expected at most 0.04 s, received 0.0[5-9]|received 0.[1-9]")


def test_a_step_takes_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    # 12 rows x 9 inputs x 4 bytes are kept for the backward pass; (18 + 2) weights and as many gradients x 4 bytes
    monkeypatch.setattr(model_training, "STEP_BYTES", 12 * 9 * 4 + 2 * 20 * 4 - 1)
    fails(tried("a_step_takes_little_memory", "Sound", targets=("binary",)), "expected at most 0 MiB")
    monkeypatch.setattr(model_training, "STEP_BYTES", 12 * 9 * 4 + 18 * 4 + 2 * 20 * 4)
    assert tried("a_step_takes_little_memory", "Sound", targets=("binary",)).status == "passed"


def test_a_sound_model_passes_all() -> None:
    results = check_model(ModelPlugin(name="sound", target="broken_models:Sound", summary="one linear layer"))
    assert {r.check: r.reason for r in results if r.status == "failed"} == {}
    skipped = {r.check: r.reason for r in results if r.status == "skipped"}
    assert skipped == {
        "listing_imports_nothing_heavy": "it is an unregistered declaration",
        "provides_what_it_declares": "it declares no capability",
    }


def test_what_a_sound_generator_provides() -> None:
    assert tried("provides_what_it_declares", "Generator", provides=("generate",)).status == "passed"


def test_every_check_has_a_broken_model() -> None:
    elsewhere = {"provides_what_it_declares", "a_step_takes_little_time", "a_step_takes_little_memory"}
    of_all_kinds = {"listing_imports_nothing_heavy"}  # test_conformance_core.py
    assert {check for check, _, _ in BROKEN} | elsewhere | of_all_kinds == set(CHECKS)
