"""Writes the reports of a record: all formats are rendered before the first file is written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from glasshouse.errors import UserError
from glasshouse.plugins import Component, Registry
from glasshouse.plugins import registry as current_registry
from glasshouse.plugins.declarations import ReportFormatPlugin
from glasshouse.record.record import Record
from glasshouse.system.atomic_files import write_atomic
from glasshouse.system.garbage import no_collection


def check_formats(formats: Sequence[str], registry: Registry) -> dict[str, Component]:
    """File name -> report format, for the given names; imports no renderer. A repeated name counts once.

    Raises:
        UserError: for an unknown name, a format with missing dependencies, or two formats with the same file name.
    """
    found: dict[str, Component] = {}
    for name in formats:
        component = registry.find("report_format", name)
        registry.require(component)
        assert isinstance(component.plugin, ReportFormatPlugin)
        file_name = f"report{component.plugin.suffix}"
        other = found.setdefault(file_name, component)
        if other != component:
            raise UserError(
                "report",
                f"formats {other.qualified_name} and {component.qualified_name} would both write {file_name}.",
                "Write them one at a time.",
            )
    return found


def write_reports(record: Record, run_dir: Path, formats: Sequence[str]) -> list[Path]:
    """Write ``report<suffix>`` into a run's folder for each format; all are rendered before the first is written.

    Raises:
        UserError: as `check_formats`, or if a renderer cannot be imported or fails, or a file cannot be written.
    """
    chosen = check_formats(formats, current_registry())
    with no_collection():
        rendered = {run_dir / file_name: _render(component, record) for file_name, component in chosen.items()}
    for path, content in rendered.items():
        try:
            write_atomic(path, content)
        except OSError as error:
            raise UserError(str(path), f"cannot be written: {error.strerror or error}.") from error
    return list(rendered)


def _render(component: Component, record: Record) -> str | bytes:
    render = current_registry().load(component)
    try:
        content: str | bytes = render(record)
    except UserError:
        raise
    except Exception as error:
        if component.distribution == "glasshouse":  # an error in glasshouse itself keeps its traceback
            raise
        raise UserError(
            str(component),
            f"cannot render this record: {type(error).__name__}: {error}.",
            "Run with --debug for the traceback.",
        ) from error
    if not isinstance(content, (str, bytes)):
        raise UserError(str(component), f"expected str or bytes to write, received {type(content).__name__}.")
    return content
