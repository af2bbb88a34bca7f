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

from glasshouse_plugins.models.autoencoder import check_autoencoder_options, halved_sizes


class GAN(LightningModule):
    """A convolutional GAN: a generator of images, and a discriminator between real and generated images.

    Input: images (n, channels, height, width) in [0, 1]; labels are not used. Output (n, 1): realness, the
    discriminator's log-odds that an image is real, unbounded; larger is more real. The loss of an image is the
    cross-entropy of classifying it as real, in nats.

    A LightningModule that trains its two networks in turn, each with its own optimizer: leave `optimizer:` out. A GAN
    has no validation loss that shows the best epoch, so the last epoch is kept.

    Source: Goodfellow et al., "Generative adversarial nets", NIPS 2014, with the non-saturating generator loss of
    section 3. Networks and optimizers follow Radford, Metz and Chintala, "Unsupervised representation learning with
    deep convolutional generative adversarial networks", ICLR 2016, section 3, except that images are upsampled by
    nearest neighbour, and the discriminator has dropout instead of batch norm. Without batch norm the paper's initial
    deviation of 0.02 is too small, so torch's initialisation is used. The default has 130,050 parameters for 28 x 28
    grey pixels.

    Args:
        input_shape: [channels, height, width] of images; filled from the data.
        code: size of the generator's random input, at least 1.
        channels: feature maps of the discriminator after each convolution with stride 2, which halves height and
            width; the generator has them in reverse order.
        lr: learning rate of both Adam optimizers (beta1 = 0.5), above 0.
        dropout: dropout probability of the discriminator's feature maps, in [0, 1).

    Raises:
        UserError: for input that is not images, sizes below 1, more halvings than the image size allows, a learning
            rate that is not above 0, or a dropout outside [0, 1).
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
        """(n,) cross-entropy of classifying each image as real, in nats."""
        return F.softplus(-self(x))[:, 0]

    def generate(self, count: int, *, seed: int) -> Tensor:
        """(count, channels, height, width) images in [0, 1]."""
        codes = torch.randn(count, self.code, generator=torch.Generator().manual_seed(seed))
        return self.generator(codes.to(self.device))  # type: ignore[no-any-return]

    def training_step(self, batch: Any, batch_idx: int) -> None:
        """One step of the discriminator, then one of the generator."""
        generator_optimizer, discriminator_optimizer = self.optimizers()  # type: ignore[attr-defined]
        real = batch[0]
        generated = self.generator(torch.randn(len(real), self.code, device=self.device))

        # softplus(-z) is the cross-entropy of "real" at log-odds z, softplus(z) that of "generated".
        discriminator_loss = F.softplus(-self(real)).mean() + F.softplus(self(generated.detach())).mean()
        discriminator_optimizer.zero_grad()
        self.manual_backward(discriminator_loss)
        discriminator_optimizer.step()

        generator_loss = F.softplus(-self(generated)).mean()
        generator_optimizer.zero_grad()
        self.manual_backward(generator_loss)
        generator_optimizer.step()
        losses = {"discriminator_loss": discriminator_loss.detach(), "generator_loss": generator_loss.detach()}
        self.log_dict(losses, on_step=False, on_epoch=True, batch_size=len(real))

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Log the mean realness of validation images."""
        self.log("validate_realness", self(batch[0]).mean(), batch_size=len(batch[0]))

    def test_step(self, batch: Any, batch_idx: int) -> None:
        """Log the mean realness of test images."""
        self.log("test_realness", self(batch[0]).mean(), batch_size=len(batch[0]))

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """One Adam optimizer per network, the generator's first."""
        return [
            torch.optim.Adam(network.parameters(), lr=self.lr, betas=(0.5, 0.999))
            for network in (self.generator, self.discriminator)
        ]


def _generator(shape: Sequence[int], code: int, channels: Sequence[int]) -> nn.Sequential:
    """From (n, code) to (n, *shape) in [0, 1]: for each doubling of the size batch norm, ReLU, upsample, convolve."""
    *larger, (rows, columns) = halved_sizes(shape, len(channels))
    maps = [*reversed(channels), shape[0]]
    layers: list[nn.Module] = [nn.Linear(code, maps[0] * rows * columns), nn.Unflatten(1, (maps[0], rows, columns))]
    for (in_channels, out_channels), size in zip(pairwise(maps), reversed(larger), strict=True):
        layers += [nn.BatchNorm2d(in_channels), nn.ReLU()]
        layers += [nn.Upsample(size=size), nn.Conv2d(in_channels, out_channels, 5, padding=2)]
    return nn.Sequential(*layers, nn.Sigmoid())


def _discriminator(shape: Sequence[int], channels: Sequence[int], dropout: float) -> nn.Sequential:
    """From (n, *shape) to (n, 1): convolutions of stride 2 with leaky ReLU."""
    layers: list[nn.Module] = []
    width = shape[0]
    for maps in channels:
        layers += [nn.Conv2d(width, maps, 5, stride=2, padding=2), nn.LeakyReLU(0.2), nn.Dropout2d(dropout)]
        width = maps
    rows, columns = halved_sizes(shape, len(channels))[-1]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(width * rows * columns, 1))


def _check(shape: Sequence[int], code: int, channels: Sequence[int], lr: float, dropout: float) -> None:
    if len(shape) != 3:
        raise UserError(
            "model 'gan'",
            f"input_shape is {list(shape)}; expected [channels, height, width].",
            "Choose image data, e.g. `data: mnist`.",
        )
    check_autoencoder_options("gan", shape, code, channels)
    if not lr > 0:
        raise UserError("model 'gan'", f"lr is {lr}; expected a number above 0.")
    if not 0 <= dropout < 1:
        raise UserError("model 'gan'", f"dropout is {dropout}; expected 0 <= dropout < 1.")
