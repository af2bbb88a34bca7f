"""Training a network with Lightning: the task, its optimization, checkpoints."""

from typing import TYPE_CHECKING

from glasshouse._lazy_names import lazy_names

if TYPE_CHECKING:
    from glasshouse.training.batch_transforms import BatchTransform, Mixed
    from glasshouse.training.task import Task

__all__ = [
    "BatchTransform",
    "Mixed",
    "Task",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "glasshouse.training.batch_transforms": ("BatchTransform", "Mixed"),
        "glasshouse.training.task": ("Task",),
    },
)
