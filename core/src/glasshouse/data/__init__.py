"""Descriptions of data, raw tables, column coding, splits and vocabularies. Nothing here imports torch at load time."""

from typing import TYPE_CHECKING

from glasshouse._lazy_names import lazy_names

if TYPE_CHECKING:
    from glasshouse.data.arrow_columns import as_text
    from glasshouse.data.auditable import AuditableData
    from glasshouse.data.batch import Batch
    from glasshouse.data.csv_files import (
        CSV_SUFFIXES,
        find_delimiter,
        is_csv,
        read_header,
        read_text,
        refuse_unreadable,
    )
    from glasshouse.data.data_info import SPLITS, DataInfo, Feature, Sensitive, Target
    from glasshouse.data.labels import Labelled
    from glasshouse.data.level_names import level_name
    from glasshouse.data.missing_values import Missing, MissingPlan, Treatment
    from glasshouse.data.raw_table import Coded, Column, RawTable, SensitiveColumn, as_column, fingerprint
    from glasshouse.data.split_option import SplitOption, SplitPlan, group_codes, time_codes
    from glasshouse.data.text_columns import as_numbers, first_not_a_number, infer_type
    from glasshouse.data.tokenizer import FolderTokenizer, swap_padding_id
    from glasshouse.data.vocabulary import PADDING, UNKNOWN

__all__ = [
    "CSV_SUFFIXES",
    "PADDING",
    "SPLITS",
    "UNKNOWN",
    "AuditableData",
    "Batch",
    "Coded",
    "Column",
    "DataInfo",
    "Feature",
    "FolderTokenizer",
    "Labelled",
    "Missing",
    "MissingPlan",
    "RawTable",
    "Sensitive",
    "SensitiveColumn",
    "SplitOption",
    "SplitPlan",
    "Target",
    "Treatment",
    "as_column",
    "as_numbers",
    "as_text",
    "find_delimiter",
    "fingerprint",
    "first_not_a_number",
    "group_codes",
    "infer_type",
    "is_csv",
    "level_name",
    "read_header",
    "read_text",
    "refuse_unreadable",
    "swap_padding_id",
    "time_codes",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "glasshouse.data.arrow_columns": ("as_text",),
        "glasshouse.data.auditable": ("AuditableData",),
        "glasshouse.data.batch": ("Batch",),
        "glasshouse.data.csv_files": (
            "CSV_SUFFIXES",
            "find_delimiter",
            "is_csv",
            "read_header",
            "read_text",
            "refuse_unreadable",
        ),
        "glasshouse.data.data_info": ("SPLITS", "DataInfo", "Feature", "Sensitive", "Target"),
        "glasshouse.data.labels": ("Labelled",),
        "glasshouse.data.missing_values": ("Missing", "MissingPlan", "Treatment"),
        "glasshouse.data.level_names": ("level_name",),
        "glasshouse.data.raw_table": ("Coded", "Column", "RawTable", "SensitiveColumn", "as_column", "fingerprint"),
        "glasshouse.data.split_option": ("SplitOption", "SplitPlan", "group_codes", "time_codes"),
        "glasshouse.data.text_columns": ("as_numbers", "first_not_a_number", "infer_type"),
        "glasshouse.data.tokenizer": ("FolderTokenizer", "swap_padding_id"),
        "glasshouse.data.vocabulary": ("PADDING", "UNKNOWN"),
    },
)
