"""autoencoder, vae and gan: arithmetic against NumPy and torch's distributions, what they learn, runs with audits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import glasshouse
import numpy as np
import pytest
import torch
from glasshouse import UserError
from glasshouse_plugins.models.autoencoder import Autoencoder, build_decoder, build_encoder
from glasshouse_plugins.models.gan import GAN
from glasshouse_plugins.models.vae import VAE, gaussian_kl_divergence
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.distributions import Bernoulli, Normal, kl_divergence


def weights(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize("build", [Autoencoder, VAE, GAN])
def test_docstrings_tell_the_default_size(build: Any) -> None:
    assert f"{weights(build([1, 28, 28])):,}" in " ".join((build.__doc__ or "").split())


@settings(max_examples=15, deadline=None)
@given(channels=st.integers(1, 3), height=st.integers(4, 33), width=st.integers(4, 33), halvings=st.integers(1, 2))
def test_pictures_of_any_size_come_back_in_theirs(channels: int, height: int, width: int, halvings: int) -> None:
    x = torch.rand(2, channels, height, width)
    maps = [3] * halvings
    for model in (Autoencoder(x.shape[1:], 2, maps), VAE(x.shape[1:], 2, maps), GAN(x.shape[1:], 2, maps)):
        assert model(x).shape == (2, 1)
        if not isinstance(model, Autoencoder):
            made = model.eval().generate(3, seed=0)
            assert made.shape == (3, channels, height, width)
            assert bool(((made >= 0) & (made <= 1)).all())


def test_tables_come_back_in_their_width() -> None:
    x = torch.randn(5, 7)
    assert Autoencoder([7]).reconstruct(x).shape == (5, 7)
    assert VAE([7]).generate(4, seed=1).shape == (4, 7)
    assert [m.out_features for m in build_encoder([7], 3, (), (5, 4)) if isinstance(m, nn.Linear)] == [5, 4, 3]
    assert [m.out_features for m in build_decoder([7], 3, (), (5, 4)) if isinstance(m, nn.Linear)] == [4, 5, 7]


@pytest.mark.parametrize("shape", [[6], [1, 8, 8]], ids=["table", "pictures"])
@pytest.mark.parametrize("build", [Autoencoder, VAE])
def test_the_score_is_the_mean_squared_difference(build: Any, shape: list[int]) -> None:
    torch.manual_seed(0)
    model = build(shape, 2).eval()
    x = torch.rand(5, *shape)
    again = model.reconstruct(x) if build is Autoencoder else model.decoder(model.encode(x)[0])
    expected = ((again - x).detach().numpy().reshape(5, -1).astype(np.float64) ** 2).mean(axis=1)
    np.testing.assert_allclose(model(x).detach().numpy()[:, 0], expected, rtol=1e-5)


# ------------------------------------------------------------ vae


def test_the_divergence_is_torchs() -> None:
    mean, log_variance = torch.randn(4, 3), torch.randn(4, 3)
    expected = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0)).sum(dim=1)
    torch.testing.assert_close(gaussian_kl_divergence(mean, log_variance), expected)


@pytest.mark.parametrize("shape", [[6], [1, 8, 8]], ids=["table", "pictures"])
def test_the_negative_log_likelihood_is_that_of_torchs_distributions(shape: list[int]) -> None:
    torch.manual_seed(0)
    model = VAE(shape, 2)
    x = torch.bernoulli(torch.full((5, *shape), 0.5))
    decoded = torch.rand(5, *shape) * 0.9 + 0.05
    if len(shape) == 3:
        expected = -Bernoulli(probs=decoded).log_prob(x).flatten(1).sum(dim=1)
    else:  # without its constant
        constant = shape[0] * np.log(2 * np.pi) / 2
        expected = -Normal(decoded, 1.0).log_prob(x).sum(dim=1) - constant
    torch.testing.assert_close(model.negative_log_likelihood(x, decoded), expected)


def test_training_draws_codes_and_evaluation_takes_their_mean() -> None:
    torch.manual_seed(0)
    model = VAE([6], 2)
    x = torch.randn(4000, 6)[:1].repeat(4000, 1)
    assert model.loss_per_row(x).std() > 0
    drawn = model.loss_per_row(x).mean()
    model.eval()
    still = model.loss_per_row(x)
    assert (still == still[0]).all()
    mean, log_variance = model.encode(x[:1])
    # E over codes, by hand: many codes from the same distribution through the same decoder
    codes = mean + (log_variance / 2).exp() * torch.randn(4000, 2)
    expected = (
        model.negative_log_likelihood(x, model.decoder(codes)).mean() + gaussian_kl_divergence(mean, log_variance)[0]
    )
    assert float(drawn) == pytest.approx(float(expected), rel=0.02)


def test_a_seed_makes_the_same_rows_and_leaves_the_global_generator_alone() -> None:
    for model in (VAE([1, 8, 8], 2, (3,)), GAN([1, 8, 8], 2, (3,))):
        model.eval()
        before = torch.get_rng_state()
        first = model.generate(4, seed=5)
        assert torch.equal(torch.get_rng_state(), before)
        assert torch.equal(first, model.generate(4, seed=5))
        assert not torch.equal(first, model.generate(4, seed=6))


def test_an_autoencoder_and_a_vae_learn_a_line() -> None:
    """Rows on a line in six dimensions fit into one number; a row off the line does not come back."""
    torch.manual_seed(0)
    along = torch.linspace(-2, 2, 128)[:, None] * torch.tensor([[1.0, -1.0, 0.5, 2.0, 0.0, 1.0]])
    off = torch.tensor([[-1.0, 1.0, 2.0, 1.0, 3.0, 0.0]])
    for model in (Autoencoder([6], 1, hidden=(16,)), VAE([6], 1, hidden=(16,))):
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        for _ in range(300):
            loss = model.loss_per_row(along).mean() if isinstance(model, VAE) else model(along).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            assert model(along).mean() < 0.2
            assert model(off).item() > 5 * model(along).max().item()
            if isinstance(model, VAE):
                made = model.generate(200, seed=0)
                distance = made - (made @ along[-1])[:, None] * along[-1] / along[-1].square().sum()
                assert distance.square().mean() < 0.1 * made.square().mean()  # near the line


# ------------------------------------------------------------ gan


def test_a_gans_loss_is_the_cross_entropy_of_real() -> None:
    torch.manual_seed(0)
    model = GAN([1, 8, 8], 2, (3,)).eval()
    x = torch.rand(4, 1, 8, 8)
    expected = nn.functional.binary_cross_entropy_with_logits(model(x)[:, 0], torch.ones(4), reduction="none")
    torch.testing.assert_close(model.loss_per_row(x), expected)


# ------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Autoencoder([2, 3]), r"model 'autoencoder': input_shape is \[2, 3\]"),
        (lambda: Autoencoder([5], code=0), "code is 0"),
        (lambda: VAE([1, 3, 9]), "an image of 3 x 9 cannot be halved 2 times"),
        (lambda: VAE([1, 9, 9], channels=()), "cannot be halved 0 times"),
        (lambda: GAN([7]), r"model 'gan': input_shape is \[7\]; expected \[channels, height, width\]"),
        (lambda: GAN([1, 8, 8], lr=0.0), "lr is 0.0; expected a number above 0"),
        (lambda: GAN([1, 8, 8], dropout=1.0), "dropout is 1.0"),
    ],
)
def test_refusals(build: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        build()


# ------------------------------------------------------------ runs

BLOTS = """
import numpy as np
from glasshouse import DataPlugin, ImageDataModule, hookimpl
from glasshouse.datamodules.images import RawImages
from glasshouse.datamodules.tabular import RawTable, SensitiveColumn

class Blots(ImageDataModule):
    name = "blots"

    def load(self):
        rng = np.random.default_rng(0)
        side = rng.integers(0, 2, 200)
        pixels = rng.integers(0, 40, (200, 1, 8, 8), dtype=np.uint8)
        pixels[np.arange(200), 0, :, 3 * side + 1] = 220
        columns = {"side": np.array(["left", "right"])[side], "camera": np.array(["a", "b"])[rng.integers(0, 2, 200)]}
        sensitive = (SensitiveColumn(name="camera", column="camera"),)
        return RawImages(pixels=pixels, table=RawTable(columns=columns, target="side", sensitive=sensitive))

@hookimpl
def glasshouse_data():
    yield DataPlugin(name="blots", target="blots_plugin:Blots", summary="stripes", modalities=("image",))
"""

AUDITS = ["fairness", "membership_inference", {"name": "generated_samples", "samples": 30, "permutations": 99}]
AUDITS.append({"name": "memorisation", "samples": 30, "permutations": 99})


@pytest.fixture(scope="module")
def blots(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from glasshouse.plugins import Registry, set_registry

    file = tmp_path_factory.mktemp("plugin") / "blots_plugin.py"
    file.write_text(BLOTS)
    set_registry(Registry.from_environment(files=[file]))
    yield
    set_registry(None)


def run(model: str, folder: Path, **options: Any) -> Any:
    quiet = {"max_epochs": 2, "accelerator": "cpu", "enable_progress_bar": False}
    return glasshouse.run(model=model, run_dir=str(folder), trainer=quiet, audits=AUDITS, **options)


def test_a_gan_is_run_kept_rebuilt_and_audited(blots: None, tmp_path: Path) -> None:
    finished = run("gan", tmp_path, data={"class_path": "blots", "init_args": {"batch_size": 32}})
    assert {name: audit.status for name, audit in finished.audits.items()} == dict.fromkeys(
        ("fairness", "membership_inference", "generated_samples", "memorisation"), "completed"
    )
    checkpoint = torch.load(finished.folder / "checkpoints" / "last.ckpt", weights_only=True)
    assert len(checkpoint["optimizer_states"]) == 2
    assert finished.record.run["data"]["target"]["name"] == "realness"
    assert finished.measurement("mean_prediction", group={"side": "left"}).value is not None
    assert finished.measurement("mean_prediction", group={"camera": "a"}).value is not None

    from glasshouse.training.model_building import rebuild

    handle = rebuild(finished.folder)
    assert isinstance(handle.lightning_module, GAN)
    assert {"generate", "loss", "rebuild", "gradients"} <= handle.capabilities
    state = handle.lightning_module.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in checkpoint["state_dict"].items())
    copies = [handle.rebuild(seed=seed).lightning_module.state_dict()["discriminator.0.weight"] for seed in (1, 1, 2)]
    assert torch.equal(copies[0], copies[1])
    assert not torch.equal(copies[0], copies[2])

    from glasshouse.cli.commands.audit import main

    assert main([str(finished.folder), "--audits", "memorisation", "--force"]) == 0
    again = glasshouse.RunRecord.read(finished.folder)
    assert again.measurement("nearest_is_training_rate") == finished.measurement("nearest_is_training_rate")


def test_an_optimizer_for_a_gan_is_refused(blots: None, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="configures its own optimizers, which `optimizer:` would replace"):
        run("gan", tmp_path, data="blots", optimizer="adam")


@pytest.mark.parametrize("data", ["blots", "diabetes"])
@pytest.mark.parametrize("model", ["autoencoder", "vae"])
def test_reconstruction_errors_are_learned_and_audited_by_group(
    blots: None, tmp_path: Path, model: str, data: str
) -> None:
    finished = run(model, tmp_path, data=data, optimizer={"class_path": "adam", "init_args": {"lr": 0.005}})
    status = {name: audit.status for name, audit in finished.audits.items()}
    made = "completed" if model == "vae" else "skipped"
    assert status == {
        "fairness": "completed",
        "membership_inference": "completed",
        "generated_samples": made,
        "memorisation": made,
    }
    assert finished.verdict != "fail"
    group = {"camera": "a"} if data == "blots" else {"sex": "code 1"}
    found = finished.measurement("mean_prediction", group=group)
    assert found.value > 0
    assert found.low < found.value < found.high
