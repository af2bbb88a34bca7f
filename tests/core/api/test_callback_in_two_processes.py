"""Two processes train together (DDP over gloo); the first one audits, on all rows, while the other waits."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
from glasshouse import RunRecord

import helpers
from helpers.forks import Forks
from helpers.ports import free_port

TESTS = Path(helpers.__file__).parents[1]
SCRIPT = """
import sys
sys.path.insert(0, {folder!r})
import glasshouse, torch
from helpers.their_project import Classifier, Project, people
from pytorch_lightning import Trainer

torch.manual_seed(0)
callback = glasshouse.AuditCallback(sensitive={{"sex": people()[2]}}, audits=["performance", "fairness"])
trainer = Trainer(
    max_epochs=1, accelerator="cpu", devices=2, strategy="ddp", logger=False, enable_checkpointing=False,
    enable_progress_bar=False, enable_model_summary=False, callbacks=[callback],
)
model, data = Classifier(), Project()
trainer.fit(model, datamodule=data)
trainer.test(model, datamodule=data, verbose=False)  # the processes still go in step
print(trainer.global_rank, len(callback.records), callback.record.folder if callback.record else None)
"""


def test_the_first_process_audits_all_rows_once(tmp_path: Path, forks: Forks) -> None:
    script = tmp_path / "train.py"
    script.write_text(SCRIPT.format(folder=str(TESTS)))
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "2"}
    processes = [
        forks.start(str(script), cwd=tmp_path, env={**meeting, "RANK": rank, "LOCAL_RANK": rank, "NODE_RANK": "0"})
        for rank in ("0", "1")
    ]
    printed = []
    for process in processes:
        done = process.wait()
        assert done.returncode == 0, done.stderr
        printed.append(done.stdout.split())
    assert [words[:2] for words in printed] == [["0", "1"], ["1", "0"]]
    record = RunRecord.read(tmp_path / printed[0][2])
    kept = pq.read_table(record.folder / "predictions" / "test.parquet").to_pandas()
    assert kept["index"].tolist() == list(range(60))
    assert record.measurement("accuracy", audit="performance").n == 60
    assert len(list(tmp_path.glob("runs/*/*"))) == 1
