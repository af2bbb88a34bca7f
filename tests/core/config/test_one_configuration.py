"""One YAML serves every command, and what a run saves serves them again."""

from __future__ import annotations

import pytest

WORDS = ["run", "fit", "validate", "test", "predict"]

EVERY_KEY = {
    "name": "all",
    "seed_everything": 1,
    "trainer": {"max_epochs": 1, "accelerator": "cpu", "precision": "bf16-mixed", "limit_train_batches": 2},
    "lr_scheduler": "one_cycle",
    "evaluate_on": "validate",
    "sensitive": ["sex"],
    "audits": ["performance"],
    "techniques": ["early_stopping"],
    "policy": "default",
    "report": ["json"],
    "gate": False,
    "no_audits": False,
    "ckpt_path": None,
    "weights_only": True,
    "verbose": False,
    "return_predictions": True,
}


@pytest.mark.parametrize("word", WORDS)
def test_every_command_takes_the_same_file_and_ignores_the_keys_of_others(command, write_config, word):
    done = command(word, "--config", write_config(EVERY_KEY))
    assert done.folder.parent.name == "all"
    assert (done.folder / "report.json").exists() == (word == "run")
    for other in WORDS:  # what is saved is a configuration again
        again = command(other, "--config", str(done.folder / "config.yaml"), "--print_config").config
        assert again["model"]["init_args"]["in_features"] == 11
        assert again["trainer"]["precision"] == "bf16-mixed"


def test_keys_of_others_are_ignored_in_files_not_on_the_command_line(command, write_config):
    file = write_config(EVERY_KEY)
    assert "`--gate`: is no option of `glasshouse fit`." in command("fit", "--config", file, "--gate").refused()
    assert "`--verbose`: is no option" in command("run", "--config", file, "--verbose", "true").refused()


def test_a_run_repeats_itself_from_what_it_saved(command, write_config):
    first = command("run", "--config", write_config({"trainer": {"max_epochs": 1}})).folder
    second = command("run", "--config", str(first / "config.yaml")).folder
    assert first != second
    assert (first / "config.yaml").read_text() == (second / "config.yaml").read_text()
    assert (first / "metrics.csv").read_text() == (second / "metrics.csv").read_text()


def test_trainer_options_reach_the_trainer(command, write_config):
    run = command(
        *("fit", "--config", write_config({}), "--trainer.max_epochs", "3", "--trainer.logger=CSVLogger"),
        *("--trainer.logger.save_dir=elsewhere", "--trainer.logger.name=log"),
        *("--trainer.callbacks+=EarlyStopping", "--trainer.callbacks.monitor=validate_loss"),
        *("--trainer.callbacks.stopping_threshold=1000",),  # any loss is below: it stops after one epoch
    ).folder
    assert not (run / "metrics.csv").exists()
    lines = (run.parent.parent.parent / "elsewhere/log/version_0/metrics.csv").read_text().splitlines()
    header, epochs = lines[0].split(","), [line.split(",") for line in lines[1:]]
    assert {line[header.index("epoch")] for line in epochs} == {"0"}
