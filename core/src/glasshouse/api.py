"""glasshouse from Python: one function for a run, one for a model that exists, one for predictions from elsewhere.

Nothing heavy is imported before a function is called.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from glasshouse.errors import UserError

if TYPE_CHECKING:
    from torch import nn

    from glasshouse.data.data_info import DataInfo
    from glasshouse.evidence.model_outputs import OutputKind
    from glasshouse.run_record import RunRecord

Configuration = Mapping[str, Any]


def run(
    config: Configuration | str | Path | None = None, /, *, allow: Sequence[str] = (), **overrides: Any
) -> RunRecord:
    """Train, test, audit and report, as ``glasshouse run`` does.

    ::

        record = glasshouse.run("run.yaml", trainer={"max_epochs": 5})
        record = glasshouse.run(model="mlp", data="diabetes", optimizer="adamw")

    Args:
        config: the configuration as a mapping, or the path of a YAML file.
        allow: packages whose classes the configuration may name, as ``--allow``.
        **overrides: keys of a configuration, which win over those of `config`; mappings are merged into its own.

    Returns:
        The record; the run's folder is its `folder`.

    Raises:
        UserError: for input that cannot be used. An audit that crashes raises nothing: it is an entry in the record.
    """
    from glasshouse.config.validation import check
    from glasshouse.plugins import registry
    from glasshouse.run_record import RunRecord
    from glasshouse.system import distributed
    from glasshouse.system.process_state import unchanged_process

    with tempfile.TemporaryDirectory() as folder:
        files = []
        if isinstance(config, (str, Path)):
            files.append(Path(config))
        elif config is not None:
            files.append(_written(config, Path(folder) / "config.yaml"))
        if overrides:
            files.append(_written(overrides, Path(folder) / "overrides.yaml"))
        argv = [word for file in files for word in ("--config", str(file))]
        known = registry()
        try:
            check(argv, known)
            with unchanged_process("glasshouse.pipeline.pipeline", "glasshouse.config.lightning_parser"):
                from glasshouse.config.allowed_packages import allowed
                from glasshouse.config.lightning_parser import GlasshouseCLI, restrict_imports
                from glasshouse.pipeline.pipeline import carry_out

                with allowed(allow):
                    restrict_imports()
                    finished, concluded = carry_out(GlasshouseCLI("run", argv), known)
        except UserError as error:
            raise _without(folder, error) from error.__cause__
    distributed.broadcast_from_rank0("")  # rank 0 has written the record that the others read
    if concluded is None:
        return RunRecord.read(finished.folder)
    return RunRecord(concluded.record, concluded.folder)


def audit(
    model: nn.Module,
    data: Any,
    *,
    sensitive: Any = None,
    bins: Mapping[str, Sequence[float]] | None = None,
    info: DataInfo | Mapping[str, Any] | None = None,
    batch: Any = None,
    audits: Sequence[Any] | str | None = None,
    evaluate_on: Literal["train", "validate", "test"] = "test",
    output_kind: OutputKind | None = None,
    name: str | None = None,
    run_dir: str | Path = "runs",
    policy: str | Path = "default",
    report: Sequence[str] = ("html", "json"),
    show_examples: bool = False,
    small_group_limit: int = 10,
    seed: int = 42,
) -> RunRecord:
    """Audit a model that was trained already, by whatever means.

    ::

        record = glasshouse.audit(model, datamodule, sensitive={"sex": test_people["sex"]})
        record = glasshouse.audit(network, {"train": train_loader, "test": test_loader})

    The model is evaluated in evaluation mode and left unchanged, as is every random state. Each audit writes
    RUN_DIR/NAME/TIME-ID/ with config.yaml, record.json, the reports and predictions.

    **Rows and attributes.** Batches ``(x, y)`` do not number their rows, so a loader is rebuilt in the order of its
    data set, each row once; shuffling does not matter. Attributes match the rows by position:

    - those of the judged split: ``{"sex": values}``, a frame, or the path of a CSV or Parquet file;
    - those of several splits: ``{"test": ..., "validate": ...}``, each one of the above;
    - those of all rows that the splits are `torch.utils.data.Subset` of, or that a `SubsetRandomSampler` draws from:
      the same without splits; each split takes its own rows.

    Where the number of rows differs, or a loader's order cannot be known (an iterable data set, a sampler of one's
    own), that is an error; batches ``{"x", "y", "index"}`` number their rows.

    **Batches.** ``(x, y)``, and mappings, namedtuples and dataclasses with such names (``inputs``, ``target``,
    ``labels``, ...) are read as they are. Anything else is refused until `batch` names the parts, which may be
    ``x``, ``y``, ``weight`` (of each row), ``index``, ``sensitive`` or ``sensitive.NAME``, and None for a part that is
    not used: ``["x", "sensitive", "y"]``, ``{"features": "x", "sex": "sensitive.sex", "outcome": "y"}``,
    ``["x", ["y", "weight"]]``. Targets may be codes, whole floats, a column (n, 1), one-hot rows, or -1 and 1.

    Args:
        model: a LightningModule or any `nn.Module` that maps a batch of inputs to outputs.
        data: a LightningDataModule; loaders by split, ``train``, ``validate`` and ``test``; or one loader, which is
            judged.
        sensitive: attributes that are not part of the data, as above; or names of those that the data module declares
            or batches carry.
        bins: edges for attributes that are numbers, by name: ``{"age": (40, 60)}``.
        info: what is known of the data: a `DataInfo` or some of the keys of `data_info:`; the rest is looked up in the
            first batch and the model's answer to it.
        batch: which part of a batch is what, as above.
        audits: names, or mappings of a name with its options; all that fit by default.
        evaluate_on: the split that is judged.
        output_kind: ``logits``, ``probabilities`` or ``values``: what the model returns; looked up by default.
        name: names the run; the data's name by default.
        run_dir: parent folder.
        policy: thresholds: a name or a file.
        report: report formats.
        show_examples: whether reports may show single examples of the data.
        small_group_limit: reports hide cells about fewer people than this.
        seed: of everything random in the audits.

    Raises:
        UserError: for input that cannot be used; then nothing is left behind. An audit that crashes raises nothing: it
            is an entry in the record.
    """
    from glasshouse.run_record import RunRecord
    from glasshouse.system.process_state import unchanged_process

    with unchanged_process("glasshouse.pipeline.existing_model"):
        from glasshouse.pipeline.existing_model import audit_model

        concluded = audit_model(
            model,
            data,
            sensitive=sensitive,
            bins=bins,
            info=info,
            batch=batch,
            audits=audits,
            evaluate_on=evaluate_on,
            output_kind=output_kind,
            name=name,
            run_dir=str(run_dir),
            policy=str(policy),
            report=report,
            show_examples=show_examples,
            small_group_limit=small_group_limit,
            seed=seed,
        )
    return RunRecord(concluded.record, concluded.folder)


def audit_predictions(
    frame: Any,
    *,
    prediction: str | None = None,
    target: str | None = None,
    score: str | None = None,
    scores: Mapping[str, str] | None = None,
    labels: Mapping[str, Mapping[str, str]] | None = None,
    sensitive: str | Sequence[str] = (),
    bins: Mapping[str, Sequence[float]] | None = None,
    classes: Sequence[str | int | bool] = (),
    favourable: str | int | bool | None = None,
    threshold: float | None = None,
    weights: str | None = None,
    clusters: str | None = None,
    audits: Sequence[Any] | str | None = None,
    name: str | None = None,
    run_dir: str | Path = "runs",
    policy: str | Path = "default",
) -> RunRecord:
    """Audit predictions of any model, wherever they were made; torch is never imported.

    ::

        record = glasshouse.audit_predictions(frame, prediction="decision", target="outcome", sensitive=["sex"])

    Args:
        frame: pandas, Polars (eager or lazy), PyArrow, DuckDB relation, Dask or PySpark; or
            the path or paths of CSV, Parquet and Arrow files or of folders of them.
        prediction: the column with the decisions: classes, or numbers.
        target: the column with the truth; without it only selection rates are measured.
        score: the column with probabilities of the favourable class, from 0 to 1.
        scores: instead, class -> the column of its probability.
        labels: instead of the three, several labels that may each be true: label -> its columns, ``{"prediction": ...,
            "target": ..., "score": ...}``.
        sensitive: columns to audit by.
        bins: edges for those that are numbers: ``{"age": (40, 60)}``.
        classes: all classes, where no row of the target has one of them.
        favourable: the class that is good for the person concerned.
        threshold: favourable is predicted from this score on.
        weights: the column with what each row counts for.
        clusters: the column that identifies dependent rows, such as those of one person.
        audits: names, or mappings of a name with its options; all that fit by default.
        name: names the run; ``predictions`` by default.
        run_dir: parent folder; the run is in RUN_DIR/NAME/TIME-ID/.
        policy: thresholds: a name or a file.

    Raises:
        UserError: for columns or values that cannot be used; then nothing is written.
    """
    from glasshouse.config.run_options import RunOptions
    from glasshouse.frames.arguments import columns_from_arguments, source_from_argument
    from glasshouse.pipeline import existing_predictions
    from glasshouse.run_record import RunRecord
    from glasshouse.system.process_state import unchanged_process

    columns = columns_from_arguments(
        prediction=prediction,
        target=target,
        score=score,
        scores=scores,
        labels=labels,
        sensitive=sensitive,
        bins=bins,
        classes=classes,
        favourable=favourable,
        threshold=threshold,
        weights=weights,
        clusters=clusters,
    )
    asked = [audits] if isinstance(audits, str) else audits
    if asked is not None and not isinstance(asked, Sequence):
        raise UserError("`audits`", f"expected names, received {type(audits).__name__}.")
    if name is not None and not isinstance(name, str):
        raise UserError("`name`", f"expected text, received {type(name).__name__}.")
    options = RunOptions(
        name=name, run_dir=str(run_dir), policy=str(policy), audits=None if asked is None else list(asked)
    )
    source = source_from_argument(frame)
    with unchanged_process():
        concluded = existing_predictions.audit_predictions(source, columns, options)
    return RunRecord(concluded.record, concluded.folder)


def _written(values: Configuration, path: Path) -> Path:
    """A configuration as a YAML file.

    Raises:
        UserError: for values that YAML does not have.
    """
    from glasshouse.system.yaml_text import write_yaml_text

    path.write_text(write_yaml_text(_plain(values, "")), encoding="utf-8")
    return path


def _plain(value: Any, where: str) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item, f"{where}.{key}".lstrip(".")) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, where) for item in value]
    if isinstance(value, Path):
        return str(value)
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    raise UserError(
        f"`{where}`",
        f"expected a value that YAML can represent, received {type(value).__name__}.",
        "Give a class by its path, e.g. `{'class_path': 'mine.Net', 'init_args': {...}}`, and allow=['mine'].",
    )


def _without(folder: str, error: UserError) -> UserError:
    """The same error without the names of temporary files."""

    def without(text: str) -> str:
        for name in ("config.yaml", "overrides.yaml"):
            path = str(Path(folder) / name)
            text = text.replace(f" in {path}", "").replace(f"--config {path}", "configuration").replace(path, name)
        return text

    return UserError(without(error.who), without(error.problem), without(error.remedy), error.faults)
