"""Few threads for little work; the user's choice wins; the process has its threads again afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress

import pytest
import torch
from glasshouse.system import threads
from glasshouse.system.threads import WORK_OF_A_THREAD, threads_for


@pytest.fixture
def four(monkeypatch):
    """A machine of four cores, on which nobody has chosen a number of threads."""
    before = torch.get_num_threads()
    for name in threads.USERS_CHOICE:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(threads, "default_threads", lambda: {4})
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("work", "expected"),
    [(0, 1), (WORK_OF_A_THREAD - 1, 1), (2 * WORK_OF_A_THREAD, 2), (10**12, 4), (None, 4)],
)
def test_threads_follow_the_work_and_are_restored(four, work, expected):
    with suppress(ZeroDivisionError), threads_for(work):
        assert torch.get_num_threads() == expected
        1 / 0  # noqa: B018
    assert torch.get_num_threads() == 4


def test_a_choice_by_the_environment_wins(four, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    with threads_for(1):
        assert torch.get_num_threads() == 4


def test_a_choice_by_torch_wins_before_and_within(four):
    torch.set_num_threads(3)
    with threads_for(1):
        assert torch.get_num_threads() == 3
    torch.set_num_threads(4)
    with threads_for(1):
        torch.set_num_threads(2)
    assert torch.get_num_threads() == 2


def test_torch_starts_with_a_number_that_counts_as_its_own():
    code = (
        "import torch; from glasshouse.system.threads import default_threads; "
        "print(torch.get_num_threads() in default_threads())"
    )
    environment = {name: value for name, value in os.environ.items() if name not in threads.USERS_CHOICE}
    assert subprocess.check_output([sys.executable, "-c", code], env=environment, text=True) == "True\n"
