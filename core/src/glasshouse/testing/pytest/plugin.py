"""The pytest plugin of glasshouse: fixtures for tests of plugins, and audits as tests.

Every pytest loads it if glasshouse is installed, so it imports only pytest until a fixture is used. `-p no:glasshouse`
switches it off.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from glasshouse.plugins import Registry
    from glasshouse.run_record import RunRecord
    from glasshouse.testing.pytest.audit_record import AuditRecord
    from glasshouse.testing.pytest.command import Finished
    from glasshouse.testing.pytest.fixtures import TinyImages, TinyTable, TinyText

OPTION = "--glasshouse-run"

_RECORD = pytest.StashKey["AuditRecord"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("glasshouse", "audits as tests")
    group.addoption(
        OPTION, metavar="RUN_DIR", default=None, help="the finished run whose record the fixture audit_record returns"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Read the record before any test runs.

    Raises:
        pytest.UsageError: if the record does not exist or is invalid (exit code 4).
    """
    given = config.getoption(OPTION)
    if given is None:
        return
    from glasshouse.errors import UserError
    from glasshouse.run_record import RunRecord
    from glasshouse.testing.pytest.audit_record import AuditRecord

    try:
        run = RunRecord.read(config.invocation_params.dir / Path(given).expanduser())
    except UserError as error:
        raise pytest.UsageError(f"{OPTION} {given}: {error}") from None
    config.stash[_RECORD] = AuditRecord(run)


def pytest_report_header(config: pytest.Config) -> str | None:
    """The run of `--glasshouse-run` and its verdict."""
    record = config.stash.get(_RECORD, None)
    return None if record is None else f"glasshouse run: {record.folder} ({record.verdict})"


def pytest_assertrepr_compare(config: pytest.Config, op: str, left: object, right: object) -> list[str] | None:
    """Value, interval and count of the measurement in a failed assertion."""
    audit_record = sys.modules.get("glasshouse.testing.pytest.audit_record")
    return None if audit_record is None else audit_record.explain_comparison(op, left, right)


@pytest.fixture(scope="session")
def audit_record(pytestconfig: pytest.Config) -> AuditRecord:
    """The record of the run of ``pytest --glasshouse-run RUN_DIR``, for assertions on measurements.

    ``assert audit_record["demographic_parity_difference"] < 0.1``. Without the option the test fails.
    """
    record = pytestconfig.stash.get(_RECORD, None)
    if record is None:
        pytest.fail(
            f"audit_record: expected {OPTION}, received none. "
            f"Give the folder of a finished run: pytest {OPTION} runs/NAME/TIME-ID",
            pytrace=False,
        )
    return record


@pytest.fixture
def tiny_table() -> TinyTable:
    """A data module after setup: 240 applicants, approved if income exceeds debt, with sex and age group."""
    from glasshouse.testing.pytest.fixtures import TinyTable

    data = TinyTable()
    data.setup()
    return data


@pytest.fixture
def tiny_images() -> TinyImages:
    """A data module after setup: 240 images (1, 8, 8) with a bright square on the left or on the right."""
    from glasshouse.testing.pytest.fixtures import TinyImages

    data = TinyImages()
    data.setup()
    return data


@pytest.fixture
def tiny_text() -> TinyText:
    """A data module after setup: 240 sentences, each with *good* or *bad*."""
    from glasshouse.testing.pytest.fixtures import TinyText

    data = TinyText()
    data.setup()
    return data


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    """The `RunRecord` of a finished run of a linear layer on `tiny_table`.

    It is made once per session, in a new process; copy its folder before you change it. With glasshouse-audits
    installed, it contains the audits `performance` and `fairness`.
    """
    from glasshouse.testing.pytest.tiny_run import tiny_run

    return tiny_run(tmp_path_factory.mktemp("glasshouse"))


@pytest.fixture
def run_glasshouse(tmp_path: Path) -> Callable[..., Finished]:
    """Run ``glasshouse ARGUMENTS`` in the test's `tmp_path`, in a fresh process.

    ``run_glasshouse("run", config={"model": "line", ...}, plugins=[FILE.py])`` returns `returncode`, `stdout`,
    `stderr`, `run_dir` and `record`. An exit code other than ``exit_code=0`` fails the test; None accepts any. All
    options: `glasshouse.testing.pytest.command.run_command`.
    """
    from glasshouse.testing.pytest.command import run_command

    def run(*arguments: str | Path, **options: Any) -> Finished:
        return run_command(tmp_path, arguments, **options)

    return run


@pytest.fixture
def isolated_plugins(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Registry]]:
    """Restrict the plugins of a test to core's own and the named ones.

    ``isolated_plugins("my-distribution", "path/to/mine.py")`` returns the registry, which replaces that of the process
    until the test ends; before the call, only core's own plugins are available. Commands of `run_glasshouse` use the
    same distributions. A broken plugin raises an error; with ``strict=False`` it is listed as broken.
    """
    from glasshouse.plugins import Registry, registry, set_registry
    from glasshouse.plugins.component_registry import LOAD_ONLY

    before, modules = registry(), set(sys.modules)
    files: list[Path] = []

    def isolate(*plugins: str | Path, strict: bool = True) -> Registry:
        chosen = [Path(plugin).resolve() for plugin in plugins if str(plugin).endswith(".py")]
        distributions = [str(plugin) for plugin in plugins if not str(plugin).endswith(".py")]
        files.extend(chosen)
        monkeypatch.setenv(LOAD_ONLY, ",".join(distributions))
        isolated = Registry(only=distributions, files=chosen, strict=strict)
        set_registry(isolated)
        return isolated

    isolate()
    yield isolate
    set_registry(before)
    for name in set(sys.modules) - modules:
        if getattr(sys.modules[name], "__file__", None) in {str(file) for file in files}:
            del sys.modules[name]
