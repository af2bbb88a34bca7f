"""The kinds of data and of targets, in a module that is fast to import."""

from typing import Literal, get_args

Modality = Literal["tabular", "image", "text", "sequence"]
TargetKind = Literal["binary", "multiclass", "multilabel", "regression"]
MODALITIES: tuple[Modality, ...] = get_args(Modality)
TARGET_KINDS: tuple[TargetKind, ...] = get_args(TargetKind)
