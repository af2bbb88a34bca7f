"""New distributions with a working component and tests: what ``glasshouse plugins new`` writes."""

from glasshouse.cli.scaffold.kinds import KINDS, Kind
from glasshouse.cli.scaffold.names import Names, clash, read_names
from glasshouse.cli.scaffold.writing import render_files, write_distribution

__all__ = ["KINDS", "Kind", "Names", "clash", "read_names", "render_files", "write_distribution"]
