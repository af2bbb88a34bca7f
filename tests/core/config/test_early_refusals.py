"""Wrong names, options and plain types are refused before torch is imported, in a new process as a user meets it."""

from __future__ import annotations

from pathlib import Path

import pytest

HEAVY = {"torch", "pytorch_lightning", "jsonargparse", "pandas", "sklearn", "captum"}

CASES = [
    (["--model", "mpl"], "", "model 'mpl': is not known."),
    (["--model=mpl"], "", "model 'mpl': is not known."),
    (["--model.class_path", "mpl"], "", "model 'mpl': is not known."),
    (["--model", '{"class_path": "mpl"}'], "", "model 'mpl': is not known."),
    (["--model.help", "mpl"], "", "model 'mpl': is not known."),
    (["--lr_scheduler", "cosin"], "", "lr scheduler 'cosin': is not known."),
    (["--audits", "[performanse]"], "", "audit 'performanse': is not known."),
    (["--report", "pdf"], "", "report format 'pdf': is not known."),
    ([], "model: mpl", "model 'mpl': is not known."),
    ([], "data: {class_path: diabets}", "data 'diabets': is not known."),
    ([], "optimizer: adamx", "optimizer 'adamx': is not known."),
    ([], "audits: [{name: performanse}]", "audit 'performanse': is not known."),
    ([], "techniques: [early_stoping]", "technique 'early_stoping': is not known."),
    ([], "policy: strict", "policy 'strict': no such file, and no policy of that name."),
    ([], "trianer: {}", "`trianer` in run.yaml: is no key of a configuration."),
    ([], "model: {class_path: mlp, hidden: [3]}", "'hidden' is next to class_path"),
    ([], "model: [", "run.yaml: is not valid YAML"),
    (["--model", "mlp", "--model.hiden", "[3]"], "", "`--model.hiden`: MLP has no option 'hiden'."),
    (["--model", "mlp", "--model.hidden", "abc"], "", "`--model.hidden`: expected a list, received 'abc'."),
    (["--model", "mlp", "--model.hidden", "[3, x]"], "", "expected a whole number in the list, received 'x'."),
    (["--model", "mlp", "--data", "table"], "", "`--data`: Table needs path, target, not given."),
    (["--data", "diabetes"], "", "glasshouse run: model is missing."),
    (["--model", "mlp", "--trainer.max_epoch", "3"], "", "Did you mean '--trainer.max_epochs'?"),
    (["--model", "mlp", "--nope", "3"], "", "`--nope`: is no option of `glasshouse run`."),
    (["--model", "mlp", "--name"], "", "`--name`: expected a value after it."),
    ([], "{model: mlp, trainer: {max_epochs: many}}", "`trainer.max_epochs` in run.yaml: expected a whole number"),
    ([], "{model: mlp, data: {class_path: diabetes, init_args: {batch_size: x}}}", "expected a whole number"),
    ([], "{model: mlp, evaluate_on: tset}", "expected train, validate or test, received 'tset'."),
    ([], "{model: mlp, sensitive: sex}", "Write `sensitive: [sex]`."),
    ([], "{model: mlp, seed_everything: abc}", "expected true or false or a whole number"),
]


@pytest.mark.parametrize(("arguments", "text", "problem"), CASES)
def test_torch_is_not_imported_to_say_so(glasshouse, tmp_path, arguments, text, problem):
    (tmp_path / "here" / "run.yaml").write_text(text)
    files = ["--config", "run.yaml"] if text else []
    done = glasshouse("run", *files, *arguments, python=("-X", "importtime"))
    assert done.code == 2
    assert problem in done.err
    assert len(done.err.splitlines()) <= 2
    assert not HEAVY & done.imported
    assert [path.name for path in Path(tmp_path / "here").iterdir()] == ["run.yaml"]


def test_what_the_command_line_overrides_is_not_held_against_a_file(command, write_config):
    file = write_config({"audits": ["not_installed_here"], "report": ["not_either"]})
    argv = ("--config", file, "--audits", "performance", "--report", "json", "--print_config")
    assert command("run", *argv).config["audits"] == ["performance"]
