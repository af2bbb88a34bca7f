"""Check that a checkpoint fits the configuration.

A checkpoint contains weights, hyper-parameters and the optimizer's state, and Lightning silently prefers them to the
configuration. A contradiction is an error here: otherwise another model than the configured one would be trained.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import LightningModule

from glasshouse.config.yaml_files import read_yaml
from glasshouse.errors import UserError
from glasshouse.system.redaction import redact
from glasshouse.training.resume_checkpoint import plain_values

KEYWORDS = ("best", "last", "hpc", "registry")
"""Words that Lightning accepts in place of a path."""


def check_checkpoint(path: str | Path, model: LightningModule, config: Mapping[str, Any], *, training: bool) -> None:
    """Refuse a checkpoint that contradicts the configuration; folders and URLs are left to Lightning.

    Args:
        path: the checkpoint.
        model: built from the configuration.
        config: the resolved configuration.
        training: whether the optimizer's state is used as well.

    Raises:
        UserError: if the file does not exist, cannot be read with `weights_only=True`, or contradicts the
            configuration; the message names the first contradiction.
    """
    if str(path).partition(":")[0] in KEYWORDS or "://" in str(path) or Path(path).is_dir():
        return
    who = f"--ckpt_path {path}"
    checkpoint = _read(Path(path), who)
    keys = ("model", "optimizer", "lr_scheduler") if training else ("model",)
    config = redact(config)  # as in the config.yaml of the checkpoint's run
    for where, theirs, ours in (
        *_run_config(Path(path), config, keys),
        *_hyper_parameters(checkpoint, config),
        *(_optimizer(checkpoint, config) if training else ()),
    ):
        if theirs != ours:
            raise UserError(
                who,
                f"was made with {where}: {theirs!r}, the configuration has {ours!r}.",
                "Set the checkpoint's value, or remove --ckpt_path to train from the start.",
            )
    if model.strict_loading and (mismatch := _shape_mismatch(checkpoint.get("state_dict", {}), model.state_dict())):
        raise UserError(who, f"does not fit the model: {mismatch}.", "Use the config.yaml of the run that made it.")


def _read(path: Path, who: str) -> dict[str, Any]:
    if not path.is_file():
        raise UserError(who, "there is no such file.", "Give a checkpoint of this model.")
    try:
        checkpoint = torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:  # a file of any content
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            who, f"cannot be read as tensors and plain values: {reason}", "Other content could run code and is refused."
        ) from error
    if not isinstance(checkpoint, dict) or "state_dict" not in checkpoint:
        raise UserError(who, "is not a Lightning checkpoint: no state_dict.", "Give a checkpoint of this model.")
    return checkpoint


def _run_config(path: Path, config: Mapping[str, Any], keys: tuple[str, ...]) -> Iterator[tuple[str, Any, Any]]:
    """(where, theirs, ours) from the config.yaml of the checkpoint's run, if the checkpoint is in a run's folder."""
    config_file = path.absolute().parent.parent / "config.yaml"
    if not config_file.is_file():
        return
    made_with = read_yaml(config_file)
    for key in keys:
        theirs, ours = made_with.get(key) or {}, config.get(key) or {}
        yield f"{key}.class_path", theirs.get("class_path"), ours.get("class_path")
        given, meant = theirs.get("init_args") or {}, ours.get("init_args") or {}
        for name in {**given, **meant}:
            yield f"{key}.{name}", given.get(name), meant.get(name)


def _hyper_parameters(checkpoint: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """(where, theirs, ours) from the saved hyper-parameters of a LightningModule."""
    saved = checkpoint.get("hyper_parameters") or {}
    ours = (config.get("model") or {}).get("init_args") or {}
    for name in saved:
        if name in ours:
            yield f"model.{name}", plain_values(saved[name]), plain_values(ours[name])


def _optimizer(checkpoint: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """(where, theirs, ours) from the optimizer's state, which contains its options."""
    states = checkpoint.get("optimizer_states") or []
    if len(states) != 1 or not states[0].get("param_groups"):
        return
    group = dict(states[0]["param_groups"][0])
    if "initial_lr" in group:
        group["lr"] = group["initial_lr"]
    elif checkpoint.get("lr_schedulers"):
        group.pop("lr", None)  # changed by the schedule
    for name, ours in ((config.get("optimizer") or {}).get("init_args") or {}).items():
        if name in group and ours is not None:
            yield f"optimizer.{name}", plain_values(group[name]), plain_values(ours)


def _shape_mismatch(theirs: Mapping[str, torch.Tensor], ours: Mapping[str, torch.Tensor]) -> str:
    """The first difference between two state dictionaries; empty if there is none."""
    for name, tensor in ours.items():
        if name not in theirs:
            return f"it has no '{name}'"
        if theirs[name].shape != tensor.shape:
            return f"'{name}' has shape {tuple(theirs[name].shape)}, the model's has {tuple(tensor.shape)}"
    unknown = next((name for name in theirs if name not in ours), None)
    return f"the model has no '{unknown}'" if unknown else ""
