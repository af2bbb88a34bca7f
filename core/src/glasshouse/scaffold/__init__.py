"""New distributions, whole and green from the start: what ``glasshouse plugins new`` writes."""

from glasshouse.scaffold.kinds import KINDS, Kind
from glasshouse.scaffold.names import Names, clash, read_names
from glasshouse.scaffold.writing import render_files, write_distribution

__all__ = ["KINDS", "Kind", "Names", "clash", "read_names", "render_files", "write_distribution"]
