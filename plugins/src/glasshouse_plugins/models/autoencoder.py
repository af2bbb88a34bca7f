"""An autoencoder: what cannot be put together again is unlike what it was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from glasshouse import Target, UserError
from torch import Tensor, nn


class Autoencoder(nn.Module):
    """Squeezes each row through a few numbers and back; the score is what is lost on the way.

    Input (n, channels, height, width) in [0, 1], or (n, in_features); labels are not looked at. Output (n, 1): the
    reconstruction error, the mean squared difference between the input's numbers and those put together again, at
    least 0, in squares of the encoded input's unit; the larger, the stranger the row. Training minimises it.

    Pictures go through convolutions that halve their sides and back through the same sizes; tables through hidden
    layers and back.

    Source: Rumelhart, Hinton and Williams, "Learning internal representations by error propagation", 1986; as a measure
    of how unusual a row is: Hawkins, He, Williams and Baxter, "Outlier detection using replicator neural networks",
    DaWaK 2002. The default has 61,329 weights for 28 x 28 grey pixels.

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
        check_coders("autoencoder", input_shape, code, channels, hidden)
        self.encoder = encoder(input_shape, code, channels, hidden)
        self.decoder = decoder(input_shape, code, channels, hidden)

    def forward(self, x: Tensor) -> Tensor:
        """(n, *input_shape) to (n, 1)."""
        return reconstruction_error(x, self.reconstruct(x))

    def reconstruct(self, x: Tensor) -> Tensor:
        """(n, *input_shape) to what is put together again, of the same shape."""
        return self.decoder(self.encoder(x))  # type: ignore[no-any-return]


def reconstruction_error(x: Tensor, again: Tensor) -> Tensor:
    """(n, 1) mean squared difference over all numbers of a row."""
    return (again - x).square().flatten(1).mean(dim=1, keepdim=True)


def encoder(shape: Sequence[int], code: int, channels: Sequence[int], hidden: Sequence[int]) -> nn.Sequential:
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
    height, across = halved(shape, len(channels))[-1]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(width * height * across, code))


def decoder(shape: Sequence[int], code: int, channels: Sequence[int], hidden: Sequence[int]) -> nn.Sequential:
    """From (n, code) to (n, *shape), the sizes of the encoder in reverse; pictures end in [0, 1].

    Pictures are enlarged by repeating pixels and then convolved, which leaves no chequered pattern as transposed
    convolutions do (Odena, Dumoulin and Olah, "Deconvolution and checkerboard artifacts", Distill 2016).
    """
    if len(shape) == 1:
        widths = [code, *reversed(hidden)]
        layers = [part for a, b in pairwise(widths) for part in (nn.Linear(a, b), nn.ReLU())]
        return nn.Sequential(*layers, nn.Linear(widths[-1], shape[0]))
    *larger, (height, across) = halved(shape, len(channels))
    maps = [*reversed(channels), shape[0]]
    parts: list[nn.Module] = [nn.Linear(code, maps[0] * height * across), nn.Unflatten(1, (maps[0], height, across))]
    for (entering, leaving), size in zip(pairwise(maps), reversed(larger), strict=True):
        parts += [nn.ReLU(), nn.Upsample(size=size), nn.Conv2d(entering, leaving, 3, padding=1)]
    return nn.Sequential(*parts, nn.Sigmoid())


def halved(shape: Sequence[int], times: int) -> list[tuple[int, int]]:
    """Height and width of a picture, and after each halving, odd sides rounded up."""
    sizes = [(shape[1], shape[2])]
    for _ in range(times):
        sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
    return sizes


def check_coders(
    model: str, shape: Sequence[int], code: int, channels: Sequence[int], hidden: Sequence[int] = ()
) -> None:
    """Refuse what leaves nothing.

    Raises:
        UserError: for another input than pictures or rows, no halving or more than the picture bears, numbers below 1.
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
            f"a picture of {shape[1]} x {shape[2]} cannot be halved {len(channels)} times.",
            "Give one or more `channels`, but fewer.",
        )
