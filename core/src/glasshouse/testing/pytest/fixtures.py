"""Tiny synthetic data with a known rule, and a network that can learn it.

All are deterministic, have 240 rows and a sensitive attribute, and take a few milliseconds to set up. They can be used
in configurations: ``data: glasshouse.testing.pytest.fixtures.TinyTable``.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from torch import Tensor, nn

from glasshouse.data.raw_table import Coded
from glasshouse.datamodules.images import ImageDataModule, RawImages
from glasshouse.datamodules.tabular import RawTable, SensitiveColumn, TabularDataModule
from glasshouse.datamodules.texts import RawTexts, TextDataModule
from glasshouse.errors import UserError

ROWS = 240

Task = Literal["binary", "multiclass", "regression"]
SOURCE = "made up by glasshouse.testing"


class TinyTable(TabularDataModule):
    """Applicants with an income, a debt, a job and a lucky number.

    The rule: an applicant's worth is income minus debt. ``binary``: "approved" if it is positive; ``multiclass``:
    "low", "middle" or "high", with limits at -1 and 1; ``regression``: the worth itself. Men earn more, so that a
    perfect model approves 90 of 120 men and 30 of 120 women in all splits. Sex and age are no features of the model.

    Args:
        task: the kind of target.
        batch_size: rows per batch.
        seed: order of training batches; default: the seed of `seed_everything`.
    """

    name = "tiny_table"

    def __init__(self, task: Task = "binary", batch_size: int = 32, seed: int | None = None) -> None:
        super().__init__(batch_size=batch_size, fractions=(0.5, 0.2, 0.3), seed=seed)
        if task not in get_args(Task):
            raise UserError(self.who, f"task is {task!r}; expected one of {', '.join(get_args(Task))}.")
        self.task = task

    def load(self) -> RawTable:
        """The applicants, in a shuffled order."""
        rng = np.random.default_rng(0)
        half = ROWS // 2
        man = rng.permutation(np.repeat([0, 1], half)).astype(np.int32)
        worth = np.empty(ROWS)
        # three of four men and one of four women above 0, nobody near a limit
        for sex, above in ((1, 3 * half // 4), (0, half // 4)):
            sizes = rng.uniform(0.2, 0.9, half) + rng.integers(0, 2, half)
            worth[man == sex] = rng.permutation(np.where(np.arange(half) < above, sizes, -sizes))
        debt = rng.normal(size=ROWS)
        columns = {
            "income": worth + debt,
            "debt": debt,
            "lucky_number": rng.normal(size=ROWS),
            "job": Coded(rng.integers(0, 3, ROWS).astype(np.int32), ("office", "shop", "works")),
            "sex": Coded(man, ("woman", "man")),
            "age": rng.uniform(18, 80, ROWS),
            "worth": worth,
            "approved": Coded((worth > 0).astype(np.int32), ("refused", "approved")),
            "class": Coded(np.digitize(worth, (-1, 1)).astype(np.int32), ("low", "middle", "high")),
        }
        return RawTable(
            columns=columns,
            target={"binary": "approved", "multiclass": "class", "regression": "worth"}[self.task],
            task=self.task,
            favourable="approved" if self.task == "binary" else None,
            features=("income", "debt", "lucky_number", "job"),
            sensitive=(
                SensitiveColumn(name="sex", column="sex"),
                SensitiveColumn(name="age_group", column="age", edges=(40, 60)),
            ),
            source=SOURCE,
            synthetic=True,
        )


class TinyImages(ImageDataModule):
    """Grey images of 8 x 8 pixels, dark except for a bright square of 3 x 3.

    The rule: "left" or "right" is the half with the square. Each of two cameras took half of the images; the images of
    one camera are slightly brighter.

    Args:
        batch_size: rows per batch.
        seed: order of training batches; default: the seed of `seed_everything`.
    """

    name = "tiny_images"

    def __init__(self, batch_size: int = 32, seed: int | None = None) -> None:
        super().__init__(batch_size=batch_size, fractions=(0.5, 0.2, 0.3), seed=seed)

    def load(self) -> RawImages:
        """The pictures, in a shuffled order."""
        rng = np.random.default_rng(0)
        side = rng.permutation(np.repeat([0, 1], ROWS // 2)).astype(np.int32)
        camera = rng.permutation(np.repeat([0, 1], ROWS // 2)).astype(np.int32)
        pixels = rng.integers(0, 40, (ROWS, 1, 8, 8)) + 20 * camera[:, None, None, None]
        top, left = rng.integers(0, 6, ROWS), rng.integers(0, 2, ROWS) + 4 * side
        across = np.arange(8)
        square = ((across >= top[:, None]) & (across < top[:, None] + 3))[:, :, None]
        square = square & ((across >= left[:, None]) & (across < left[:, None] + 3))[:, None, :]
        pixels[:, 0][square] = 230
        table = RawTable(
            columns={"side": Coded(side, ("left", "right")), "camera": Coded(camera, ("old", "new"))},
            target="side",
            sensitive=(SensitiveColumn(name="camera", column="camera"),),
            source=SOURCE,
            synthetic=True,
        )
        return RawImages(pixels=pixels.astype(np.uint8), table=table)


class TinyText(TextDataModule):
    """Sentences of 3 to 8 words.

    The rule: "praise" if a sentence contains *good*, "blame" if it contains *bad*; each contains exactly one of them.
    The sentences are in one of two dialects, which differ in a word that is irrelevant to the target.

    Args:
        batch_size: rows per batch.
        seed: order of training batches; default: the seed of `seed_everything`.
    """

    name = "tiny_text"

    def __init__(self, batch_size: int = 32, seed: int | None = None) -> None:
        super().__init__(batch_size=batch_size, fractions=(0.5, 0.2, 0.3), min_count=1, seed=seed)

    def load(self) -> RawTexts:
        """The sentences, in a shuffled order."""
        rng = np.random.default_rng(0)
        praise = rng.permutation(np.repeat([0, 1], ROWS // 2)).astype(np.int32)
        dialect = rng.permutation(np.repeat([0, 1], ROWS // 2)).astype(np.int32)
        fillers = np.array(["the", "food", "room", "was", "and", "staff", "we", "found"])
        texts = []
        for good, northern in zip(praise, dialect, strict=True):
            words = [("bad", "good")[good], ("lift", "elevator")[northern], *rng.choice(fillers, rng.integers(1, 7))]
            texts.append(" ".join(rng.permutation(words)))
        table = RawTable(
            columns={"mood": Coded(praise, ("blame", "praise")), "dialect": Coded(dialect, ("south", "north"))},
            target="mood",
            favourable="praise",
            sensitive=(SensitiveColumn(name="dialect", column="dialect"),),
            source=SOURCE,
            synthetic=True,
        )
        return RawTexts(texts=texts, table=table)


class TinyNet(nn.Module):
    """One linear layer, sufficient for `TinyTable`.

    Args:
        in_features: number of encoded columns; filled from the data.
        num_classes: width of the output; filled from the data.
    """

    def __init__(self, in_features: int, num_classes: int) -> None:
        super().__init__()
        self.layer = nn.Linear(in_features, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """(n, in_features) to (n, num_classes)."""
        return self.layer(x)  # type: ignore[no-any-return]
