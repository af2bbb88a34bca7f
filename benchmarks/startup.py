"""How long a user waits for the light commands, beside a bare LightningCLI script's ``--help``.

    python benchmarks/startup.py [--repeats 9] [--run RUN_DIR]
    python benchmarks/startup.py --against PYTHON [--repeats 40]

Every command runs once unmeasured, so that files are cached and bytecode is written, and then in turn, round after
round: a slow moment of the machine touches all of them. Exit code 1 where a goal is missed.

The second form compares ``--help`` and ``plugins list`` with the version of glasshouse that another interpreter has
installed: the median of the processor's time may be at most 1.05 times the other's.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from machine import facts

REPOSITORY = Path(__file__).resolve().parent.parent

MOST_SLOWER = 1.05
"""How many times as long as another version a light command may take."""

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
        used, begun = processor_seconds(), time.perf_counter()
        done = subprocess.run(self.argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
        seconds = time.perf_counter() - begun
        if done.returncode != 0:
            sys.exit(f"{self.title} ended with {done.returncode}:\n{done.stderr}")
        return seconds, processor_seconds() - used

    def goal(self) -> str:
        """The goal in words."""
        parts = [f">= {self.times_faster:g} times"] if self.times_faster else []
        return ", ".join(parts + ([f"< {self.at_most:g} s"] if self.at_most < float("inf") else []))

    def held(self, bare: Command) -> bool:
        """Whether the medians meet the goal."""
        return median(bare.seconds) / median(self.seconds) >= self.times_faster and median(self.seconds) < self.at_most


def processor_seconds() -> float:
    """What all processes that have ended took of the processor."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> int:
    """Measure, print a table, and say by the exit code whether every goal is met."""
    parser = argparse.ArgumentParser(description="Start-up of the light commands beside a bare LightningCLI script.")
    parser.add_argument("--repeats", type=int, default=9, help="measured rounds (9)")
    parser.add_argument("--run", type=Path, help="a finished run to report on; default: make one of two epochs")
    parser.add_argument("--against", metavar="PYTHON", help="compare with the glasshouse that this interpreter has")
    options = parser.parse_args()
    # Two processes with default threads on two cores slow each other down; none of these commands computes anything.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        # Users' installations have bytecode; some machines for development are set to write none.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = str(folder / "bytecode")
        if options.against:
            return against(options.against, options.repeats)
        bare, ours = commands(folder, options.run or finished_run(folder))
        measure([bare, *ours], options.repeats)
    print(table(bare, ours))
    print(f"\nMedians of {options.repeats} interleaved rounds; {facts('torch', 'pytorch-lightning', 'jsonargparse')}.")
    return 0 if all(command.held(bare) for command in ours) else 1


def against(python: str, repeats: int) -> int:
    """Print how this version's light commands compare with another's; 1 where one is slower than it may be."""
    print("| command | other: processor ms (wall) | this: processor ms (wall) | this / other | goal | met |")
    print("|---|---:|---:|---:|---|---|")
    slow = False
    for words in (["--help"], ["plugins", "list"]):
        title = f"glasshouse {' '.join(words)}"
        other, this = (
            Command(title=title, argv=[interpreter, "-m", "glasshouse", *words])
            for interpreter in (python, sys.executable)
        )
        measure([other, this], repeats)
        ratio = median(this.processor) / median(other.processor)
        slow |= ratio > MOST_SLOWER
        cells = [f"{1e3 * median(each.processor):.1f} ({1e3 * median(each.seconds):.1f})" for each in (other, this)]
        met = "NO" if ratio > MOST_SLOWER else "yes"
        print(f"| `{title}` | {cells[0]} | {cells[1]} | {ratio:.3f} | <= {MOST_SLOWER} | {met} |", flush=True)
    return int(slow)


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
