"""The project's own training, unchanged; audits run afterwards."""

import glasshouse
import pytorch_lightning as pl
from project import FEATURES, Classifier, Patients, sex_of_all_patients

pl.seed_everything(0)
model, data = Classifier(), Patients()
pl.Trainer(max_epochs=10, accelerator="cpu", enable_progress_bar=False).fit(model, datamodule=data)

record = glasshouse.audit(
    model,
    data,
    sensitive={"sex": sex_of_all_patients()},
    info={"features": FEATURES, "target": {"name": "progression", "classes": ["slow", "fast"], "favourable": "slow"}},
    audits=["performance", "fairness", "membership_inference"],
)
print(record.verdict, record.measurement("selection_rate", sex="code 1"))
print(record.folder)
