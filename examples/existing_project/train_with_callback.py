"""The project's own training with one callback."""

import glasshouse
import pytorch_lightning as pl
from project import FEATURES, Classifier, Patients, sex_of_all_patients

pl.seed_everything(0)
audit = glasshouse.AuditCallback(
    sensitive={"sex": sex_of_all_patients()},
    info={"features": FEATURES, "target": {"name": "progression", "classes": ["slow", "fast"], "favourable": "slow"}},
    audits=["performance", "fairness", "membership_inference"],
)
trainer = pl.Trainer(max_epochs=10, accelerator="cpu", callbacks=[audit], enable_progress_bar=False)
trainer.fit(Classifier(), datamodule=Patients())

record = audit.record
print(record.verdict, record.measurement("selection_rate", sex="code 1"))
print(record.folder)
