"""Everything that this distribution brings keeps what its kind promises; what is new is found in the registry.

Options make large models small. Data that need files are given small ones; those of published files are looked for
where `real_data` says, and skipped where they are not at hand.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np
import pytest
from glasshouse import UserError
from glasshouse.plugins import Component, registry
from glasshouse.plugins.option_signatures import read_signature
from glasshouse.testing import Subject, parametrize_with_checks, subject
from glasshouse.testing.kit.tiny import TinyData

FILES = Path(tempfile.gettempdir()) / f"glasshouse-conformance-{os.getpid()}"
"""Written when the first test runs; where they will be is known before."""


def interactions() -> Any:
    from glasshouse_plugins.data.interactions import Interactions

    return Interactions(str(FILES / "ratings.csv"), batch_size=64)


MODELS: dict[str, dict[str, Any]] = {
    "autoencoder": {"options": {"channels": [4, 8], "hidden": [16]}},
    "ensemble": {"options": {"member": "linear", "copies": 2}, "data": lambda: TinyData("tabular", "binary")},
    "gan": {"options": {"channels": [4, 8], "code": 8}},
    "inception": {"options": {"modules": [1, 1], "width": 16}},
    "recommender": {"data": interactions},
    "resnet": {"options": {"width": 4}},
    "vae": {"options": {"channels": [4, 8], "hidden": [16]}},
    "vgg": {"options": {"width": 4, "hidden": 16}},
}
"""Name -> what a model is tried with, where tables, pictures and texts of `TinyData` and its own options do not do."""

DATA: dict[str, dict[str, Any]] = {
    "image_folder": {"path": str(FILES / "pictures")},
    "interactions": {"path": str(FILES / "ratings.csv"), "batch_size": 64},
    "synthetic_bias": {"rows": 300},
    "table": {"path": str(FILES / "table.csv"), "target": "outcome", "sensitive": ["town"]},
    "text_table": {"path": str(FILES / "table.csv"), "text": "words", "target": "outcome"},
    "time_series_table": {"path": str(FILES / "series.csv"), "time": "hour", "target": "load", "length": 4},
}

TECHNIQUES: dict[str, dict[str, Any]] = {"compile": {"backend": "eager"}}  # the default one calls a C++ compiler

FROM_THE_NET = ("openml",)
"""Data that say nothing without a server's answer; their own tests have one."""

WHATEVER_IS_LOADED = ("listing_imports_nothing_heavy", "is_documented", "missing_file_is_explained")
"""Checks that need no file."""


def ours(kind: str) -> list[Component]:
    return [each for each in registry().components(kind) if each.distribution == "glasshouse-plugins"]


def files_are_published(component: Component) -> bool:
    """Whether data look in a place of their own, where nobody gives a path."""
    paths = [option for option in read_signature(component).options if option.name == "path"]
    return component.name not in DATA and any(option.default == "None" for option in paths)


def subjects(kind: str, options: dict[str, dict[str, Any]]) -> list[Subject]:
    return [subject(each.name, kind=kind, options=options.get(each.name)) for each in ours(kind)]


PUBLISHED = [each.name for each in ours("data") if files_are_published(each) and each.name not in FROM_THE_NET]
OWN = [each for each in subjects("data", DATA) if each.name not in (*PUBLISHED, *FROM_THE_NET)]


@pytest.fixture(scope="module", autouse=True)
def files() -> Iterator[None]:
    """A table with texts, a time series, ratings and pictures."""
    FILES.mkdir()
    rng = np.random.default_rng(0)
    words = np.array(["red", "green", "blue", "sun", "rain"])
    lines = ["number,town,words,outcome"]
    for number in rng.normal(size=80):
        text = " ".join(rng.choice(words, 4)) + (" good" if number > 0 else " bad")
        lines.append(f"{number:.6f},{rng.choice(['north', 'south'])},{text},{'yes' if number > 0 else 'no'}")
    (FILES / "table.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    loads = [f"{hour},{load:.6f}" for hour, load in enumerate(np.sin(np.arange(120) / 5) + rng.normal(size=120) / 9)]
    (FILES / "series.csv").write_text("\n".join(["hour,load", *loads]) + "\n", encoding="utf-8")
    pairs = [f"u{user},i{item}" for user in range(12) for item in rng.permutation(15)[:7]]
    (FILES / "ratings.csv").write_text("\n".join(["user,item", *pairs]) + "\n", encoding="utf-8")
    _write_pictures(FILES / "pictures", rng)
    yield
    rmtree(FILES)


def _write_pictures(folder: Path, rng: np.random.Generator) -> None:
    try:
        from PIL import Image
    except ImportError:  # then `image_folder` is skipped, and says so
        return
    for label, level in (("dark", 60), ("light", 180)):
        (folder / label).mkdir(parents=True)
        for number in range(20):
            pixels = rng.integers(level - 40, level + 40, size=(8, 8, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{number}.png")


@parametrize_with_checks(
    [subject(each.name, kind="model", **MODELS.get(each.name, {})) for each in ours("model")], kind="model"
)
def test_models(component: Subject, check: Any) -> None:
    check(component)


@parametrize_with_checks(OWN, kind="data")
def test_data(component: Subject, check: Any) -> None:
    check(component)


@pytest.mark.real_data
@parametrize_with_checks(PUBLISHED, kind="data")
def test_data_of_published_files(component: Any, check: Any, real_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLASSHOUSE_DATA", str(real_data))
    if check.check.name not in WHATEVER_IS_LOADED:
        try:
            component.ready  # noqa: B018  (set up once for all checks)
        except UserError as error:
            if not error.problem.startswith(("there is no", "there are no")):
                raise
            pytest.skip(error.problem)
    check(component)


@parametrize_with_checks(subjects("optimizer", {}), kind="optimizer")
def test_optimizers(component: Subject, check: Any) -> None:
    check(component)


@parametrize_with_checks(subjects("lr_scheduler", {}), kind="lr_scheduler")
def test_schedules(component: Subject, check: Any) -> None:
    check(component)


@parametrize_with_checks(subjects("technique", TECHNIQUES), kind="technique")
def test_techniques(component: Subject, check: Any) -> None:
    check(component)


def test_no_data_are_skipped_for_want_of_files_that_could_be_given() -> None:
    assert {each.name for each in OWN} >= {"diabetes", "breast_cancer", "digits", *DATA}
