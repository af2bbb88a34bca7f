"""Training and testing of one run, and Lightning's own commands."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.utilities.exceptions import SIGTERMException
from pytorch_lightning.utilities.model_helpers import is_overridden

from glasshouse.config.lightning_parser import GlasshouseCLI
from glasshouse.errors import UserError
from glasshouse.evidence.predictions import save_scores
from glasshouse.pipeline.gather_evidence import data_to_audit, has_loader
from glasshouse.pipeline.stages import Prepared, PreparedRun, Trained
from glasshouse.run_folder.safe_names import path_inside
from glasshouse.system import distributed, library_errors
from glasshouse.training.metrics_csv import MetricsFile
from glasshouse.training.model_building import handle_for, rebuild
from glasshouse.training.trainer import best_checkpoint, load_weights, shards_weights


def fit_and_test(prepared: PreparedRun) -> Trained:
    """Train, load the best checkpoint, test it; what an interrupted run has finished is not done again."""
    run, info, trainer, progress = prepared.run, prepared.info, prepared.trainer, prepared.progress
    if progress.weights is None or prepared.resume_from is not None:
        # where training is complete this restores its state and returns at once
        run.say(f"training in {run.place}")
        lightning(prepared, "fit", ckpt_path=prepared.resume_from or prepared.ckpt_path)
    run.folder = Path(distributed.broadcast_from_rank0(str(run.folder)))
    folder = run.folder
    weights = (
        best_checkpoint(trainer, folder) if progress.weights is None else _stored_weights(folder, progress.weights)
    )
    model = prepared.model
    if shards_weights(trainer):
        handle = rebuild(folder, weights)
        run.model = model = handle.lightning_module
    else:
        load_weights(model, weights)
        handle = handle_for(model, run.config, info)
    if progress.weights is None:
        run.announce("fit")
        progress.weights = _relative(weights, folder)
        progress.save(folder)
    if not progress.tested:
        if has_loader(prepared.datamodule, model, "test") and is_overridden("test_step", model):
            lightning(prepared, "test")
        progress.tested = True
        progress.metrics_rows = sum(logger.rows for logger in trainer.loggers if isinstance(logger, MetricsFile))
        progress.save(folder)
    data = data_to_audit(prepared.datamodule, model, info, run.options.evaluate_on, prepared.reading)
    return Trained(run=run, info=info, handle=handle, data=data)


def run_lightning_command(prepared: Prepared, cli: GlasshouseCLI) -> None:
    """`fit`, `validate`, `test` or `predict`, as Lightning does it."""
    run = prepared.run
    if cli.command == "predict" and prepared.trainer.world_size > 1:
        raise UserError("predict", "runs in one process, and several are configured.", "Set `--trainer.devices 1`.")
    outputs = lightning(prepared, cli.command, **cli.method_arguments())
    if cli.command == "predict" and all(isinstance(output, torch.Tensor) for output in outputs):
        scores = torch.cat([output.reshape(len(output), -1) for output in outputs])
        save_scores(run.folder / "predictions" / "predict.parquet", scores.float().cpu().numpy())
    run.announce(cli.command)


def lightning(prepared: Prepared, method: str, **arguments: Any) -> Any:
    """Call one of the Trainer's methods; checkpoints are read without unpickling.

    Raises:
        UserError: where Lightning itself, and not the model or the data, raises an error.
    """
    if "weights_only" in arguments or arguments.get("ckpt_path"):
        arguments["weights_only"] = True
    if method in ("validate", "test"):
        arguments.setdefault("verbose", False)
    try:
        with library_errors.user_errors_from_lightning():
            call = getattr(prepared.trainer, method)
            return call(prepared.run.model, datamodule=prepared.datamodule, **arguments)
    except SystemExit as left:
        # Lightning turns Ctrl-C into exit(1), which reads as a failed policy, and SIGTERM into an exit without a code
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if isinstance(left.__context__, KeyboardInterrupt) or isinstance(left, SIGTERMException):
            raise KeyboardInterrupt from None
        raise


def _stored_weights(folder: Path, name: str) -> Path:
    """The checkpoint that progress.json names; an absolute name is that of a checkpoint given with `--ckpt_path`."""
    return Path(name) if Path(name).is_absolute() else path_inside(folder, name, who=str(folder / "progress.json"))


def _relative(path: Path, folder: Path) -> str:
    """A checkpoint's path within a run's folder; the whole path where checkpoints are kept elsewhere."""
    inside = path.resolve().is_relative_to(folder.resolve())
    return str(path.resolve().relative_to(folder.resolve())) if inside else str(path)
