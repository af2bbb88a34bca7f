"""A generative adversarial network."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from glasshouse import Target, UserError
from pytorch_lightning import LightningModule
from torch import Tensor, nn

from glasshouse_plugins.models.autoencoder import check_coders, halved


class GAN(LightningModule):
    """A generator of pictures, and a discriminator that learns to tell them from real ones while the first learns to
    deceive it.

    Input (n, channels, height, width) in [0, 1]; labels are not looked at. Output (n, 1): realness, the discriminator's
    log-odds that a picture is real, any number. The loss of a row is its cross-entropy of calling it real, in nats.

    A LightningModule of its own, because two networks learn in turn, each with its optimizer: leave `optimizer:` out.
    No loss tells which epoch was best, so the last one is kept.

    Source: Goodfellow et al., "Generative adversarial nets", NIPS 2014, with the generator's loss of section 3 that
    does not saturate; networks and optimizers after Radford, Metz and Chintala, "Unsupervised representation learning
    with deep convolutional generative adversarial networks", ICLR 2016, section 3, but pixels are enlarged by
    repetition, and the discriminator has dropout in place of batch norm, without which their narrow start (0.02) would
    leave it behind: weights start as torch's. The default has 130,050 weights for 28 x 28 grey pixels.

    Args:
        input_shape: channels, height and width; filled from the data.
        code: random numbers that a picture is made from.
        channels: maps of the discriminator after each halving; the generator has them in reverse.
        lr: of both optimizers (Adam with a momentum of 0.5).
        dropout: share of the discriminator's maps that are silenced while training, in [0, 1).

    Raises:
        UserError: for another input than pictures, numbers below one, more halvings than the picture bears, a rate that
            is not above 0, or a dropout outside [0, 1).
    """

    predicts = Target(name="realness", kind="regression", observed=False)

    def __init__(
        self,
        input_shape: Sequence[int],
        code: int = 64,
        channels: Sequence[int] = (16, 32),
        lr: float = 0.0005,
        dropout: float = 0.25,
    ) -> None:
        super().__init__()
        _check(input_shape, code, channels, lr, dropout)
        self.automatic_optimization = False
        self.code = code
        self.lr = lr
        self.generator = _generator(input_shape, code, channels)
        self.discriminator = _discriminator(input_shape, channels, dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, height, width) to (n, 1)."""
        return self.discriminator(x)  # type: ignore[no-any-return]

    def loss_per_row(self, x: Tensor) -> Tensor:
        """(n,) cross-entropy of calling each picture real, in nats."""
        return F.softplus(-self(x))[:, 0]

    def generate(self, count: int, *, seed: int) -> Tensor:
        """(count, channels, height, width) pictures in [0, 1]."""
        codes = torch.randn(count, self.code, generator=torch.Generator().manual_seed(seed))
        return self.generator(codes.to(self.device))  # type: ignore[no-any-return]

    def training_step(self, batch: Any, batch_idx: int) -> None:
        """One step of the discriminator, then one of the generator."""
        generator_steps, discriminator_steps = self.optimizers()  # type: ignore[attr-defined]
        real = batch[0]
        made = self.generator(torch.randn(len(real), self.code, device=self.device))

        told_apart = F.softplus(-self(real)).mean() + F.softplus(self(made.detach())).mean()
        discriminator_steps.zero_grad()
        self.manual_backward(told_apart)
        discriminator_steps.step()

        deceived = F.softplus(-self(made)).mean()
        generator_steps.zero_grad()
        self.manual_backward(deceived)
        generator_steps.step()
        losses = {"discriminator_loss": told_apart.detach(), "generator_loss": deceived.detach()}
        self.log_dict(losses, on_step=False, on_epoch=True, batch_size=len(real))

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Mean realness of held-out pictures."""
        self.log("validate_realness", self(batch[0]).mean(), batch_size=len(batch[0]))

    def test_step(self, batch: Any, batch_idx: int) -> None:
        """Mean realness of held-out pictures."""
        self.log("test_realness", self(batch[0]).mean(), batch_size=len(batch[0]))

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """Adam for each of the two networks, the generator's first."""
        return [
            torch.optim.Adam(network.parameters(), lr=self.lr, betas=(0.5, 0.999))
            for network in (self.generator, self.discriminator)
        ]


def _generator(shape: Sequence[int], code: int, channels: Sequence[int]) -> nn.Sequential:
    """From (n, code) to (n, *shape) in [0, 1]: batch norm, ReLU, enlarge, convolve, as often as sides are doubled."""
    *larger, (height, across) = halved(shape, len(channels))
    maps = [*reversed(channels), shape[0]]
    layers: list[nn.Module] = [nn.Linear(code, maps[0] * height * across), nn.Unflatten(1, (maps[0], height, across))]
    for (entering, leaving), size in zip(pairwise(maps), reversed(larger), strict=True):
        layers += [nn.BatchNorm2d(entering), nn.ReLU()]
        layers += [nn.Upsample(size=size), nn.Conv2d(entering, leaving, 5, padding=2)]
    return nn.Sequential(*layers, nn.Sigmoid())


def _discriminator(shape: Sequence[int], channels: Sequence[int], dropout: float) -> nn.Sequential:
    """From (n, *shape) to (n, 1): convolutions of stride 2 with leaky ReLU."""
    layers: list[nn.Module] = []
    entering = shape[0]
    for leaving in channels:
        layers += [nn.Conv2d(entering, leaving, 5, stride=2, padding=2), nn.LeakyReLU(0.2), nn.Dropout2d(dropout)]
        entering = leaving
    height, across = halved(shape, len(channels))[-1]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(entering * height * across, 1))


def _check(shape: Sequence[int], code: int, channels: Sequence[int], lr: float, dropout: float) -> None:
    if len(shape) != 3:
        raise UserError(
            "model 'gan'",
            f"input_shape is {list(shape)}; expected [channels, height, width].",
            "Choose data of pictures, e.g. `data: mnist`.",
        )
    check_coders("gan", shape, code, channels)
    if not lr > 0:
        raise UserError("model 'gan'", f"lr is {lr}; expected a number above 0.")
    if not 0 <= dropout < 1:
        raise UserError("model 'gan'", f"dropout is {dropout}; expected 0 <= dropout < 1.")
