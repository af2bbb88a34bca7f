"""From a trained model and its data to what audits receive: predictions of every split that they need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from glasshouse.data.data_info import DataInfo
from glasshouse.errors import UserError, did_you_mean
from glasshouse.evidence.collect import collect
from glasshouse.evidence.evidence import Evidence
from glasshouse.evidence.predictions import Predictions
from glasshouse.evidence.self_scoring import with_default_target, with_self_score_target
from glasshouse.external_data.adapter import ForeignData, loader_from, project_hooks
from glasshouse.external_data.infer_info import answer, complete_info
from glasshouse.external_data.side_attributes import Aligned
from glasshouse.measure.selection import required_splits
from glasshouse.pipeline.run import Run
from glasshouse.pipeline.stages import Trained, WithEvidence
from glasshouse.system import distributed


def gather_evidence(trained: Trained) -> WithEvidence:
    """Predictions of every split that the audits need, stored as Parquet, and handles on model and inputs."""
    run, data = trained.run, trained.data
    run.info, run.handle = trained.info, trained.handle
    judged = run.options.evaluate_on
    if distributed.is_rank_zero():
        (run.folder / "predictions").mkdir(exist_ok=True)
    predictions = {}
    for split in required_splits(run.registry, run.audits, judged):
        if split != judged and not has_split(data, split):
            continue  # audits that require it are skipped with the reason; audits that can use it do without
        try:
            predictions[split] = predictions_of(trained, split)
        except UserError as error:
            if error.who != "model":
                raise
            return _with_evidence(trained, None, missing=str(error))
    run.evidence = Evidence(
        info=trained.info,
        predictions=predictions,
        evaluate_on=judged,
        model=trained.handle,
        inputs=getattr(data, "inputs", None),
        seed=run.seed,
        show_examples=run.options.show_examples,
        small_group_limit=run.options.small_group_limit,
        words=getattr(run.datamodule, "words", None),
        inputs_at=getattr(run.datamodule, "inputs_at", None),
        spelled=getattr(run.datamodule, "spelled", None),
    )
    run.announce("evidence")
    return _with_evidence(trained, run.evidence)


def _with_evidence(trained: Trained, evidence: Evidence | None, missing: str | None = None) -> WithEvidence:
    handle = trained.handle
    model = {
        "name": handle.name,
        "class_path": trained.run.config["model"]["class_path"],
        "parameters": handle.parameters,
        "output_kind": handle.output_kind,
    }
    return WithEvidence(run=trained.run, info=trained.info, model=model, evidence=evidence, missing=missing)


def predictions_of(trained: Trained, split: str) -> Predictions:
    """One split's predictions: from the file of an earlier pass, else from one pass over the data."""
    run, info = trained.run, trained.info
    path = run.folder / "predictions" / f"{split}.parquet"
    if distributed.broadcast_from_rank0(str(path.is_file())) == "True":
        declared = {attribute.name: attribute for attribute in info.sensitive}
        return Predictions.load(path, split=split, target=info.target, sensitive=declared)
    batches = distributed.shard_batches(trained.data.loader(split))
    chosen = chosen_attributes(run.options.sensitive, info)
    found = of_all_ranks(collect(trained.handle, batches, split=split, info=info, sensitive=chosen))
    weights, clusters = _of_rows(run, "row_weights", found), _of_rows(run, "row_clusters", found)
    found = replace(found, weights=weights, clusters=clusters)
    if distributed.is_rank_zero():
        found.save(path)
    return found


def of_all_ranks(share: Predictions) -> Predictions:
    """The predictions of all ranks, on every rank; a row that several ranks have counts once."""
    if distributed.rank_and_world_size()[1] == 1:
        return share
    index, order = np.unique(distributed.all_gather_rows(share.index), return_index=True)

    def together(rows: Any) -> Any:
        return None if rows is None else distributed.all_gather_rows(rows)[order]

    arrays = {name: together(getattr(share, name)) for name in ("scores", "targets", "losses")}
    groups = {name: replace(one, codes=together(one.codes)) for name, one in share.groups.items()}
    return replace(share, index=index, groups=groups, **arrays)


def _of_rows(run: Run, what: str, found: Predictions) -> Any:
    """A value that the data give to each row, such as its weight, if they do."""
    values = getattr(run.datamodule, what, lambda split: None)(found.split)
    return None if values is None else values[found.index]


def chosen_attributes(asked: Sequence[str] | None, info: DataInfo | None) -> list[str]:
    """The sensitive attributes to audit by; all that the data declare where none are asked for.

    Raises:
        UserError: for one that the data do not have.
    """
    declared = [attribute.name for attribute in info.sensitive] if info else []
    if asked is None:
        return declared
    for name in asked:
        if name not in declared:
            data = f"data '{info.name}'" if info else "the data"
            known = did_you_mean(name, declared) if declared else "There is none; the data's own options declare them."
            raise UserError("`sensitive:`", f"{data} has no attribute '{name}'.", known)
    return list(asked)


def auditable(datamodule: Any, model: Any, info: DataInfo, *, judged: str, aligned: Aligned | None) -> Any:
    """The data as audits ask for them: the data module, or an adapter around loaders that do not number their rows."""
    if hasattr(datamodule, "loader"):
        return datamodule
    data = foreign(datamodule, model, judged=judged, aligned=aligned)
    data.info = info
    return data


def foreign(datamodule: Any, model: Any, *, judged: str, aligned: Aligned | None) -> ForeignData:
    """The loaders of another project's data module, or of a model that brings its own."""
    owner = model if datamodule is None else datamodule
    return ForeignData(
        lambda split: loader_from(owner, split),
        judged=judged,
        aligned=aligned,
        prepared=project_hooks(datamodule, model),
        owner=owner,
    )


def infer_data_info(datamodule: Any, model: Any, *, judged: str, aligned: Aligned | None) -> DataInfo:
    """What a batch and the untrained model's answer show of data that nothing describes.

    Raises:
        UserError: for what does not follow from them.
    """
    from pytorch_lightning.utilities.seed import isolate_rng

    data = foreign(datamodule, model, judged=judged, aligned=aligned)  # not kept: training may split the data anew
    name = type(model if datamodule is None else datamodule).__name__.lower()
    try:
        with isolate_rng():
            x, y = data.first()
            raw = answer(model, x)
        given = with_default_target(None, model)
        return with_self_score_target(complete_info(given, name=name, x=x, y=y, raw=raw, aligned=aligned), model)
    except UserError as error:
        of_model = error.who.startswith("model")
        remedy = error.remedy if of_model else "Say what is predicted, and from what, under `data_info:`."
        raise UserError(error.who, error.problem, remedy) from error


def has_split(data: Any, split: str) -> bool:
    """Whether the data have a split to collect predictions on."""
    return data.has(split) if isinstance(data, ForeignData) else True


def has_loader(datamodule: Any, model: Any, split: str) -> bool:
    """Whether the data, or a model that brings its own loaders, have one for ``train``, ``val``, ``test``."""
    from pytorch_lightning.utilities.model_helpers import is_overridden

    owner = datamodule if datamodule is not None else model
    return owner is not None and is_overridden(f"{split}_dataloader", owner)
