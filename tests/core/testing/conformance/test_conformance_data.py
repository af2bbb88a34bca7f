"""Each check of data fails for some that are broken in that way, and says so; none fails for sound ones."""

from __future__ import annotations

from typing import Any

import pytest
from glasshouse import DataPlugin
from glasshouse.testing import CheckResult, check_data, checks_of, subject
from glasshouse.testing.kit.checks import run_check

CHECKS = {check.name: check for check in checks_of("data")}

BROKEN = [
    ("info_is_valid", "NoInfo", r"expected `info` to be a DataInfo after setup\(\), received NoneType"),
    ("info_is_valid", "Regression", "expected a kind of target of binary, as declared; received regression"),
    ("info_is_valid", "UnknownSize", "expected sizes of in_features, .*; received colours"),
    ("info_is_valid", "WrongSize", "expected size num_classes of 2, as the target has, received 3"),
    ("info_is_valid", "WrongShape", r"expected size input_shape of \(.*\), received \[1\]"),
    ("info_is_plain_values", "ArrayInInfo", "received values that JSON cannot store: TypeError: Object of type int64"),
    ("info_is_plain_values", "TupleInSizes", "expected the same after a round trip, received a different rows"),
    ("info_contains_no_rows", "TellsRows", "received 60 entries in info.sizes.cardinalities"),
    ("inputs_fit_the_info", "Narrower", r"test: expected inputs of shape \(7,\), received \(6,\)"),
    ("inputs_fit_the_info", "Holes", "validate: expected finite inputs, received 1 others"),
    ("inputs_fit_the_info", "TooManyWords", "test: expected token indices from 0 to 0, received 1 to 1"),
    ("targets_fit_the_info", "ThirdClass", "train: expected class indices from 0 to 1, received 0 to 2"),
    ("targets_fit_the_info", "FloatClasses", "train: expected integer class indices, received torch.float32"),
    ("targets_fit_the_info", "ColumnOfTargets", r"train: expected targets of shape \(35,\), received \(35, 1\)"),
    ("targets_fit_the_info", "NoTarget", "test: expected finite targets, received others"),
    ("sensitive_codes_fit_the_info", "ThirdLevel", "test: expected codes from -1 to 1 for 'group', received 0 to 2"),
    ("sensitive_codes_fit_the_info", "NoCodes", r"test: expected codes of shape \(12, 1\), received \(12, 0\)"),
    ("sensitive_codes_fit_the_info", "FloatCodes", "test: expected integer codes, received torch.float32"),
    ("index_numbers_the_rows", "CountsFromOne", "train: expected each index from 0 to 34 once, received 35 of them"),
    (
        "index_numbers_the_rows",
        "OtherNumbers",
        "train: expected the index to be the row's position, received other inputs",
    ),
    ("index_numbers_the_rows", "Twice", "train: expected no row twice in an epoch, received some"),
    ("row_counts_match_the_info", "Miscounts", "expected info.rows of .*'test': 12}, received .*'test': 1000}"),
    ("splits_are_disjoint", "TestsOnTrain", "expected other rows in test than in train, received 100% of them there"),
    ("same_rows_every_time", "Chance", "expected the same rows twice, received others"),
    ("same_rows_in_a_fresh_process", "KnowsItsProcess", "expected the same rows as here, received others"),
    ("second_setup_changes_nothing", "SetsUpAgain", r"the same rows after a second setup\(\), received others"),
    ("same_seed_same_batches", "OneOrder", "expected another order in the second epoch, received the same"),
    ("same_seed_same_batches", "NewOrders", "expected the same order twice"),
    ("fits_on_training_rows_only", "LearnsFromAll", "the same training inputs with other test rows"),
    ("fits_on_training_rows_only", "DescribesAll", "the same info.features with other test rows"),
    ("one_class_is_refused", "Lenient", "given a target with one value: expected a UserError, received no error"),
    ("one_class_is_refused", "Crashes", "given a target with one value: .* received IndexError: out of range"),
    ("one_row_is_refused", "Lenient", "given a single row: expected a UserError, received no error"),
    ("one_row_is_refused", "Crashes", "given a single row: expected a UserError, received IndexError: out of range"),
    ("missing_file_is_explained", "Crude", "expected a UserError, received FileNotFoundError"),
    ("missing_file_is_explained", "NoRemedy", "expected a remedy, received: data 'it': there is no no-such-folder"),
    ("missing_file_is_explained", "NoPlace", "expected the place to be named, received: data 'it': there is no file"),
    ("missing_file_is_explained", "Overlooks", "given path: no-such-folder.*: expected a UserError, received no error"),
    ("refuses_batch_size_zero", "AnyBatchSize", "given batch_size: 0: expected a UserError, received no error"),
    ("state_dict_round_trip", "ForgetsWords", "expected the same rows after its state was loaded"),
    ("is_documented", "NeedsPath", "expected a docstring, received none"),
]


def tried(check: str, name: str, **fields: Any) -> CheckResult:
    plugin = DataPlugin(
        name="it", target=f"broken_data:{name}", summary="broken", targets=("binary",), modalities=("tabular", "text")
    )
    return run_check(CHECKS[check], subject(plugin, kind="data", **fields))


@pytest.mark.parametrize(("check", "name", "reason"), BROKEN)
def test_broken_data_are_found_out(check: str, name: str, reason: str) -> None:
    result = tried(check, name)
    assert result.status == "failed", result
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(result.reason)


@pytest.mark.parametrize("name", ["Sound", "SoundTexts"])
def test_sound_data_pass_all(name: str) -> None:
    modality = "tabular" if name == "Sound" else "text"
    plugin = DataPlugin(
        name=name.lower(), target=f"broken_data:{name}", summary="sixty", targets=("binary",), modalities=(modality,)
    )
    results = check_data(plugin)
    assert {r.check: r.reason for r in results if r.status == "failed"} == {}
    kept = {} if name == "SoundTexts" else {"state_dict_round_trip": "it has no state in a checkpoint"}
    assert {r.check: r.reason for r in results if r.status == "skipped"} == {
        "listing_imports_nothing_heavy": "it is an unregistered declaration",
        "missing_file_is_explained": "it takes no path",
        **kept,
    }


def test_data_of_another_project_are_tried_as_far_as_they_go() -> None:
    results = {check: tried(check, "Pairs") for check in CHECKS}
    assert {name: r.reason for name, r in results.items() if r.status == "failed"} == {}
    assert results["index_numbers_the_rows"].reason == "its batches are pairs, without an index"
    assert results["fits_on_training_rows_only"].status == "skipped"


def test_an_option_without_a_default_is_asked_for() -> None:
    result = tried("info_is_valid", "NeedsPath")
    assert (result.status, result.reason) == (
        "skipped",
        "its option path is required: set `options={'path': ...}`",
    )
    assert tried("info_is_valid", "NeedsPath", options={"path": "here"}).status == "passed"


def test_every_check_has_broken_data() -> None:
    of_all_kinds = {"listing_imports_nothing_heavy"}  # test_conformance_core.py
    assert {check for check, _, _ in BROKEN} | of_all_kinds == set(CHECKS)
