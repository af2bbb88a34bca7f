"""A variational autoencoder."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from glasshouse import Target
from torch import Tensor, nn

from glasshouse_plugins.models.autoencoder import check_coders, decoder, encoder, reconstruction_error


class VAE(nn.Module):
    """Learns the distribution of its rows: a normal code, and what each code is decoded to; can draw new rows.

    Input (n, channels, height, width) in [0, 1], or (n, in_features); labels are not looked at. Output (n, 1): the
    reconstruction error from the code's mean, the mean squared difference over the input's numbers, at least 0, in
    squares of the encoded input's unit; the larger, the stranger the row.

    Training minimises the negative evidence lower bound of each row in nats: the surprise at the row given a code drawn
    for it (pixels: Bernoulli; columns: normal with variance 1, without its constant), and the Kullback-Leibler
    divergence of the code's distribution from the standard normal. In evaluation the code's mean is taken in place of a
    draw, so that a row's loss is no matter of chance; the bound's own mean is a little above it.

    Source: Kingma and Welling, "Auto-encoding variational Bayes", ICLR 2014, equations 7 and 10 and appendix C. The
    default has 86,433 weights for 28 x 28 grey pixels.

    Args:
        input_shape: channels, height and width, or encoded columns; filled from the data.
        code: numbers in the middle.
        channels: pictures: maps after each halving.
        hidden: tables: units of each layer on the way in; the way back has the same in reverse.

    Raises:
        UserError: for another input, numbers below one, or more halvings than the picture bears.
    """

    predicts = Target(name="reconstruction_error", kind="regression", observed=False)

    def __init__(
        self,
        input_shape: Sequence[int],
        code: int = 16,
        channels: Sequence[int] = (16, 32),
        hidden: Sequence[int] = (64, 32),
    ) -> None:
        super().__init__()
        check_coders("vae", input_shape, code, channels, hidden)
        self.code = code
        self.pictures = len(input_shape) == 3
        self.encoder = encoder(input_shape, 2 * code, channels, hidden)
        self.decoder = decoder(input_shape, code, channels, hidden)

    def forward(self, x: Tensor) -> Tensor:
        """(n, *input_shape) to (n, 1)."""
        mean, _ = self.encode(x)
        return reconstruction_error(x, self.decoder(mean))

    def loss_per_row(self, x: Tensor) -> Tensor:
        """(n,) negative evidence lower bound in nats."""
        mean, log_variance = self.encode(x)
        code = mean
        if self.training:
            code = mean + (log_variance / 2).exp() * torch.randn_like(mean)
        return self.surprise(x, self.decoder(code)) + divergence(mean, log_variance)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and logarithm of the variance of each row's code, (n, code) each."""
        mean, log_variance = self.encoder(x).chunk(2, dim=1)
        return mean, log_variance

    def surprise(self, x: Tensor, decoded: Tensor) -> Tensor:
        """(n,) negative logarithm of the likelihood of each row, in nats."""
        if self.pictures:
            return F.binary_cross_entropy(decoded, x, reduction="none").flatten(1).sum(dim=1)
        return (decoded - x).square().sum(dim=1) / 2

    def generate(self, count: int, *, seed: int) -> Tensor:
        """(count, *input_shape): what codes drawn from the standard normal are decoded to, without pixel noise."""
        device = next(self.parameters()).device
        codes = torch.randn(count, self.code, generator=torch.Generator().manual_seed(seed))
        return self.decoder(codes.to(device))  # type: ignore[no-any-return]


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """(n,) Kullback-Leibler divergence of independent normals from the standard normal, in nats; appendix B."""
    return (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1) / 2
