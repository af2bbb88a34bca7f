"""Each check of a technique fails for one that is broken in that way, and says so; none fails for a sound one."""

from __future__ import annotations

import pytest
from glasshouse import TechniquePlugin
from glasshouse.testing import CheckResult, check_technique, checks_of, subject
from glasshouse.testing.kit.checks import run_check
from glasshouse.training.task import Task

CHECKS = {check.name: check for check in checks_of("technique")}

BROKEN = [
    ("trains", "Poisons", "expected finite weights, received others in network.1.weight"),
    ("trains", "Freezes", "expected changed weights, received the initial ones"),
    ("trains", "ForNobody", "raised UserError: technique 'it': is for sounds"),
    ("leaves_no_changes_in_the_model", "LeavesATerm", "expected no `loss_terms`, received 1"),
    ("leaves_no_changes_in_the_model", "LeavesAHook", "received 1 in _forward_hooks of 'network'"),
    ("leaves_no_changes_in_the_model", "LeavesAnotherForward", "expected the original `forward`.* 'network'"),
    ("leaves_no_changes_in_the_model", "LeavesAParameter", r"expected parameters .*, received \['extra'"),
    ("leaves_no_changes_in_the_model", "LeavesWeightsOfRows", "expected `row_weights` to be None again"),
    ("same_seed_same_training", "Chance", "expected the same weights twice; 'network.1.weight' differs"),
    ("resumes_as_if_not_interrupted", "Forgetful", "as without interruption; 'network.1.weight' differs"),
    ("validation_uses_the_plain_model", "TouchesValidation", "that of the trained model, received"),
    ("construction_has_no_side_effects", "DrawsWhenMade", "expected unchanged random states"),
    ("construction_has_no_side_effects", "Reseeds", "expected the same training without it; 'network"),
    ("is_documented", "Forgetful", "received none for bias"),
]


def tried(check: str, name: str) -> CheckResult:
    plugin = TechniquePlugin(name="it", target=f"broken_techniques:{name}", summary="broken")
    return run_check(CHECKS[check], subject(plugin, kind="technique"))


@pytest.mark.parametrize(("check", "name", "reason"), BROKEN)
def test_a_broken_technique_is_found_out(check: str, name: str, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Task, "configure_optimizers", Task.configure_optimizers)  # what one of them replaces
    result = tried(check, name)
    assert result.status == "failed", result
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(result.reason)


def test_a_sound_technique_passes_all() -> None:
    results = check_technique(TechniquePlugin(name="sound", target="broken_techniques:Sound", summary="small scores"))
    at_hand = "listing_imports_nothing_heavy"
    assert {r.check: r.reason for r in results if r.status != "passed" and r.check != at_hand} == {}


def test_it_is_tried_on_data_that_it_is_for() -> None:
    assert tried("trains", "ForPictures").status == "passed"


def test_every_check_has_a_broken_technique() -> None:
    of_all_kinds = {"listing_imports_nothing_heavy"}  # test_conformance_core.py
    assert {check for check, _, _ in BROKEN} | of_all_kinds == set(CHECKS)
