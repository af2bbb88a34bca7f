"""Whole commands from start to end: alone, next to busy processes, and on large input.

    python benchmarks/whole_run.py adult --against PYTHON      five audits on Adult, in turn with another version
    python benchmarks/whole_run.py busy [--busy 2]             the same run alone and next to busy processes
    python benchmarks/whole_run.py start                       to the first training step, and a bare LightningCLI
    python benchmarks/whole_run.py record [--megabytes 150]    check and report on a large record
    python benchmarks/whole_run.py groups [--groups 5000]      an attribute of many groups
    python benchmarks/whole_run.py wide [--features 2000]      all audits on many features
    python benchmarks/whole_run.py parquet [--rows 20000000]   predictions in Parquet, and DuckDB's group-by

The data of Adult are looked for as `examples/adult/README.md` says. Busy processes are ended by their ids, and end
themselves after 300 s. Exit code 1 where a goal is missed. Processor time is user and system time of the command.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from machine import facts

REPOSITORY = Path(__file__).resolve().parent.parent
ADULT = REPOSITORY / "examples" / "adult" / "run.yaml"

BUSY = """
import time
end = time.monotonic() + 300
while time.monotonic() < end:
    pass
"""

BARE = """
import torch
from pytorch_lightning import LightningModule
from pytorch_lightning.cli import LightningCLI
from torch.nn.functional import cross_entropy

from glasshouse_plugins.data.adult import Adult
from glasshouse_plugins.models.mlp import MLP


class Model(LightningModule):
    def __init__(self, in_features: int, num_classes: int, cardinalities: list[int]):
        super().__init__()
        self.network = MLP(in_features, num_classes, cardinalities, hidden=(64,), dropout=0.1)

    def training_step(self, batch, number):
        return cross_entropy(self.network(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=0.002)


if __name__ == "__main__":
    LightningCLI(Model, Adult, save_config_callback=None)
"""


@dataclass(frozen=True)
class Cost:
    """Seconds by the clock, seconds of the processor, and the largest memory in MiB."""

    clock: float
    processor: float
    memory: float
    last_line: str


def run(*command: object, threads: str | None = "1", codes: tuple[int, ...] = (0,)) -> Cost:
    """Run a command to its end; a user's installation has bytecode, so it is written."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    environment.pop("OMP_NUM_THREADS", None)
    if threads is not None:
        environment["OMP_NUM_THREADS"] = threads
    begun = time.perf_counter()
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen([str(word) for word in command], stdout=output, stderr=errors, env=environment)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        clock = time.perf_counter() - begun
        if process.returncode not in codes:
            errors.seek(0)
            sys.exit(f"{command} ended with {process.returncode}:\n{errors.read()}")
        output.seek(0)
        lines = output.read().splitlines()
    return Cost(clock, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, lines[-1] if lines else "")


@contextmanager
def busy(count: int) -> Iterator[None]:
    """So many processes that compute all the time, ended by their ids."""
    processes = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def glasshouse(*words: object, python: str = sys.executable) -> list[object]:
    """A command line of glasshouse."""
    return [python, "-m", "glasshouse", *words]


def adult(options: argparse.Namespace, folder: Path) -> bool:
    """Both versions in turn, each after one run that does not count."""
    words = ("run", "--config", ADULT, "--run_dir", folder)
    pythons = {"other": options.against, "this": sys.executable}
    for python in pythons.values():
        run(*glasshouse(*words, "--trainer.max_epochs=1", python=python))
    costs: dict[str, list[Cost]] = {name: [] for name in pythons}
    for _ in range(options.repeats):
        for name, python in pythons.items():
            costs[name].append(run(*glasshouse(*words, python=python)))
    for name, measured in costs.items():
        print(f"{name}: {show(measured)}")
    ratio = median(c.processor for c in costs["other"]) / median(c.processor for c in costs["this"])
    return goal(f"{ratio:.2f} times faster", ratio >= 1.3, "at least 1.3")


def beside(options: argparse.Namespace, folder: Path) -> bool:
    """The same run on the default threads, alone and next to busy processes, in turn."""
    words = glasshouse("run", "--config", ADULT, "--run_dir", folder)
    run(*words, "--trainer.max_epochs=1", threads=None)
    alone, crowded = [], []
    for _ in range(options.repeats):
        alone.append(run(*words, threads=None))
        with busy(options.busy):
            crowded.append(run(*words, threads=None))
    print(f"alone: {show(alone)}")
    print(f"next to {options.busy} busy processes: {show(crowded)}")
    ratio = median(c.clock for c in crowded) / median(c.clock for c in alone)
    return goal(f"{ratio:.2f} times the time alone", ratio <= 1.8, "at most 1.8")


def start(options: argparse.Namespace, folder: Path) -> bool:
    """One training step of the same network on the same data: `glasshouse fit`, and a LightningCLI script."""
    script = folder / "bare.py"
    script.write_text(BARE, encoding="utf-8")
    steps = ["--trainer.max_steps=1", "--trainer.limit_val_batches=0", "--trainer.logger=false"]
    steps += ["--trainer.enable_checkpointing=false", "--trainer.enable_progress_bar=false"]
    ours = glasshouse("fit", "--config", ADULT, "--run_dir", folder, *steps)
    saved = json.loads(run(sys.executable, "-c", _SIZES).last_line)
    sizes = [f"--model.{name}={value}" for name, value in saved.items()]
    bare = [sys.executable, script, "fit", *steps, *sizes, "--trainer.enable_model_summary=false"]
    bare += ["--data.batch_size=256"]
    costs: dict[str, list[Cost]] = {"bare": [], "glasshouse": []}
    for number in range(options.repeats + 1):
        for name, command in (("bare", bare), ("glasshouse", ours)):
            cost = run(*command)
            costs[name] += [cost] if number else []
    for name, measured in costs.items():
        print(f"{name}: {show(measured)}")
    ratio = median(c.processor for c in costs["glasshouse"]) / median(c.processor for c in costs["bare"])
    return goal(f"{ratio:.2f} times the bare script", ratio <= 1.05, "at most 1.05")


_SIZES = """
import json
from glasshouse_plugins.data.adult import Adult
module = Adult()
module.prepare_data(), module.setup("fit")
print(json.dumps({name: module.info.sizes[name] for name in ("in_features", "num_classes", "cardinalities")}))
"""


def record(options: argparse.Namespace, folder: Path) -> bool:
    """The record of a run of Adult, its audits repeated under other names up to the size."""
    made = Path(run(*glasshouse("run", "--config", ADULT, "--run_dir", folder, "--trainer.max_epochs=1")).last_line)
    large = folder / "large"
    large.mkdir()
    run(sys.executable, "-c", _ENLARGE, made / "record.json", large / "record.json", options.megabytes * 10**6)
    print(f"record.json: {(large / 'record.json').stat().st_size / 1e6:.0f} MB")
    met = True
    for command, seconds in (("check", 5), ("report", 15)):
        cost = run(*glasshouse(command, large), codes=(0, 1))
        print(f"{command}: {show([cost])}")
        met &= goal(command, cost.clock <= seconds and cost.memory <= 1024, f"at most {seconds} s and 1 GiB")
    return met


_ENLARGE = """
import json, sys
from dataclasses import replace
from pathlib import Path
from glasshouse.record.record import build_record, read_record
source, target, size = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
one = read_record(source)
audits = list(one.audits)
times = size // len(json.dumps(one.to_dict(), indent=1, ensure_ascii=False))
audits += [replace(audit, name=f"{audit.name}_{k}") for k in range(1, times) for audit in one.audits]
values = build_record(one.run, audits, one.findings).to_dict()
target.write_text(json.dumps(values, indent=1, ensure_ascii=False), encoding="utf-8")
"""


def groups(options: argparse.Namespace, folder: Path) -> bool:
    """Predictions of random rows in many groups."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(0)
    score, group = rng.random(options.rows), rng.integers(0, options.groups, options.rows)
    truth = (rng.random(options.rows) < 0.2 + 0.6 * score).astype(int)
    names = [f"z{number:05d}" for number in group]
    table = pa.table({"y": truth, "p": (score > 0.5).astype(int), "s": score, "zip": names})
    pq.write_table(table, folder / "p.parquet")
    cost = run(*_audit(folder, "--sensitive", "zip"))
    page = (Path(cost.last_line) / "report.html").stat().st_size / 1e6
    print(f"{options.groups:,} groups on {options.rows:,} rows: {show([cost])}, page {page:.2f} MB")
    return goal("many groups", cost.processor <= 20 and page <= 3, "at most 20 s and 3 MB")


def _audit(folder: Path, *words: object) -> list[object]:
    roles = ["--target", "y", "--prediction", "p", "--score", "s", "--favourable", "1"]
    return glasshouse("audit", "--predictions", folder / "p.parquet", *roles, *words, "--out", folder / "runs")


def wide(options: argparse.Namespace, folder: Path) -> bool:
    """All audits on a table of many numeric features."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.csv

    rng = np.random.default_rng(0)
    x = rng.normal(size=(options.rows, options.features)).astype(np.float32)
    label = np.where(x[:, 0] + x[:, 1] * x[:, 2] + rng.normal(size=options.rows) > 0, "yes", "no")
    columns = {"label": label, "group": rng.choice(["a", "b", "c"], options.rows)}
    columns |= {f"f{number}": column for number, column in enumerate(x.T)}
    pa.csv.write_csv(pa.table(columns), folder / "wide.csv")
    config = folder / "run.yaml"
    config.write_text(
        f"name: wide\ntrainer: {{max_epochs: 2}}\nmodel: mlp\noptimizer: adamw\n"
        f"data: {{class_path: table, init_args: {{path: {folder / 'wide.csv'}, target: label, sensitive: [group]}}}}\n",
        encoding="utf-8",
    )
    cost = run(*glasshouse("run", "--config", config, "--run_dir", folder))
    audits = json.loads((Path(cost.last_line) / "record.json").read_text("utf-8"))["audits"]
    print(f"{options.features:,} features x {options.rows:,} rows: {show([cost])}")
    print(", ".join(f"{a['name']} {a['seconds']:.1f} s" for a in audits if a["status"] == "completed"))
    return goal("wide input", cost.processor <= 120, "at most 120 s")


def parquet(options: argparse.Namespace, folder: Path) -> bool:
    """Predictions of many rows in Parquet, and DuckDB's group-by of the same columns."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng, step = np.random.default_rng(0), 1_000_000
    writer = None
    for begin in range(0, options.rows, step):
        size = min(step, options.rows - begin)
        columns = {"y": rng.integers(0, 2, size), "p": rng.integers(0, 2, size)}
        columns |= {name: pa.array(rng.integers(0, k, size)).cast(pa.string()) for name, k in (("a", 5), ("b", 2))}
        table = pa.table(columns)
        writer = writer or pq.ParquetWriter(folder / "p.parquet", table.schema)
        writer.write_table(table)
    assert writer is not None
    writer.close()
    roles = ["--target", "y", "--prediction", "p", "--favourable", "1", "--sensitive", "a", "--sensitive", "b"]
    command = glasshouse("audit", "--predictions", folder / "p.parquet", *roles, "--out", folder / "runs")
    query = f"select a, b, y, p, count(*) from '{folder / 'p.parquet'}' group by all"
    bare = [sys.executable, "-c", f"import duckdb; print(len(duckdb.sql({query!r}).fetchall()))"]
    ours, theirs = [], []
    for _ in range(options.repeats):
        ours.append(run(*command, threads=None))
        theirs.append(run(*bare, threads=None))
    print(f"glasshouse audit, {options.rows:,} rows: {show(ours)}")
    print(f"DuckDB's group-by: {show(theirs)}")
    return goal("Parquet", median(c.clock for c in ours) <= 6 * options.rows / 20_000_000, "6 s for 20 million rows")


def show(costs: list[Cost]) -> str:
    """Medians of some costs."""
    clock, processor = median(c.clock for c in costs), median(c.processor for c in costs)
    return f"{clock:.1f} s by the clock, {processor:.1f} s of the processor, {max(c.memory for c in costs):.0f} MiB"


def goal(what: str, met: bool, text: str) -> bool:
    """Print whether a goal is met, and return it."""
    print(f"{what}: goal {text}: {'met' if met else 'MISSED'}", flush=True)
    return met


COMMANDS = {
    "adult": adult,
    "busy": beside,
    "start": start,
    "record": record,
    "groups": groups,
    "wide": wide,
    "parquet": parquet,
}


def main() -> int:
    """Measure one of `COMMANDS`; 1 where its goal is missed."""
    parser = argparse.ArgumentParser(description="Whole commands, alone, next to busy processes, and on large input.")
    parser.add_argument("what", choices=COMMANDS)
    parser.add_argument("--against", metavar="PYTHON", help="an interpreter with another version of glasshouse")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--busy", type=int, default=2, help="number of busy processes")
    parser.add_argument("--megabytes", type=int, default=150)
    parser.add_argument("--groups", type=int, default=5000)
    parser.add_argument("--features", type=int, default=2000)
    parser.add_argument("--rows", type=int, help="rows; the default is the one above")
    options = parser.parse_args()
    if options.what == "adult" and not options.against:
        parser.error("adult: expected --against PYTHON")
    if options.rows is None:
        options.rows = {"groups": 20_000, "wide": 5_000, "parquet": 20_000_000}.get(options.what, 0)
    with tempfile.TemporaryDirectory() as temporary:
        met = COMMANDS[options.what](options, Path(temporary))
    print(facts("torch", "pytorch-lightning"))
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
