"""From a trained model and its data to what audits receive: predictions of every split that they need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from glasshouse.data.auditable import AuditableData
from glasshouse.data.batch_layout import BatchFormError
from glasshouse.data.data_info import SPLITS, DataInfo
from glasshouse.errors import ModelOutputError, UserError, did_you_mean
from glasshouse.evidence.collect import collect, look_at_writing
from glasshouse.evidence.evidence import Evidence
from glasshouse.evidence.group_sizes import notes_on_small_groups
from glasshouse.evidence.network_work import work_of_audits
from glasshouse.evidence.predictions import Predictions
from glasshouse.evidence.self_scoring import with_default_target, with_self_score_target
from glasshouse.external_data.adapter import LoaderAdapter, as_auditable, loader_from, transfer_hooks
from glasshouse.external_data.infer_info import answer, complete_info
from glasshouse.external_data.reading import Reading, refuse_missing_targets
from glasshouse.measure.selection import required_splits
from glasshouse.pipeline.stages import Trained, WithEvidence
from glasshouse.system import distributed
from glasshouse.system.interrupts import noticed_interrupts
from glasshouse.system.threads import threads_for


def gather_evidence(trained: Trained) -> WithEvidence:
    """Predictions of every split that the audits need, stored as Parquet, and handles on model and inputs."""
    with noticed_interrupts():
        return _gather(trained)


def _gather(trained: Trained) -> WithEvidence:
    run, data = trained.run, trained.data
    run.info, run.handle = trained.info, trained.handle
    judged = run.options.evaluate_on
    if distributed.is_rank_zero():
        (run.folder / "predictions").mkdir(exist_ok=True)
    predictions = {}
    for split in required_splits(run.registry, run.audits, judged):
        if split != judged and not data.has_split(split):
            continue  # audits that require it are skipped with the reason; audits that can use it do without
        try:
            with threads_for(work_of_audits(trained.handle)):
                predictions[split] = predictions_of(trained, split)
        except ModelOutputError as error:
            return _with_evidence(trained, None, missing=str(error))
    if trained.handle.writes_inputs:
        run.say(f"model {trained.handle.name} writes into its inputs: it receives copies of them")
    run.evidence = Evidence(
        info=trained.info,
        predictions=predictions,
        evaluate_on=judged,
        model=trained.handle,
        inputs=data.inputs,
        seed=run.seed,
        show_examples=run.options.show_examples,
        small_group_limit=run.options.small_group_limit,
        words=data.words,
        inputs_at=data.inputs_at,
        spelled=data.spelled,
    )
    for note in notes_on_small_groups(run.evidence):
        run.say(note)
    run.announce("evidence")
    return _with_evidence(trained, run.evidence)


def _with_evidence(trained: Trained, evidence: Evidence | None, missing: str | None = None) -> WithEvidence:
    handle = trained.handle
    model = {
        "name": handle.name,
        "class_path": trained.run.config["model"]["class_path"],
        "parameters": handle.parameters,
        "output_kind": handle.output_kind,
        **({"writes_inputs": True} if handle.writes_inputs else {}),
    }
    return WithEvidence(run=trained.run, info=trained.info, model=model, evidence=evidence, missing=missing)


def predictions_of(trained: Trained, split: str) -> Predictions:
    """One split's predictions: from the file of an earlier pass, else from one pass over the data."""
    run, info = trained.run, trained.info
    path = run.folder / "predictions" / f"{split}.parquet"
    if distributed.broadcast_from_rank0(str(path.is_file())) == "True":
        declared = {attribute.name: attribute for attribute in info.sensitive}
        look_at_writing(trained.handle, trained.data.loader(split))
        return Predictions.load(path, split=split, target=info.target, sensitive=declared)
    batches = distributed.shard_batches(trained.data.loader(split))
    chosen = chosen_attributes(run.options.sensitive, info)
    found = of_all_ranks(collect(trained.handle, batches, split=split, info=info, sensitive=chosen))
    if distributed.all_gather_rows(np.array([trained.handle.writes_inputs])).any():
        trained.handle.copy_inputs()
    weights, clusters = trained.data.row_weights(split), trained.data.row_clusters(split)
    found = replace(
        found,
        weights=None if weights is None else weights[found.index],
        clusters=None if clusters is None else clusters[found.index],
    )
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


def chosen_attributes(asked: Sequence[str] | None, info: DataInfo | None) -> list[str]:
    """The sensitive attributes to audit by; None asks for all that the data declare.

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


def data_to_audit(datamodule: Any, model: Any, info: DataInfo, judged: str, reading: Reading) -> AuditableData:
    """The data as audits read them, with what is known of them."""
    data = as_auditable(datamodule, model, judged=judged, reading=reading)
    if isinstance(data, LoaderAdapter):
        data.info = data.find_attributes(info, SPLITS)
    return data


def with_attributes_of_batches(datamodule: Any, model: Any, info: DataInfo, judged: str, reading: Reading) -> DataInfo:
    """`info` with the attributes that batches carry; training may split the data anew, so only levels are kept."""
    from pytorch_lightning.utilities.seed import isolate_rng

    with isolate_rng():
        return data_to_audit(datamodule, model, info, judged, reading).info


def infer_data_info(datamodule: Any, model: Any, *, judged: str, reading: Reading) -> DataInfo:
    """Infer the description of data from a batch and from the untrained model's output for it.

    Raises:
        UserError: for what does not follow from them.
    """
    from pytorch_lightning.utilities.seed import isolate_rng

    refuse_missing_targets(reading, model)
    # not kept for the audits: training may split the data anew
    data = LoaderAdapter(
        lambda split: loader_from(model if datamodule is None else datamodule, split),
        judged=judged,
        reading=reading,
        prepare_batch=transfer_hooks(datamodule, model),
        owner=datamodule,
    )
    name = type(model if datamodule is None else datamodule).__name__.lower()
    try:
        with isolate_rng():
            x, y = data.first_batch()
            raw = answer(model, x)
            given = with_default_target(None, model)
            info = complete_info(given, name=name, x=x, y=y, raw=raw, aligned=reading.aligned)
            return with_self_score_target(data.find_attributes(info, SPLITS), model)
    except (ModelOutputError, BatchFormError):
        raise
    except UserError as error:
        remedy = "Say what is predicted, and from what, under `data_info:`."
        raise UserError(error.who, error.problem, remedy) from error


def has_loader(datamodule: Any, model: Any, split: str) -> bool:
    """Whether the data, or a model that brings its own loaders, have one for ``train``, ``val``, ``test``."""
    from pytorch_lightning.utilities.model_helpers import is_overridden

    owner = datamodule if datamodule is not None else model
    return owner is not None and is_overridden(f"{split}_dataloader", owner)
