"""Counting of predictions in files and data frames into mergeable tables, which audits measure from."""

from glasshouse.frames.columns import LabelColumns, PredictionColumns
from glasshouse.frames.engines import tables_from_frame
from glasshouse.frames.files import tables_from_files
from glasshouse.frames.reading import tables_from_batches

__all__ = ["LabelColumns", "PredictionColumns", "tables_from_batches", "tables_from_files", "tables_from_frame"]
