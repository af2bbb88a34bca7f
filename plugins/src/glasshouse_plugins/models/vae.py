"""A variational autoencoder."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from glasshouse import Target
from torch import Tensor, nn

from glasshouse_plugins.models.autoencoder import (
    build_decoder,
    build_encoder,
    check_autoencoder_options,
    reconstruction_error,
)


class VAE(nn.Module):
    """A variational autoencoder: the reconstruction error is an anomaly score, and the decoder generates new rows.

    Input: images (n, channels, height, width) in [0, 1], or rows (n, in_features); labels are not used. Output (n, 1):
    the reconstruction error from the latent mean, i.e. the mean squared difference between input and reconstruction;
    at least 0, in squared units of the encoded input; larger is more anomalous.

    Training minimises the negative evidence lower bound (ELBO) of each row in nats: the negative log-likelihood of the
    row given a sampled latent vector (pixels: Bernoulli; columns: normal with variance 1, without the constant term),
    plus the Kullback-Leibler divergence of the latent distribution from the standard normal. Evaluation uses the
    latent mean instead of a sample, so that the loss is deterministic; the expected loss is slightly higher.

    Source: Kingma and Welling, "Auto-encoding variational Bayes", ICLR 2014, equations 7 and 10 and appendix C. The
    default has 86,433 parameters for 28 x 28 grey pixels.

    Args:
        input_shape: [channels, height, width] of images or [columns] of encoded rows; filled from the data.
        code: size of the latent vector, at least 1.
        channels: for images: feature maps after each convolution with stride 2, which halves height and width.
        hidden: for rows: units of each hidden layer of the encoder; the decoder has the same in reverse order.

    Raises:
        UserError: for another input shape, sizes below 1, or more halvings than the image size allows.
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
        check_autoencoder_options("vae", input_shape, code, channels, hidden)
        self.code = code
        self.is_image = len(input_shape) == 3
        self.encoder = build_encoder(input_shape, 2 * code, channels, hidden)
        self.decoder = build_decoder(input_shape, code, channels, hidden)

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
        return self.negative_log_likelihood(x, self.decoder(code)) + gaussian_kl_divergence(mean, log_variance)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of each row's latent vector, (n, code) each."""
        mean, log_variance = self.encoder(x).chunk(2, dim=1)
        return mean, log_variance

    def negative_log_likelihood(self, x: Tensor, decoded: Tensor) -> Tensor:
        """(n,) negative log-likelihood of each row given its reconstruction, in nats."""
        if self.is_image:
            return F.binary_cross_entropy(decoded, x, reduction="none").flatten(1).sum(dim=1)
        return (decoded - x).square().sum(dim=1) / 2

    def generate(self, count: int, *, seed: int) -> Tensor:
        """(count, *input_shape) new rows, decoded from standard normal latent vectors, without pixel noise."""
        device = next(self.parameters()).device
        codes = torch.randn(count, self.code, generator=torch.Generator().manual_seed(seed))
        return self.decoder(codes.to(device))  # type: ignore[no-any-return]


def gaussian_kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """(n,) Kullback-Leibler divergence of independent normals from the standard normal, in nats (appendix B)."""
    return (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1) / 2
