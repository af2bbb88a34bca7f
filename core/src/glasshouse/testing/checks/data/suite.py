"""Checks of data: `info` is correct, rows are reproducible, nothing is fitted on evaluation rows.

Real data contain duplicate rows, so a split counts as a copy of another only if most of its rows are in the other one.
"""

from __future__ import annotations

import io
import json
from typing import Any

import torch
from pytorch_lightning import LightningDataModule

from glasshouse.data.data_info import SIZE_NAMES, SPLITS, DataInfo
from glasshouse.errors import UserError
from glasshouse.plugins.loading import one_line
from glasshouse.testing.checks.data.subject import (
    DataSubject,
    digest,
    first_rows,
    rows_in_bytes,
    set_up,
    with_one_class,
    with_other_test_rows,
    with_split,
)
from glasshouse.testing.kit.checks import Check, expect, expect_user_error
from glasshouse.testing.kit.common import COMMON_CHECKS
from glasshouse.testing.kit.fresh import FreshProcessError, in_fresh_process
from glasshouse.testing.kit.outcomes import CheckFailed, NotApplicable

SUBJECT = DataSubject

PATHS = ("path", "folder", "root", "file", "directory")
"""Options that are paths of files or folders."""

COPIED = 0.5
"""A split is a copy of another if at least this fraction of its rows is in the other one."""

SHORT = 50
"""Lists in `info` up to this length contain names, whatever the number of rows."""


def info_is_valid(subject: DataSubject) -> None:
    """After setup, `info` is a DataInfo with a declared modality, a declared kind of target and valid sizes."""
    info = getattr(subject.ready, "info", None)
    if not isinstance(info, DataInfo):
        raise CheckFailed(f"expected `info` to be a DataInfo after setup(), received {type(info).__name__}")
    for what, value, declared in (
        ("modality", info.modality, subject.plugin.modalities),
        ("kind of target", info.target.kind, subject.plugin.targets),
    ):
        expect(value in declared, f"expected a {what} of {', '.join(declared)}, as declared; received {value}")
    unknown = [name for name in info.sizes if name not in SIZE_NAMES]
    expect(not unknown, f"expected sizes of {', '.join(SIZE_NAMES)}; received {', '.join(unknown)}")
    outputs = info.target.num_outputs
    for name in ("num_classes", "out_features"):
        given = info.sizes.get(name, outputs)
        expect(given == outputs, f"expected size {name} of {outputs}, as the target has, received {given}")
    expect(
        list(info.sizes.get("input_shape", info.input_shape)) == list(info.input_shape),
        f"expected size input_shape of {info.input_shape}, received {info.sizes.get('input_shape')}",
    )


def info_is_plain_values(subject: DataSubject) -> None:
    """`info` can be written to JSON and read back unchanged."""
    info = subject.ready.info
    try:
        written = json.dumps(info.to_dict())
    except (TypeError, ValueError) as error:
        raise CheckFailed(
            f"expected plain values, received values that JSON cannot store: {one_line(error)}"
        ) from error
    back = DataInfo.from_dict(json.loads(written)).to_dict()
    changed = [name for name, value in info.to_dict().items() if back[name] != value]
    expect(not changed, f"expected the same after a round trip, received a different {', '.join(changed)}")


def info_contains_no_rows(subject: DataSubject) -> None:
    """No list in `info` is as long as a split: it describes the data and does not contain them."""
    limit = max(SHORT, min(len(rows.x) for rows in subject.splits.values()) - 1)
    long = [(where, len(value)) for where, value in _lists(subject.ready.info.to_dict()) if len(value) > limit]
    expect(not long, "expected names and sizes, received " + ", ".join(f"{n} entries in {where}" for where, n in long))


def inputs_fit_the_info(subject: DataSubject) -> None:
    """In every split, inputs have the declared shape; they are token indices of the vocabulary, or finite numbers."""
    info = subject.ready.info
    for split, rows in subject.splits.items():
        shape = tuple(rows.x.shape[1:])
        expect(
            shape == tuple(info.input_shape), f"{split}: expected inputs of shape {info.input_shape}, received {shape}"
        )
        if info.modality == "text":
            expect(not rows.x.is_floating_point(), f"{split}: expected integer token indices, received {rows.x.dtype}")
        words = info.sizes.get("vocab_size")
        if words is not None and len(rows.x):
            low, high = int(rows.x.min()), int(rows.x.max())
            expect(
                low >= 0 and high < words,
                f"{split}: expected token indices from 0 to {words - 1}, received {low} to {high}",
            )
        if rows.x.is_floating_point():
            bad = int((~torch.isfinite(rows.x)).sum())
            expect(not bad, f"{split}: expected finite inputs, received {bad:,} others of {rows.x.numel():,}")


def targets_fit_the_info(subject: DataSubject) -> None:
    """In every split, targets have the shape and the values of the declared kind; class indices are within range."""
    target = subject.ready.info.target
    for split, rows in subject.splits.items():
        n = len(rows.x)
        shape = (n, target.num_outputs) if target.kind == "multilabel" else (n,)
        expect(
            tuple(rows.y.shape) == shape, f"{split}: expected targets of shape {shape}, received {tuple(rows.y.shape)}"
        )
        expect(bool(torch.isfinite(rows.y.double()).all()), f"{split}: expected finite targets, received others")
        if target.kind == "regression" or not n:
            continue
        expect(not rows.y.is_floating_point(), f"{split}: expected integer class indices, received {rows.y.dtype}")
        most = 1 if target.kind == "multilabel" else target.num_outputs - 1
        low, high = int(rows.y.min()), int(rows.y.max())
        expect(low >= 0 and high <= most, f"{split}: expected class indices from 0 to {most}, received {low} to {high}")


def sensitive_codes_fit_the_info(subject: DataSubject) -> None:
    """In every split, each row has a code within the levels of each sensitive attribute, or -1 for a missing value."""
    declared = subject.ready.info.sensitive
    for split, rows in subject.splits.items():
        if rows.sensitive is None:
            raise NotApplicable("its batches are pairs, without sensitive attributes")
        expect(
            tuple(rows.sensitive.shape) == (len(rows.x), len(declared)),
            f"{split}: expected codes of shape {(len(rows.x), len(declared))}, received {tuple(rows.sensitive.shape)}",
        )
        expect(
            not rows.sensitive.is_floating_point(), f"{split}: expected integer codes, received {rows.sensitive.dtype}"
        )
        for position, attribute in enumerate(declared):
            codes = rows.sensitive[:, position]
            low, high = (int(codes.min()), int(codes.max())) if len(codes) else (0, 0)
            expect(
                low >= -1 and high < len(attribute.levels),
                f"{split}: expected codes from -1 to {len(attribute.levels) - 1} for '{attribute.name}', received "
                f"{low} to {high}",
            )


def index_numbers_the_rows(subject: DataSubject) -> None:
    """In every split, each row's index is its position, 0 to n - 1, also in the shuffled training loader."""
    for split, rows in subject.splits.items():
        if rows.index is None:
            raise NotApplicable("its batches are pairs, without an index")
        n = len(rows.x)
        expect(
            torch.equal(rows.index.sort().values, torch.arange(n)),
            f"{split}: expected each index from 0 to {n - 1} once, received {_different(rows.index)} of them in "
            f"{len(rows.index)} rows",
        )
    train = subject.splits["train"]
    shuffled = [subject.ready.on_after_batch_transfer(batch, 0) for batch in subject.ready.train_dataloader()]
    index = torch.cat([batch.index for batch in shuffled])
    expect(_different(index) == len(index), "train: expected no row twice in an epoch, received some")
    x = torch.cat([batch.x for batch in shuffled])
    assert train.index is not None
    expected = train.x[train.index.argsort()][index]
    expect(
        torch.equal(x, expected),
        "train: expected the index to be the row's position, received other inputs at some of them",
    )


def row_counts_match_the_info(subject: DataSubject) -> None:
    """`info.rows` is the number of rows of each split, and no split is empty."""
    expected = {split: len(rows.x) for split, rows in subject.splits.items()}
    received = {split: subject.ready.info.rows.get(split) for split in SPLITS}
    expect(received == expected, f"expected info.rows of {expected}, received {received}")
    empty = [split for split, n in expected.items() if not n]
    expect(not empty, f"expected rows in every split, received none in {', '.join(empty)}")


def splits_are_disjoint(subject: DataSubject) -> None:
    """No split is a copy of another: they have fewer than half of their rows in common."""
    contents = {split: rows_in_bytes(rows) for split, rows in subject.splits.items()}
    for split, other in (("test", "train"), ("validate", "train"), ("validate", "test")):
        known = set(contents[other])
        share = sum(row in known for row in contents[split]) / max(1, len(contents[split]))
        expect(share < COPIED, f"expected other rows in {split} than in {other}, received {share:.0%} of them there")


def same_rows_every_time(subject: DataSubject) -> None:
    """Two instances with one `split_seed` have the same rows in the same order in every split."""
    expect(digest(subject.set_up()) == digest(subject.ready), "expected the same rows twice, received others")


def same_rows_in_a_fresh_process(subject: DataSubject) -> None:
    """Another process loads the same rows in every split."""
    expected = digest(subject.ready)
    try:
        found = in_fresh_process(
            answer_digest, module=subject.target.__module__, name=subject.target.__qualname__, options=subject.options
        )
    except FreshProcessError as error:
        raise CheckFailed(f"expected to be set up in another process, received {error}") from error
    expect(found == expected, "expected the same rows as here, received others; does it use `hash()`?")


def answer_digest(module: str, name: str, options: dict[str, Any]) -> str:
    """The digest of the data; runs in the other process."""
    import importlib

    target: Any = importlib.import_module(module)
    for part in name.split("."):
        target = getattr(target, part)
    return digest(set_up(target(**options)))


def second_setup_changes_nothing(subject: DataSubject) -> None:
    """A second `setup` changes no row: Lightning calls it before training and before testing."""
    made = subject.set_up()
    before = digest(made)
    set_up(made)
    expect(digest(made) == before, "expected the same rows after a second setup(), received others")


def same_seed_same_batches(subject: DataSubject) -> None:
    """One seed gives one order of training batches, and another order in the next epoch."""
    orders = []
    for _ in range(2):
        torch.manual_seed(0)
        loader = subject.set_up(**({"seed": 0} if subject.accepts("seed") else {})).train_dataloader()
        orders.append([torch.cat([batch[1].reshape(len(batch[1]), -1).double() for batch in loader]) for _ in range(2)])
    (first, second), again = orders
    expect(torch.equal(first, again[0]) and torch.equal(second, again[1]), "expected the same order twice")
    expect(not torch.equal(first, second), "expected another order in the second epoch, received the same")


def fits_on_training_rows_only(subject: DataSubject) -> None:
    """Other values in the test rows change no encoded training row, no vocabulary and no statistic of a feature."""
    usual = subject.set_up_with(with_split)
    other = subject.set_up_with(lambda raw: with_other_test_rows(with_split(raw)))
    expect(
        torch.equal(usual.inputs("train"), other.inputs("train")),
        "expected the same training inputs with other test rows, received others: fit encodings on training rows only",
    )
    for name in ("sizes", "features"):
        expected, received = getattr(usual.info, name), getattr(other.info, name)
        expect(expected == received, f"expected the same info.{name} with other test rows, received others")


def one_class_is_refused(subject: DataSubject) -> None:
    """A target with a single value is refused with an error."""
    _expect_refused(subject, with_one_class, "a target with one value")


def one_row_is_refused(subject: DataSubject) -> None:
    """A single row, which cannot be split, is refused with an error."""
    _expect_refused(subject, lambda raw: first_rows(raw, 1), "a single row")


def missing_file_is_explained(subject: DataSubject) -> None:
    """A path without files is refused with an error that contains the path and a remedy."""
    taken = [name for name in PATHS if subject.accepts(name)]
    if not taken:
        raise NotApplicable("it takes no path")
    place = "no-such-folder/no-such-file.csv"
    try:
        subject.set_up(**{taken[0]: place})
    except UserError as error:
        expect("no-such-f" in error.problem, f"expected the place to be named, received: {error}")
        expect(bool(error.remedy), f"expected a remedy, received: {error}")
    except Exception as error:
        raise CheckFailed(f"expected a UserError, received {one_line(error)}") from error
    else:
        raise CheckFailed(f"given {taken[0]}: {place}: expected a UserError, received no error")


def refuses_batch_size_zero(subject: DataSubject) -> None:
    """A batch size of 0 is refused with an error that names the data."""
    if not subject.accepts("batch_size"):
        raise NotApplicable("it has no option `batch_size`")
    expect_user_error(
        lambda: subject.set_up(batch_size=0), naming=(subject.name, subject.target.__name__), given="batch_size: 0"
    )


def state_dict_round_trip(subject: DataSubject) -> None:
    """The data module's state in a checkpoint can be loaded with `weights_only=True`, and gives the same rows."""
    if type(subject.ready).state_dict is LightningDataModule.state_dict:
        raise NotApplicable("it has no state in a checkpoint")
    file = io.BytesIO()
    torch.save(subject.ready.state_dict(), file)
    file.seek(0)
    made = subject.make()
    made.load_state_dict(torch.load(file, weights_only=True))
    expect(digest(set_up(made)) == digest(subject.ready), "expected the same rows after its state was loaded")


DATA_CHECKS = (
    *COMMON_CHECKS,
    *map(
        Check.of,
        (
            info_is_valid,
            info_is_plain_values,
            info_contains_no_rows,
            inputs_fit_the_info,
            targets_fit_the_info,
            sensitive_codes_fit_the_info,
            index_numbers_the_rows,
            row_counts_match_the_info,
            splits_are_disjoint,
            same_rows_every_time,
            same_rows_in_a_fresh_process,
            second_setup_changes_nothing,
            same_seed_same_batches,
            fits_on_training_rows_only,
            one_class_is_refused,
            one_row_is_refused,
            missing_file_is_explained,
            refuses_batch_size_zero,
            state_dict_round_trip,
        ),
    ),
)


def _expect_refused(subject: DataSubject, change: Any, what: str) -> None:
    try:
        subject.set_up_with(change)
    except NotApplicable:
        raise
    except UserError:
        pass
    except Exception as error:
        raise CheckFailed(f"given {what}: expected a UserError, received {one_line(error)}") from error
    else:
        raise CheckFailed(f"given {what}: expected a UserError, received no error")


def _different(index: torch.Tensor) -> int:
    return len(set(index.tolist()))


def _lists(value: Any, where: str = "info") -> list[tuple[str, list[Any]]]:
    """Every list in nested plain values, with its path."""
    if isinstance(value, dict):
        return [found for key, item in value.items() for found in _lists(item, f"{where}.{key}")]
    if isinstance(value, list):
        return [(where, value), *(found for item in value for found in _lists(item, f"{where}[]"))]
    return []
