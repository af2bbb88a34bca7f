"""How far a run has come, and whether it can be resumed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from glasshouse.config.yaml_files import read_yaml
from glasshouse.errors import UserError
from glasshouse.pipeline.failures import TRACEBACK
from glasshouse.system import distributed
from glasshouse.system.atomic_files import read_json, remove_partial_files, write_json
from glasshouse.system.redaction import REDACTED, redact
from glasshouse.training.metrics_csv import truncate_rows
from glasshouse.training.resume_checkpoint import STATE_KEY
from glasshouse.training.trainer import LAST

WHO = "--resume"


@dataclass
class Progress:
    """Which stages of a run are complete, as `progress.json` in its folder has them.

    `weights` is the checkpoint that is audited, relative to the run's folder, once training is complete; `tested` is
    true once the test split is done, and `metrics_rows` counts the rows of metrics.csv then.
    """

    command: str
    weights: str | None = None
    tested: bool = False
    metrics_rows: int = 0

    def save(self, folder: Path) -> None:
        """Write progress.json."""
        write_json(folder / "progress.json", asdict(self))


def read_progress(folder: Path) -> Progress:
    """How far the run in a folder has come.

    Raises:
        UserError: if it is not the folder of a run that can be resumed.
    """
    try:
        progress = Progress(**read_json(folder / "progress.json"))
    except TypeError as error:
        raise UserError(str(folder / "progress.json"), f"has unexpected content: {error}.") from None
    if progress.command != "run":
        remedy = f"Start it again with --ckpt_path {folder / 'checkpoints' / LAST}."
        raise UserError(f"{WHO} {folder}", f"was made by `{progress.command}`; only `run` can be resumed.", remedy)
    return progress


def make_ready(folder: Path, progress: Progress) -> Path | None:
    """Remove what a killed process left incomplete; the checkpoint to resume training from, None where there is none.

    Raises:
        UserError: if the folder was moved: its checkpoints name files by where they were.
    """
    if distributed.is_rank_zero():
        remove_partial_files(folder)
    (folder / TRACEBACK).unlink(missing_ok=True)
    last = folder / "checkpoints" / LAST
    state = _callbacks(last) if last.is_file() else {}
    here = str(last.parent.resolve())
    for callback in state.values():
        there = callback.get("dirpath") if isinstance(callback, Mapping) else None
        if there and str(Path(there).resolve()) != here and Path(there).name == last.parent.name:
            raise UserError(f"{WHO} {folder}", f"was made as {Path(there).parent}.", "Move it back there to resume it.")
    logged = progress.metrics_rows if progress.tested else state.get(STATE_KEY, {}).get("metrics_rows", 0)
    if distributed.is_rank_zero():
        truncate_rows(folder / "metrics.csv", logged)
    return last if last.is_file() else None


def _callbacks(checkpoint: Path) -> Mapping[str, Any]:
    try:
        states: Mapping[str, Any] = torch.load(checkpoint, weights_only=True, map_location="cpu")["callbacks"]
    except Exception as error:  # a damaged file makes torch raise almost anything
        remedy = "Delete it to train from the beginning."
        raise UserError(str(checkpoint), f"cannot be read: {error or type(error).__name__}.", remedy) from error
    return states


def check_unchanged(folder: Path, config: Mapping[str, Any], began: str | None, now: str | None) -> None:
    """Refuse to resume with another configuration or other data than the run started with.

    Args:
        folder: of the run.
        config: the configuration as it resolves now.
        began: the fingerprint of the data that the run started with.
        now: the fingerprint of the data as they are.

    Raises:
        UserError: naming the first difference, or a secret that has to be given again.
    """
    for key, value in _leaves(config):
        if REDACTED in str(value):
            raise UserError(f"{WHO} {folder}", f"`{key}` was a secret and is not stored.", f"Repeat it: --{key} ...")
    then, today = dict(_leaves(read_yaml(folder / "config.yaml"))), dict(_leaves(redact(config)))
    for key in {**then, **today}:
        if key == "gate" or then.get(key) == today.get(key):
            continue
        if key.startswith("data_info."):
            raise _other_data(folder, key)
        problem = f"`{key}` was {then.get(key)!r} when the run started and is {today.get(key)!r} now."
        raise UserError(f"{WHO} {folder}", problem, "For another configuration start a new run.")
    if began != now:
        raise _other_data(folder, "data_fingerprint")


def _other_data(folder: Path, key: str) -> UserError:
    problem = f"the data have changed since it started: `{key}` differs."
    return UserError(f"{WHO} {folder}", problem, "Start a new run.")


def _leaves(tree: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted key, value) of every value in a configuration that is not a mapping; lists count as values."""
    if isinstance(tree, Mapping) and tree:
        for name, item in tree.items():
            yield from _leaves(item, f"{key}.{name}" if key else str(name))
    else:
        yield key, tree
