#!/usr/bin/env bash
# pytorch-lightning 2.6.6, torch 2.13.0 (PyPI), Python 3.11. Seen 2026-12-01.
#
# After trainer.fit(model, datamodule=dm), trainer.test(model, loader) leaves trainer.datamodule at dm, of which no row is
# tested, and sets trainer.train_dataloader to None, although the model was trained (attach_dataloaders and
# attach_datamodule in trainer/connectors/data_connector.py). A callback that reads the test rows from
# trainer.datamodule in on_test_end reads rows that were not tested; one that looks for training rows finds none.
#
# Seen:
#   in on_fit_end: trainer.datamodule is dm True, training loader there True
#   in on_test_end: trainer.datamodule is dm True, test loader is the given one True, training loader there False
#
# Instead: keep the loaders in on_fit_end, and read the tested rows from trainer.test_dataloaders.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 pytorch-lightning==2.6.6 numpy
cat > "$folder/case.py" <<'PYTHON'
import warnings

import torch
from pytorch_lightning import Callback, LightningDataModule, LightningModule, Trainer
from torch.utils.data import DataLoader, TensorDataset

warnings.simplefilter("ignore")
x = torch.randn(64, 3)


def loader(rows):
    return DataLoader(TensorDataset(rows, (rows[:, 0] > 0).long()), batch_size=16)


class Data(LightningDataModule):
    def train_dataloader(self):
        return loader(x)

    def test_dataloader(self):
        return loader(x)


class Net(LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(3, 2)

    def training_step(self, batch, batch_idx):
        return torch.nn.functional.cross_entropy(self.layer(batch[0]), batch[1])

    def test_step(self, batch, batch_idx):
        pass

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


dm, other, seen = Data(), loader(x - 5), {}


class Look(Callback):
    def on_fit_end(self, trainer, module):
        seen["fit"] = (trainer.datamodule is dm, trainer.train_dataloader is not None)

    def on_test_end(self, trainer, module):
        given = trainer.test_dataloaders is other
        seen["test"] = (trainer.datamodule is dm, given, trainer.train_dataloader is not None)


quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
trainer = Trainer(max_epochs=1, accelerator="cpu", callbacks=[Look()], **quiet)
net = Net()
trainer.fit(net, datamodule=dm)
trainer.test(net, other, verbose=False)
print(f"in on_fit_end: trainer.datamodule is dm {seen['fit'][0]}, training loader there {seen['fit'][1]}")
same, given, there = seen["test"]
print(f"in on_test_end: trainer.datamodule is dm {same}, test loader is the given one {given}, training loader there {there}")
assert seen == {"fit": (True, True), "test": (True, True, False)}, seen
PYTHON
OMP_NUM_THREADS=1 "$folder/venv/bin/python" "$folder/case.py" 2>/dev/null
