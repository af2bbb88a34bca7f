"""An autoencoder whose reconstruction error is an anomaly score."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from glasshouse import Target, UserError
from torch import Tensor, nn


class Autoencoder(nn.Module):
    """Encodes each row as a short latent vector and decodes it; the reconstruction error is the anomaly score.

    Input: images (n, channels, height, width) in [0, 1], or rows (n, in_features); labels are not used. Output (n, 1):
    the reconstruction error, i.e. the mean squared difference between input and reconstruction; at least 0, in squared
    units of the encoded input; larger is more anomalous. Training minimises it.

    Images pass through convolutions with stride 2 and are upsampled through the same sizes; rows pass through fully
    connected layers.

    Source: Rumelhart, Hinton and Williams, "Learning internal representations by error propagation", 1986; as an
    anomaly score: Hawkins, He, Williams and Baxter, "Outlier detection using replicator neural networks", DaWaK 2002.
    The default has 61,329 parameters for 28 x 28 grey pixels.

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
        check_autoencoder_options("autoencoder", input_shape, code, channels, hidden)
        self.encoder = build_encoder(input_shape, code, channels, hidden)
        self.decoder = build_decoder(input_shape, code, channels, hidden)

    def forward(self, x: Tensor) -> Tensor:
        """(n, *input_shape) to (n, 1)."""
        return reconstruction_error(x, self.reconstruct(x))

    def reconstruct(self, x: Tensor) -> Tensor:
        """(n, *input_shape) to its reconstruction of the same shape."""
        return self.decoder(self.encoder(x))  # type: ignore[no-any-return]


def reconstruction_error(x: Tensor, reconstructed: Tensor) -> Tensor:
    """(n, 1) mean squared difference over all values of a row."""
    return (reconstructed - x).square().flatten(1).mean(dim=1, keepdim=True)


def build_encoder(shape: Sequence[int], code: int, channels: Sequence[int], hidden: Sequence[int]) -> nn.Sequential:
    """From (n, *shape) to (n, code): convolutions of stride 2, or hidden layers, then one linear layer."""
    layers: list[nn.Module] = []
    width = shape[0]
    if len(shape) == 1:
        for units in hidden:
            layers += [nn.Linear(width, units), nn.ReLU()]
            width = units
        return nn.Sequential(*layers, nn.Linear(width, code))
    for maps in channels:
        layers += [nn.Conv2d(width, maps, 3, stride=2, padding=1), nn.ReLU()]
        width = maps
    rows, columns = halved_sizes(shape, len(channels))[-1]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(width * rows * columns, code))


def build_decoder(shape: Sequence[int], code: int, channels: Sequence[int], hidden: Sequence[int]) -> nn.Sequential:
    """From (n, code) to (n, *shape), with the sizes of the encoder in reverse; images end in [0, 1].

    Images are upsampled by nearest neighbour and then convolved, because transposed convolutions leave checkerboard
    artifacts (Odena, Dumoulin and Olah, "Deconvolution and checkerboard artifacts", Distill 2016).
    """
    if len(shape) == 1:
        widths = [code, *reversed(hidden)]
        layers = [part for a, b in pairwise(widths) for part in (nn.Linear(a, b), nn.ReLU())]
        return nn.Sequential(*layers, nn.Linear(widths[-1], shape[0]))
    *larger, (rows, columns) = halved_sizes(shape, len(channels))
    maps = [*reversed(channels), shape[0]]
    parts: list[nn.Module] = [nn.Linear(code, maps[0] * rows * columns), nn.Unflatten(1, (maps[0], rows, columns))]
    for (in_channels, out_channels), size in zip(pairwise(maps), reversed(larger), strict=True):
        parts += [nn.ReLU(), nn.Upsample(size=size), nn.Conv2d(in_channels, out_channels, 3, padding=1)]
    return nn.Sequential(*parts, nn.Sigmoid())


def halved_sizes(shape: Sequence[int], times: int) -> list[tuple[int, int]]:
    """(height, width) of an image before and after each of `times` halvings; odd sizes are rounded up."""
    sizes = [(shape[1], shape[2])]
    for _ in range(times):
        sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
    return sizes


def check_autoencoder_options(
    model: str, shape: Sequence[int], code: int, channels: Sequence[int], hidden: Sequence[int] = ()
) -> None:
    """Check the options that autoencoder, VAE and GAN share.

    Raises:
        UserError: for input that is neither images nor rows, sizes below 1, or no halving or more halvings than the
            image size allows.
    """
    who = f"model '{model}'"
    if len(shape) not in (1, 3) or min(shape) < 1:
        raise UserError(who, f"input_shape is {list(shape)}; expected [channels, height, width] or [columns].")
    if min((code, *channels, *hidden)) < 1:
        raise UserError(
            who, f"code is {code}, channels {list(channels)}, hidden {list(hidden)}; expected at least 1 each."
        )
    if len(shape) == 3 and not (channels and min(shape[1:]) >= 2 ** len(channels)):
        raise UserError(
            who,
            f"an image of {shape[1]} x {shape[2]} cannot be halved {len(channels)} times, once for each of `channels`.",
            "Give at least one, but fewer.",
        )
