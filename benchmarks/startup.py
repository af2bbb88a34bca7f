"""How long a user waits for the light commands, beside a bare LightningCLI script's ``--help``.

    python benchmarks/startup.py [--repeats 9] [--run RUN_DIR]

Every command runs once unmeasured, so that files are cached and bytecode is written, and then in turn, round after
round: a slow moment of the machine touches all of them. Exit code 1 where a goal is missed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from machine import facts

REPOSITORY = Path(__file__).resolve().parent.parent

BARE = """\
from pytorch_lightning.cli import LightningCLI

if __name__ == "__main__":
    LightningCLI()
"""


@dataclass(kw_only=True)
class Command:
    """One command line, what is asked of it, and its seconds so far."""

    title: str
    argv: list[str]
    times_faster: float = 0.0
    """At least this many times faster than the bare script."""
    at_most: float = float("inf")
    """Seconds."""
    seconds: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    """Seconds of the processor: what the command costs where it need not share one."""

    def run(self) -> tuple[float, float]:
        """Seconds from start to exit, and seconds of the processor."""
        used, begun = os.times(), time.perf_counter()
        done = subprocess.run(self.argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
        seconds = time.perf_counter() - begun
        if done.returncode != 0:
            sys.exit(f"{self.title} ended with {done.returncode}:\n{done.stderr}")
        now = os.times()
        return seconds, now.children_user + now.children_system - used.children_user - used.children_system

    def goal(self) -> str:
        """The goal in words."""
        parts = [f">= {self.times_faster:g} times"] if self.times_faster else []
        return ", ".join(parts + ([f"< {self.at_most:g} s"] if self.at_most < float("inf") else []))

    def held(self, bare: Command) -> bool:
        """Whether the medians meet the goal."""
        return median(bare.seconds) / median(self.seconds) >= self.times_faster and median(self.seconds) < self.at_most


def main() -> int:
    """Measure, print a table, and say by the exit code whether every goal is met."""
    parser = argparse.ArgumentParser(description="Start-up of the light commands beside a bare LightningCLI script.")
    parser.add_argument("--repeats", type=int, default=9, help="measured rounds (9)")
    parser.add_argument("--run", type=Path, help="a finished run to report on; default: make one of two epochs")
    options = parser.parse_args()
    # Two processes with default threads on two cores slow each other down; none of these commands computes anything.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        bare, ours = commands(folder, options.run or finished_run(folder))
        measure([bare, *ours], options.repeats)
    print(table(bare, ours))
    print(f"\nMedians of {options.repeats} interleaved rounds; {facts('torch', 'pytorch-lightning', 'jsonargparse')}.")
    return 0 if all(command.held(bare) for command in ours) else 1


def commands(folder: Path, run: Path) -> tuple[Command, list[Command]]:
    """The bare script, and the commands that are measured against it."""
    script = folder / "bare.py"
    script.write_text(BARE, encoding="utf-8")
    glasshouse = [sys.executable, "-m", "glasshouse"]
    runs, report = str(run.parent.parent), str(run)
    return Command(title="LightningCLI --help", argv=[sys.executable, str(script), "--help"]), [
        Command(title="glasshouse --help", argv=[*glasshouse, "--help"], times_faster=30),
        Command(title="glasshouse plugins list", argv=[*glasshouse, "plugins", "list"], times_faster=30),
        Command(title="glasshouse runs", argv=[*glasshouse, "runs", runs], times_faster=30),
        Command(title="glasshouse report", argv=[*glasshouse, "report", report], times_faster=4, at_most=1),
    ]


def finished_run(folder: Path) -> Path:
    """The diabetes example, trained for two epochs: its record has every audit, as a real one."""
    config = REPOSITORY / "examples" / "diabetes" / "run.yaml"
    made = subprocess.run(
        [sys.executable, "-m", "glasshouse", "run", "--config", config, "--trainer.max_epochs=2", "--run_dir", folder],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return Path(made.stdout.splitlines()[-1])


def measure(commands: list[Command], repeats: int) -> None:
    """Run all commands in turn, `repeats` times, after one round that does not count."""
    for command in commands:
        command.run()
    for _ in range(repeats):
        for command in commands:
            seconds, processor = command.run()
            command.seconds.append(seconds)
            command.processor.append(processor)


def table(bare: Command, ours: list[Command]) -> str:
    """Markdown: how long each command takes, and how many times faster than the bare script it is."""
    lines = [
        "| command | median ms | fastest - slowest | processor ms | times faster | goal | met |",
        "|---|---:|---:|---:|---:|---|---|",
    ]
    for command in (bare, *ours):
        seconds = command.seconds
        cells = [
            f"`{command.title}`",
            f"{1e3 * median(seconds):.0f}",
            f"{1e3 * min(seconds):.0f} - {1e3 * max(seconds):.0f}",
            f"{1e3 * median(command.processor):.0f}",
            f"{median(bare.seconds) / median(seconds):.1f}",
            command.goal(),
            "" if command is bare else "yes" if command.held(bare) else "NO",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
