"""What the catalogue's models reach: every configuration of examples/catalogue, trained and judged under three seeds.

    python benchmarks/catalogue.py [--only mnist_lenet sms_gru] [--seeds 42 43 44] [--threads 1] [--write]

Each run is the command that a user types, as a process of its own: ``glasshouse run --config ...``, without the audits
but for ``performance``. Accuracy is that of the run's record, on the rows held out for testing (2,000 pictures of
MNIST, the published test file of Adult, a fifth of the text messages); the split is the same under every seed. Seconds
are the processor's, of the whole command. A goal is met if the first seed and the mean of all reach it. The data are
looked for as the examples say. ``--write`` puts the table into examples/catalogue/README.md, where the lines of
configurations that were not run stay as they are. Exit code 1 where a goal is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median, stdev

from machine import facts

EXAMPLES = Path(__file__).resolve().parents[1] / "examples" / "catalogue"
PAGE = EXAMPLES / "README.md"
BEGIN, END = "<!-- benchmarks/catalogue.py writes below -->\n", "<!-- and above -->"
HEAD = "| configuration | parameters | first seed | mean and deviation of all | goal | processor seconds | met |"
GOALS = {"mnist_mlp": 0.945, "mnist": 0.98, "adult": 0.85, "sms": 0.97}
"""By configuration, or by the data that its name begins with."""


@dataclass(frozen=True)
class Reached:
    """What one run says of itself."""

    accuracy: float
    parameters: int
    seconds: float


def run(config: Path, seed: int, threads: int) -> Reached:
    """Train and judge once."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "glasshouse", "run", "--config", str(config), "--run_dir", folder]
        command += ["--seed_everything", str(seed), "--audits", "[performance]", "--report", "[json]"]
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        began = spent()
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        seconds = spent() - began
        if done.returncode:
            raise SystemExit(f"{config.name}: {done.stderr.strip()}")
        record = json.loads((Path(done.stdout.splitlines()[-1]) / "record.json").read_text(encoding="utf-8"))
    found = [m for m in record["performance"] if m["name"] == "accuracy" and not m["group"] and m["split"] == "test"]
    return Reached(float(found[0]["value"]), int(record["run"]["model"]["parameters"]), seconds)


def spent() -> float:
    """Processor seconds of the processes that have ended, which neighbours on the machine disturb less than a clock."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def line(name: str, reached: list[Reached]) -> tuple[str, bool]:
    """A row of the table, and whether the goal is met."""
    goal = GOALS.get(name) or GOALS[name.partition("_")[0]]
    accuracies = [one.accuracy for one in reached]
    held = accuracies[0] >= goal and mean(accuracies) >= goal
    spread = f" ± {stdev(accuracies):.2%}" if len(accuracies) > 1 else ""
    cells = [f"[`{name}`]({name}.yaml)", f"{reached[0].parameters:,}", f"{accuracies[0]:.2%}"]
    cells += [f"{mean(accuracies):.2%}{spread}", f"{goal:.1%}", f"{median(one.seconds for one in reached):.0f}"]
    return f"| {' | '.join([*cells, 'yes' if held else 'NO'])} |", held


def written(lines: dict[str, str], said: str) -> str:
    """The page with these lines in place of those of the same configurations."""
    page = PAGE.read_text(encoding="utf-8")
    start, end = page.index(BEGIN) + len(BEGIN), page.index(END)
    known = {found[1]: found[0] for found in re.finditer(r"^\| \[`(\w+)`\].*$", page[start:end], re.MULTILINE)}
    table = "\n".join([HEAD, "|---|---:|---:|---:|---:|---:|---|", *(v for _, v in sorted({**known, **lines}.items()))])
    return f"{page[:start]}\n{table}\n\n{said}\n{page[end:]}"


def main() -> int:
    """Run, print a table, and say by the exit code whether every goal is met."""
    # Language models have no accuracy.
    names = sorted(p.stem for p in EXAMPLES.glob("*.yaml") if "performance" in p.read_text(encoding="utf-8"))
    parser = argparse.ArgumentParser(description="Accuracy and seconds of the catalogue's models.")
    parser.add_argument("--only", nargs="+", choices=names, default=names, help="configurations (all)")
    parser.add_argument("--seeds", nargs="+", type=int, default=[42, 43, 44], help="of training (42 43 44)")
    parser.add_argument("--threads", type=int, default=1, help="of torch (1)")
    parser.add_argument("--write", action="store_true", help="put the table into examples/catalogue/README.md")
    options = parser.parse_args()
    lines, held = {}, []
    for name in options.only:
        reached = [run(EXAMPLES / f"{name}.yaml", seed, options.threads) for seed in options.seeds]
        lines[name], met = line(name, reached)
        held.append(met)
        print(lines[name], flush=True)
    said = f"Seeds {', '.join(map(str, options.seeds))}; torch on {options.threads} thread(s); {facts('torch')}."
    print(said)
    if options.write:
        PAGE.write_text(written(lines, said), encoding="utf-8")
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
