"""Data modules whose rows fit in memory: the base classes of data plugins."""

from typing import TYPE_CHECKING

from glasshouse._lazy_names import lazy_names

if TYPE_CHECKING:
    from glasshouse.datamodules.base import CompactDataModule, InMemoryDataModule
    from glasshouse.datamodules.images import ImageDataModule, RawImages
    from glasshouse.datamodules.loader import InMemoryLoader
    from glasshouse.datamodules.tabular import TabularDataModule
    from glasshouse.datamodules.texts import RawTexts, TextDataModule

__all__ = [
    "CompactDataModule",
    "ImageDataModule",
    "InMemoryDataModule",
    "InMemoryLoader",
    "RawImages",
    "RawTexts",
    "TabularDataModule",
    "TextDataModule",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "glasshouse.datamodules.base": ("CompactDataModule", "InMemoryDataModule"),
        "glasshouse.datamodules.images": ("ImageDataModule", "RawImages"),
        "glasshouse.datamodules.loader": ("InMemoryLoader",),
        "glasshouse.datamodules.tabular": ("TabularDataModule",),
        "glasshouse.datamodules.texts": ("RawTexts", "TextDataModule"),
    },
)
