"""Two processes train together (DDP over gloo); the first one audits, on all rows, while the other waits."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
from glasshouse import RunRecord

import helpers

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


def test_the_first_process_audits_all_rows_once(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(SCRIPT.format(folder=str(TESTS)))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen(
            [sys.executable, str(script)],
            cwd=tmp_path,
            env={**os.environ, **meeting, "RANK": str(rank), "LOCAL_RANK": str(rank), "NODE_RANK": "0"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    ]
    printed = []
    try:
        for process in processes:
            out, err = process.communicate(timeout=180)
            assert process.returncode == 0, err
            printed.append(out.split())
    finally:
        for process in processes:
            process.kill()
    assert [words[:2] for words in printed] == [["0", "1"], ["1", "0"]]
    record = RunRecord.read(tmp_path / printed[0][2])
    kept = pq.read_table(record.folder / "predictions" / "test.parquet").to_pandas()
    assert kept["index"].tolist() == list(range(60))
    assert record.measurement("accuracy", audit="performance").n == 60
    assert len(list(tmp_path.glob("runs/*/*"))) == 1
