"""The documentation says what is so: every hook has its page, every block works, every option exists, links lead on."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from glasshouse.config.global_options import COMMANDS, OPTIONS, TRAINING
from glasshouse.config.run_options import RunOptions
from glasshouse.plugins import Registry, hookspecs
from glasshouse.plugins.declarations import PLUGIN_TYPES

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = [
    *sorted(REPOSITORY.glob("*.md")),
    *sorted(REPOSITORY.glob("docs/**/*.md")),
    *sorted(REPOSITORY.glob("examples/*/README.md")),
    *sorted(REPOSITORY.glob("*/README.md")),
]
TITLES = [page.relative_to(REPOSITORY).as_posix() for page in PAGES]
PLUGINS = (REPOSITORY / "docs" / "plugins.md").read_text(encoding="utf-8")
HOOKS = {name: hook for name, hook in vars(hookspecs).items() if name.startswith("glasshouse_")}
KIND_OF = {plugin_type.hook: plugin_type.kind for plugin_type in PLUGIN_TYPES}


def read(page: str) -> str:
    return (REPOSITORY / page).read_text(encoding="utf-8")


def section(hook: str) -> str:
    """What docs/plugins.md says about a hook."""
    found = re.search(rf"^### {hook}\n(.*?)(?=^##|\Z)", PLUGINS, re.DOTALL | re.MULTILINE)
    assert found is not None, f"docs/plugins.md has no section '### {hook}'"
    return found[1]


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


# ---------------------------------------------------------------- hooks


def test_the_hooks_stand_in_the_order_of_the_specification():
    assert re.findall(r"^### (\w+)$", PLUGINS, re.MULTILINE) == list(HOOKS)


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hooks_signature_is_the_specifications(hook):
    documented = blocks(section(hook), "python")[0]
    assert documented.strip() == f"def {hook}{inspect.signature(HOOKS[hook])}".replace("'", "")


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_says_when_it_fires_and_describes_its_arguments(hook):
    text = section(hook)
    assert "\nFires " in text
    assert re.findall(r"^- `(\w+)`: ", text, re.MULTILINE) == list(inspect.signature(HOOKS[hook]).parameters)


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hooks_smallest_plugin_works(hook, tmp_path, monkeypatch):
    code = blocks(section(hook), "python")[-1]
    file = tmp_path / "mine.py"
    file.write_text(code, encoding="utf-8")
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    plugins = Registry(only=[], files=[file])
    try:
        assert plugins.check_all() == ()
        callers = [implementation.plugin_name for implementation in getattr(plugins.hook, hook).get_hookimpls()]
        assert "mine.py:mine" in callers
        if hook in KIND_OF:
            (component,) = [c for c in plugins.components(KIND_OF[hook]) if c.distribution == "mine.py"]
            assert callable(plugins.load(component))
            assert component.name in code
    finally:
        sys.modules.pop("mine", None)


# ---------------------------------------------------------------- commands and options


def commands_shown() -> list[tuple[str, str]]:
    """Each ``glasshouse WORD ...`` line of a text block, with its page."""
    found = []
    for title in TITLES:
        for block in blocks(read(title), "(?:text|yaml|bash)"):
            joined = block.replace("\\\n", " ")
            found += [(title, line) for line in re.findall(r"^(?:\w+=\S+ )?(glasshouse .*)$", joined, re.MULTILINE)]
            found += [(title, line) for line in re.findall(r"&& (glasshouse .*)$", joined, re.MULTILINE)]
    return found


BROUGHT_BY_EXAMPLES = {"verdict"}
"""Commands of tests/sample_plugin."""


def test_the_documentation_shows_commands():
    assert len(commands_shown()) > 15


@pytest.mark.parametrize(("page", "line"), commands_shown())
def test_a_documented_command_exists(page, line):
    word = line.split()[1]
    assert word in {*TRAINING, *COMMANDS, *BROUGHT_BY_EXAMPLES, "COMMAND", "--help", "--version"}


@pytest.mark.parametrize("word", [*COMMANDS])
def test_a_documented_option_of_a_light_command_exists(word):
    actions = actions_of_plugins() if word == "plugins" else [""]
    known = "".join(help_of(word, action) for action in actions) + " ".join(OPTIONS)
    for page, line in commands_shown():
        if line.split()[1] == word:
            for option in re.findall(r"(?<=[\s\[])(--[\w-]+)", line):
                assert re.search(rf"{option}\b", known), f"{page}: {line}"


def test_a_documented_action_of_plugins_exists():
    actions = actions_of_plugins()
    assert {"list", "show", "new", "doctor"} <= set(actions)
    shown = {line.split()[2] for _, line in commands_shown() if line.split()[1] == "plugins"}
    assert shown - {"ACTION"} <= set(actions)


def test_documented_options_of_runs_exist():
    known = {
        "--config",
        "--model",
        "--data",
        "--optimizer",
        "--lr_scheduler",
        "--trainer",
        "--ckpt_path",
        "--no_audits",
        "--resume",
    }
    known |= {"--gate", "--print_config", "--seed_everything", "--help"}
    known |= {f"--{name}" for name in RunOptions.__dataclass_fields__} | {option.split()[0] for option in OPTIONS}
    for page, line in commands_shown():
        if line.split()[1] in TRAINING:
            options = {option.split(".")[0] for option in re.findall(r"(?<=[\s\[])(--[\w-]+(?:\.\w+)*)", line)}
            assert options <= known, f"{page}: {line}"


def test_every_command_key_and_option_is_documented():
    running = read("docs/running.md")
    for word in (*TRAINING, *COMMANDS):
        assert f"glasshouse {word}" in running, word
    for key in RunOptions.__dataclass_fields__:
        assert f"`{key}`" in running, key
    for option in OPTIONS:
        assert f"`{option.split()[0]}" in running, option


def test_every_component_of_ours_is_documented():
    pages = "".join(read(title) for title in TITLES if not title.startswith("docs/decisions/"))
    plugins = Registry(only=["glasshouse-audits", "glasshouse-plugins"])
    for kind in ("model", "data", "optimizer", "lr_scheduler", "technique", "audit", "report_format"):
        for component in plugins.components(kind):
            assert f"`{component.name}`" in pages, component


@cache
def actions_of_plugins() -> list[str]:
    """``list``, ``show``, ...: the words that the usage line of ``glasshouse plugins`` offers."""
    usage = " ".join(help_of("plugins", "").partition("\n\n")[0].split())
    return [each.split()[0] for each in usage.partition("[-h] ")[2].removesuffix(" ...").split(" | ")]


def help_of(word: str, action: str) -> str:
    command = [sys.executable, "-m", "glasshouse", word, *filter(None, [action]), "--help"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


# ---------------------------------------------------------------- links


def links(page: str) -> list[str]:
    text = re.sub(r"```.*?```", "", read(page), flags=re.DOTALL)
    return re.findall(r"\]\(([^)\s]+)\)", text)


def anchors(page: Path) -> set[str]:
    """The names of a page's headings, made as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", TITLES)
def test_links_lead_somewhere(page):
    for link in links(page):
        if re.match(r"https?://", link):
            continue
        path, _, anchor = link.partition("#")
        target = (REPOSITORY / page).parent / path if path else REPOSITORY / page
        assert target.exists(), f"{page}: {link}"
        if anchor:
            assert anchor in anchors(target), f"{page}: {link}"


def test_every_page_is_reached_from_the_readme():
    reached, waiting = set(), [REPOSITORY / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md" or not page.is_file():
            continue
        reached.add(page)
        for link in links(page.relative_to(REPOSITORY).as_posix()):
            if not re.match(r"https?://", link):
                waiting.append((page.parent / link.partition("#")[0]).resolve())
    lost = {page.relative_to(REPOSITORY).as_posix() for page in REPOSITORY.glob("docs/**/*.md")} - {
        page.relative_to(REPOSITORY).as_posix() for page in reached
    }
    assert lost == set()
