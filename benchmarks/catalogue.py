"""Accuracy of the catalogue's models: every configuration of examples/catalogue, trained and tested with three seeds.

    python benchmarks/catalogue.py [--only mnist_lenet sms_gru] [--seeds 42 43 44] [--threads 1] [--write]

Each run is the command that a user types, in its own process: ``glasshouse run --config ...``, with the audit
``performance`` only. Accuracy is read from the run's record, on the test split (2,000 images of MNIST, the published
test file of Adult, a fifth of the text messages), which is the same for every seed. Seconds are processor time of the
whole command. A goal is met if both the first seed and the mean of all reach it. The data are located as the examples
describe. ``--write`` puts the table into examples/catalogue/README.md and keeps the lines of configurations that were
not run. Exit code 1 if a goal is missed.
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
class RunResult:
    """The results of one run."""

    accuracy: float
    parameters: int
    seconds: float


def run(config: Path, seed: int, threads: int) -> RunResult:
    """Train and test once."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "glasshouse", "run", "--config", str(config), "--run_dir", folder]
        command += ["--seed_everything", str(seed), "--audits", "[performance]", "--report", "[json]"]
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        start = processor_seconds()
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        seconds = processor_seconds() - start
        if done.returncode:
            raise SystemExit(f"{config.name}: {done.stderr.strip()}")
        record = json.loads((Path(done.stdout.splitlines()[-1]) / "record.json").read_text(encoding="utf-8"))
    found = [m for m in record["performance"] if m["name"] == "accuracy" and not m["group"] and m["split"] == "test"]
    return RunResult(float(found[0]["value"]), int(record["run"]["model"]["parameters"]), seconds)


def processor_seconds() -> float:
    """Processor seconds of finished child processes, which depend less on the machine's load than wall time."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def line(name: str, results: list[RunResult]) -> tuple[str, bool]:
    """A row of the table, and whether the goal is met."""
    goal = GOALS.get(name) or GOALS[name.partition("_")[0]]
    accuracies = [one.accuracy for one in results]
    met = accuracies[0] >= goal and mean(accuracies) >= goal
    spread = f" ± {stdev(accuracies):.2%}" if len(accuracies) > 1 else ""
    cells = [f"[`{name}`]({name}.yaml)", f"{results[0].parameters:,}", f"{accuracies[0]:.2%}"]
    cells += [f"{mean(accuracies):.2%}{spread}", f"{goal:.1%}", f"{median(one.seconds for one in results):.0f}"]
    return f"| {' | '.join([*cells, 'yes' if met else 'NO'])} |", met


def updated_page(lines: dict[str, str], caption: str) -> str:
    """The page with these lines, which replace those of the same configurations."""
    page = PAGE.read_text(encoding="utf-8")
    start, end = page.index(BEGIN) + len(BEGIN), page.index(END)
    known = {found[1]: found[0] for found in re.finditer(r"^\| \[`(\w+)`\].*$", page[start:end], re.MULTILINE)}
    table = "\n".join([HEAD, "|---|---:|---:|---:|---:|---:|---|", *(v for _, v in sorted({**known, **lines}.items()))])
    return f"{page[:start]}\n{table}\n\n{caption}\n{page[end:]}"


def main() -> int:
    """Run, print a table, and return 0 if every goal is met, else 1."""
    # Language models have no accuracy.
    names = sorted(p.stem for p in EXAMPLES.glob("*.yaml") if "performance" in p.read_text(encoding="utf-8"))
    parser = argparse.ArgumentParser(description="Accuracy and seconds of the catalogue's models.")
    parser.add_argument("--only", nargs="+", choices=names, default=names, help="configurations (all)")
    parser.add_argument("--seeds", nargs="+", type=int, default=[42, 43, 44], help="of training (42 43 44)")
    parser.add_argument("--threads", type=int, default=1, help="of torch (1)")
    parser.add_argument("--write", action="store_true", help="put the table into examples/catalogue/README.md")
    options = parser.parse_args()
    lines, goals_met = {}, []
    for name in options.only:
        results = [run(EXAMPLES / f"{name}.yaml", seed, options.threads) for seed in options.seeds]
        lines[name], met = line(name, results)
        goals_met.append(met)
        print(lines[name], flush=True)
    caption = f"Seeds {', '.join(map(str, options.seeds))}; torch on {options.threads} thread(s); {facts('torch')}."
    print(caption)
    if options.write:
        PAGE.write_text(updated_page(lines, caption), encoding="utf-8")
    return 0 if all(goals_met) else 1


if __name__ == "__main__":
    sys.exit(main())
