"""docs/architecture.md draws the rooms as they import each other, and follows a run as it runs."""

from __future__ import annotations

import configparser
import json
import re
from pathlib import Path

import grimp

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = (REPOSITORY / "docs/architecture.md").read_text(encoding="utf-8")
EVERYWHERE = {"errors", "_version", "_moved", "_lazy_names", "__main__"}
"""Layers of the contract that the page does not draw."""
ROAD = re.findall(r"^\| (\d+) \| `([\w/]+\.py)` \| `([\w.]+)` \|", PAGE, re.MULTILINE)
SOURCES = (REPOSITORY / "core/src/glasshouse", REPOSITORY / "audits/src/glasshouse_audits")


def rooms() -> list[str]:
    """The layers of the contract, from the top."""
    contract = configparser.ConfigParser()
    contract.read(REPOSITORY / ".importlinter")
    layers = re.split(r"[\n|]", contract["importlinter:contract:core"]["layers"])
    return [room.strip() for room in layers if room.strip() and room.strip() not in EVERYWHERE]


def imported_rooms() -> dict[str, set[str]]:
    """Room -> the rooms that its modules import directly."""
    graph = grimp.build_graph("glasshouse", cache_dir=None)
    room_of = {}
    for room in rooms():
        modules = {f"glasshouse.{room}"} | graph.find_descendants(f"glasshouse.{room}")
        room_of |= dict.fromkeys(modules, room)
    found: dict[str, set[str]] = {room: set() for room in rooms()}
    for module, room in room_of.items():
        found[room] |= {room_of[each] for each in graph.find_modules_directly_imported_by(module) if each in room_of}
        found[room].discard(room)
    return found


def below(room: str, imported: dict[str, set[str]]) -> set[str]:
    """All rooms that a room reaches."""
    return imported[room].union(*(below(each, imported) for each in imported[room]))


def test_the_diagram_draws_the_imports_that_do_not_follow_from_others():
    (diagram,) = re.findall(r"```mermaid\nflowchart TD\n(.*?)```", PAGE, re.DOTALL)
    drawn = [tuple(line.split(" --> ")) for line in diagram.replace("    ", "").splitlines()]
    imported = imported_rooms()
    expected = {
        (room, each)
        for room, direct in imported.items()
        for each in direct
        if not any(each in below(other, imported) for other in direct)
    }
    assert len(drawn) == len(set(drawn))
    assert set(drawn) == expected
    assert {room for edge in drawn for room in edge} == set(rooms())


def test_every_room_is_described_in_the_order_of_the_layers():
    assert re.findall(r"^\| `(\w+)` \| ", PAGE, re.MULTILINE) == rooms()


def located(file: str) -> Path:
    """The one source file that the page means."""
    (found,) = [root / file for root in SOURCES if (root / file).is_file()]
    return found


def test_the_road_of_a_run_has_at_most_25_files_and_visits_each_once():
    assert [int(number) for number, _, _ in ROAD] == list(range(1, len(ROAD) + 1))
    assert 20 <= len(ROAD) <= 25
    assert len({located(file) for _, file, _ in ROAD}) == len(ROAD)


TRACED = """
import json, sys

wanted = {tuple(each) for each in json.loads(sys.argv.pop(1))}
order = []

def called(frame, event, arg):
    code = frame.f_code
    if event == "call" and (code.co_filename, code.co_qualname) in wanted:
        wanted.discard((code.co_filename, code.co_qualname))
        order.append((code.co_filename, code.co_qualname))

from glasshouse.cli.main import main

sys.argv = ["glasshouse", *sys.argv[1:]]
sys.setprofile(called)
code = main(sys.argv[1:])
sys.setprofile(None)
print(json.dumps(order))
sys.exit(code)
"""
"""Runs glasshouse, and prints in which order functions were called for the first time."""


def test_a_run_takes_this_road(forks, tmp_path):
    road = [[str(located(file)), function] for _, file, function in ROAD]
    config = REPOSITORY / "examples/diabetes/run.yaml"
    run = ["run", "--config", str(config), "--trainer.max_epochs=1", "--audits=[performance]", "--report=[html]"]
    done = forks.run("-c", TRACED, json.dumps(road), *run, "--run_dir", str(tmp_path), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == road
