"""Without Lightning: a network, loaders and a training loop in plain PyTorch."""

import glasshouse
import torch
import torch.nn.functional as F
from project import FEATURES, Patients, sex_of_all_patients
from torch import nn

torch.manual_seed(0)
data = Patients()
data.setup("fit")
loaders = {"train": data.train_dataloader(), "validate": data.val_dataloader(), "test": data.test_dataloader()}
network = nn.Sequential(nn.Linear(len(FEATURES), 16), nn.ReLU(), nn.Linear(16, 2))
optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
for _epoch in range(10):
    for x, y in loaders["train"]:
        optimizer.zero_grad()
        F.cross_entropy(network(x), y).backward()
        optimizer.step()

record = glasshouse.audit(
    network,
    loaders,
    name="patients",
    sensitive={"sex": sex_of_all_patients()},
    info={"features": FEATURES, "target": {"name": "progression", "classes": ["slow", "fast"], "favourable": "slow"}},
    audits=["performance", "fairness", "membership_inference"],
)
print(record.verdict, record.measurement("selection_rate", sex="code 1"))
print(record.folder)
