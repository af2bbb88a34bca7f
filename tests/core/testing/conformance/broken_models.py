"""Models, each with one defect, beside one that has none."""

from __future__ import annotations

import os
import time
from typing import Any

import torch
from glasshouse import UserError
from pytorch_lightning import LightningModule
from torch import Tensor, nn


class Sound(nn.Module):
    """One linear layer.

    Args:
        in_features: columns.
        num_classes: width of the output.
    """

    def __init__(self, in_features: int, num_classes: int) -> None:
        super().__init__()
        self.layer = nn.Linear(in_features, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)


class Silent(Sound):
    """Says nothing of its option."""

    def __init__(self, in_features: int, num_classes: int, units: int = 3) -> None:
        super().__init__(in_features, num_classes)


class NeedsUnits(Sound):
    def __init__(self, in_features: int, num_classes: int, units: int) -> None:
        super().__init__(in_features, num_classes)


class TakesAnySize(Sound):
    def __init__(self, in_features: int, num_classes: int) -> None:
        super().__init__(abs(in_features), abs(num_classes))


class Anonymous(Sound):
    def __init__(self, in_features: int, num_classes: int) -> None:
        if in_features < 1:
            raise UserError("somebody", "is unhappy.")
        super().__init__(in_features, num_classes)


class TooWide(Sound):
    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.layer(x), self.layer(x)], dim=1)


class Centres(Sound):
    def forward(self, x: Tensor) -> Tensor:
        x -= 5
        return self.layer(x)


class OneRowTooFew(Sound):
    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)[1:]


class Double(Sound):
    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x).double()


class Infinite(Sound):
    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) / 0


class LogitsCalledProbabilities(Sound):
    output_kind = "probabilities"

    def forward(self, x: Tensor) -> Tensor:
        return 10 * self.layer(x)


class HalvesCalledProbabilities(Sound):
    output_kind = "probabilities"

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x).sigmoid() / 4


class CentresTheBatch(Sound):
    def forward(self, x: Tensor) -> Tensor:
        out = self.layer(x)
        return out - out.mean(dim=0)


class CountsPositions(Sound):
    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) + torch.arange(len(x))[:, None]


class NeedsARow(Sound):
    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) + 0 * x.max()


class DropsEmptyBatches(Sound):
    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) if len(x) else x


class HidesNaN(Sound):
    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x.nan_to_num())


class ScalesTheBatch(Sound):
    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x / x.abs().max())


class AlwaysDropsOut(Sound):
    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.dropout(self.layer(x), training=True)


class Counting(Sound):
    def __init__(self, in_features: int, num_classes: int) -> None:
        super().__init__(in_features, num_classes)
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.seen += 1
        return self.layer(x)


class WakesUp(Sound):
    def forward(self, x: Tensor) -> Tensor:
        self.train()
        return self.layer(x)


class Detached(Sound):
    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x.detach())


class DeafToInputs(Sound):
    def forward(self, x: Tensor) -> Tensor:
        return self.layer(0 * x)


class Unused(Sound):
    def __init__(self, in_features: int, num_classes: int) -> None:
        super().__init__(in_features, num_classes)
        self.spare = nn.Linear(2, 2)


class NeverActive(Sound):
    def __init__(self, in_features: int, num_classes: int) -> None:
        super().__init__(in_features, num_classes)
        self.dead = nn.Linear(in_features, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) + 0 * self.dead(x)


class Entropic(Sound):
    def __init__(self, in_features: int, num_classes: int) -> None:
        super().__init__(in_features, num_classes)
        with torch.no_grad():
            self.layer.bias.add_(os.urandom(1)[0] + os.urandom(1)[0] / 256)


class TrainsByChance(Sound):
    def forward(self, x: Tensor) -> Tensor:
        noise = os.urandom(1)[0] + os.urandom(1)[0] / 256
        return self.layer(x) * (1 + noise) if self.training else self.layer(x)


_shared = nn.Linear(9, 2)


class Shares(Sound):
    def __init__(self, in_features: int, num_classes: int) -> None:
        super().__init__(in_features, num_classes)
        self.layer = _shared


class Slow(Sound):
    def forward(self, x: Tensor) -> Tensor:
        start = time.process_time()
        while time.process_time() - start < 0.05:
            pass
        return self.layer(x)


class KeepsAnObject(LightningModule):
    def __init__(self, in_features: int, num_classes: int, activation: Any = nn.ReLU) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.layer = nn.Linear(in_features, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)


class ForgetsItsOffset(Sound):
    def __init__(self, in_features: int, num_classes: int) -> None:
        super().__init__(in_features, num_classes)
        self.register_buffer("offset", torch.randn(num_classes), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) + self.offset


class KnowsItsProcess(Sound):
    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) + 1000 * (os.getpid() % 997)


class LocalClass(Sound):
    """Cannot be built anywhere but where it was first built."""

    process = os.getpid()

    def __init__(self, in_features: int, num_classes: int) -> None:
        super().__init__(in_features, num_classes)
        if os.environ.get("GLASSHOUSE_TEST_PROCESS") != str(os.getpid()):
            raise ValueError("not at home")


class PlainAttribute(Sound):
    def __init__(self, in_features: int, num_classes: int) -> None:
        super().__init__(in_features, num_classes)
        self.means = {"of": [torch.zeros(in_features)]}

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x - self.means["of"][0])


class SingleOnly(Sound):
    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x.float())


class SingleAnswers(Sound):
    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x).float()


class TwoEmbeddings(nn.Module):
    """Says that it has one embedding, and has two."""

    def __init__(self, vocab_size: int, num_classes: int) -> None:
        super().__init__()
        self.first, self.second = nn.Embedding(vocab_size, 3), nn.Embedding(vocab_size, 3)
        self.head = nn.Linear(3, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head((self.first(x) + self.second(x)).mean(dim=1))


class DecorativeEmbedding(nn.Module):
    def __init__(self, vocab_size: int, num_classes: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocab_size, 3)
        self.head = nn.Linear(1, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(x.float().mean(dim=1, keepdim=True))


class IgnoredEmbedding(DecorativeEmbedding):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + 0 * self.embed(x).sum(dim=(1, 2))[:, None]


class Generator(Sound):
    def generate(self, count: int, *, seed: int) -> Tensor:
        return torch.randn(count, self.layer.in_features, generator=torch.Generator().manual_seed(seed))


class GeneratesByChance(Generator):
    def generate(self, count: int, *, seed: int) -> Tensor:
        return torch.randn(count, self.layer.in_features)


class GeneratesFlat(Generator):
    def generate(self, count: int, *, seed: int) -> Tensor:
        return super().generate(count, seed=seed)[:, :1]


class GeneratesOneThing(Generator):
    def generate(self, count: int, *, seed: int) -> Tensor:
        return super().generate(count, seed=0)


class FlatLoss(Sound):
    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) * 1e-6
