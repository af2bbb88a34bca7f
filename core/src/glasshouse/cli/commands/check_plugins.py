"""``glasshouse plugins check PATH|NAME``: run the conformance checks of components."""

from __future__ import annotations

import contextlib
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glasshouse.cli.commands.output import print_json
from glasshouse.errors import UserError, did_you_mean
from glasshouse.plugins import KINDS, BrokenPlugin, Component, Registry, registry, set_registry
from glasshouse.plugins.discovery import GROUP, normalized

if TYPE_CHECKING:
    from glasshouse.testing import CheckResult

_WHO = "plugins check"


@dataclass(kw_only=True)
class Checked:
    """The results of the checks of one component."""

    component: Component
    results: list[CheckResult] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        one = self.component
        return {
            "kind": one.kind,
            "name": one.name,
            "distribution": one.distribution,
            "version": one.version,
            "results": [asdict(result) for result in self.results],
        }


def check_plugins(given: str, *, options: str | None, as_json: bool) -> int:
    """Run all checks of the given components and print a line for each check; 1 if one fails, else 0.

    Args:
        given: a Python file, the folder of a distribution, an installed distribution, or a component's name.
        options: a YAML mapping with the options of a single component.
        as_json: print JSON.

    Raises:
        UserError: for anything else, or if there is no component with checks.
    """
    with _importable(given) as (components, broken):
        from glasshouse.testing.kit.kinds import MODULES

        chosen = [component for component in components if component.kind in MODULES]
        if not chosen and not broken:
            raise UserError(_WHO, f"'{given}' has no component with checks.", f"Kinds: {', '.join(MODULES)}.")
        values = _options(options, chosen)
        checked = []
        for plugin in broken if not as_json else ():
            print(f"plugin '{plugin.entry_point}'\n  failed   {_broken_reason(plugin)}")
        for component in chosen:
            one = Checked(component=component)
            checked.append(one)
            if not as_json:
                print(component)
            for result in _results(component, values):
                one.results.append(result)
                if not as_json:
                    print(_line(result), flush=True)
    counts = dict.fromkeys(("passed", "failed", "skipped"), 0)
    for result in (result for one in checked for result in one.results):
        counts[result.status] += 1
    failed = bool(counts["failed"] or broken)
    if as_json:
        reasons = [{"plugin": plugin.entry_point, "reason": _broken_reason(plugin)} for plugin in broken]
        print_json(
            {"success": not failed, **counts, "broken": reasons, "components": [one.to_dict() for one in checked]}
        )
    else:
        of = f"{sum(counts.values())} checks of {len(checked)} component{'s' if len(checked) != 1 else ''}"
        print(f"{of}: {counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    return int(failed)


def _results(component: Component, options: Mapping[str, Any]) -> Iterator[CheckResult]:
    from glasshouse.testing.kit.checks import run_check
    from glasshouse.testing.kit.kinds import checks_of, subject_of

    subject = subject_of(registry().shortest_name(component), kind=component.kind, options=options)
    for check in checks_of(component.kind):
        with contextlib.redirect_stdout(sys.stderr):  # the output of plugins is not part of the result
            result = run_check(check, subject)
        yield result


def _line(result: CheckResult) -> str:
    reason = f": {' '.join(result.reason.split())}" if result.reason else ""
    return f"  {result.status:<8} {result.check}{reason}"


def _broken_reason(plugin: BrokenPlugin) -> str:
    return f"{plugin.hook}: {plugin.reason}" if plugin.hook else plugin.reason


def _options(text: str | None, chosen: list[Component]) -> dict[str, Any]:
    if text is None:
        return {}
    import yaml

    from glasshouse.system.yaml_text import read_yaml_text

    try:
        values = read_yaml_text(text)
    except yaml.YAMLError as error:
        raise UserError("--options", f"cannot be read: {error}", "Write e.g. '{path: people.csv}'.") from error
    if not isinstance(values, dict):
        raise UserError("--options", f"expected a mapping, received {text!r}.", "Write e.g. '{path: people.csv}'.")
    if len(chosen) != 1:
        names = ", ".join(component.name for component in chosen[:5]) + (", ..." if len(chosen) > 5 else "")
        raise UserError(
            "--options", f"apply to a single component, received {len(chosen)}: {names}.", "Give one of them."
        )
    return values


@contextlib.contextmanager
def _importable(given: str) -> Iterator[tuple[list[Component], list[BrokenPlugin]]]:
    """The components of `given`, importable during the block, and its broken plugins."""
    path = Path(given).expanduser()
    if path.is_file():
        with _registered(Registry.from_environment(files=[path])):
            yield _of_distribution(path.name)
    elif (path / "pyproject.toml").is_file():
        with _on_path(path) as name, _registered(Registry.from_environment()):
            yield _of_distribution(name)
    else:
        yield _named(given)


def _of_distribution(name: str) -> tuple[list[Component], list[BrokenPlugin]]:
    plugins = registry()
    plugins.check_all()
    components = [each for kind in KINDS for each in plugins.components(kind)]
    return (
        [each for each in components if normalized(each.distribution) == normalized(name)],
        [each for each in plugins.broken if normalized(each.distribution) == normalized(name)],
    )


def _named(name: str) -> tuple[list[Component], list[BrokenPlugin]]:
    found, broken = _of_distribution(name)
    if found or broken:
        return found, broken
    plugins = registry()
    found = [component for kind in KINDS for component in plugins.candidates(kind, name)]
    if found:
        return found, []
    if name.endswith(".py") or Path(name).is_dir():
        what = "there is no pyproject.toml in" if Path(name).is_dir() else "there is no file"
        raise UserError(_WHO, f"{what} {name}.", "Give a Python file, the folder of a distribution, or a name.")
    known = {component.name for kind in KINDS for component in plugins.components(kind)} | set(plugins.distributions)
    raise UserError(
        _WHO, f"there is no component or distribution '{name}'.", did_you_mean(name, known) + plugins.broken_notice
    )


@contextlib.contextmanager
def _registered(new: Registry) -> Iterator[None]:
    before = registry()
    set_registry(new)
    try:
        yield
    finally:
        set_registry(before)


@contextlib.contextmanager
def _on_path(folder: Path) -> Iterator[str]:
    """Put the sources and metadata of the distribution in a folder first on sys.path, as if it were installed."""
    project = _project(folder)
    name, entries = project["name"], project.get("entry-points", {}).get(GROUP, {})
    if not entries:
        raise UserError(
            _WHO,
            f"{folder / 'pyproject.toml'} has no [project.entry-points.{GROUP}].",
            'Add e.g. `plugin = "my_package"`.',
        )
    sources = folder / "src" if (folder / "src").is_dir() else folder
    with tempfile.TemporaryDirectory(prefix="glasshouse-check-") as place:
        version = project.get("version", "0")
        metadata = Path(place, f"{normalized(name).replace('-', '_')}-{version}.dist-info")
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", "utf-8")
        lines = "".join(f"{entry} = {value}\n" for entry, value in entries.items())
        (metadata / "entry_points.txt").write_text(f"[{GROUP}]\n{lines}", "utf-8")
        sys.path[:0] = added = [place, str(sources.resolve())]
        try:
            yield name
        finally:
            for entry in added:
                sys.path.remove(entry)


def _project(folder: Path) -> dict[str, Any]:
    path = folder / "pyproject.toml"
    try:
        project = tomllib.loads(path.read_text(encoding="utf-8")).get("project", {})
    except tomllib.TOMLDecodeError as error:
        raise UserError(_WHO, f"{path} cannot be read: {error}.", "Correct it.") from error
    if not isinstance(project.get("name"), str):
        raise UserError(_WHO, f"{path} has no [project] with a name.", "Give the folder of a distribution.")
    return project  # type: ignore[no-any-return]
