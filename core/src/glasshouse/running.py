"""One run, readable top to bottom: configuration, data, model, training, evidence, audits, judgement, report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from glasshouse import ranks, refusals
from glasshouse.auditing import help_with_audits
from glasshouse.concluding import audit_and_report, exit_code
from glasshouse.errors import UserError
from glasshouse.gathering import collect_evidence, has_loader
from glasshouse.predictions import save_scores
from glasshouse.preparing import prepare
from glasshouse.run_state import Run
from glasshouse.training import best_checkpoint, load_weights

if TYPE_CHECKING:
    from glasshouse.parser import GlasshouseCLI
    from glasshouse.plugins import Registry


def execute(cli: GlasshouseCLI, registry: Registry) -> int:
    """What a command line asks for; the run's folder is the last line of stdout.

    Returns:
        The exit code: 0 done, 1 the policy was violated and `--gate` was given, 3 an audit ended in error.
    """
    run = carry_out(cli, registry)
    if not ranks.is_first():
        return 0
    print(run.folder)
    return exit_code(run, gate=bool(cli.values.get("gate")))


def carry_out(cli: GlasshouseCLI, registry: Registry) -> Run:
    """What a parsed command asks for, from its data to its report."""
    run = prepare(cli, registry)
    try:
        if cli.command == "run":
            fit_and_test(run, cli)
            collect_evidence(run)
            audit_and_report(run) if ranks.is_first() else help_with_audits(run)
        else:
            run_lightning_command(run, cli)
    except BaseException as error:
        registry.call("glasshouse_run_failed", run=run, error=error)
        run.say(f"ended early; what was written stays in {run.folder}")
        raise
    if ranks.is_first():
        registry.call("glasshouse_run_finished", run=run)
    return run


def fit_and_test(run: Run, cli: GlasshouseCLI) -> None:
    """Train, go back to the best checkpoint, test it."""
    assert run.trainer is not None
    assert run.model is not None
    run.say(f"training in {run.folder}")
    lightning(run, "fit", ckpt_path=cli.method_arguments()["ckpt_path"])
    run._folder = Path(ranks.from_first(str(run.folder)))
    load_weights(run.model, best_checkpoint(run.trainer, run.folder))
    if ranks.is_first():
        run.registry.call("glasshouse_stage_finished", run=run, stage="fit")
    if has_loader(run, "test"):
        lightning(run, "test")


def run_lightning_command(run: Run, cli: GlasshouseCLI) -> None:
    """`fit`, `validate`, `test` or `predict`, as Lightning does it."""
    assert run.trainer is not None
    if cli.command == "predict" and run.trainer.world_size > 1:
        raise UserError(
            "predict", "writes all rows from one process, and several are asked for.", "Set `--trainer.devices 1`."
        )
    outputs = lightning(run, cli.command, **cli.method_arguments())
    if cli.command == "predict" and all(isinstance(output, torch.Tensor) for output in outputs):
        scores = torch.cat([output.reshape(len(output), -1) for output in outputs])
        save_scores(run.folder / "predictions" / "predict.parquet", scores.float().cpu().numpy())
    if ranks.is_first():
        run.registry.call("glasshouse_stage_finished", run=run, stage=cli.command)


def lightning(run: Run, method: str, **arguments: Any) -> Any:
    """One of the Trainer's methods; checkpoints are read without unpickling, and what Lightning refuses is said.

    Raises:
        UserError: where Lightning itself, and not the model or the data, raises an error.
    """
    assert run.trainer is not None
    assert run.model is not None
    if "weights_only" in arguments or arguments.get("ckpt_path"):
        arguments["weights_only"] = True
    if method == "validate" or method == "test":
        arguments.setdefault("verbose", False)
    with refusals.of_lightning():
        return getattr(run.trainer, method)(run.model, datamodule=run.datamodule, **arguments)
