"""SMS Spam Collection: text messages, spam or not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

import numpy as np
from glasshouse import RawTable, RawTexts, TextDataModule, UserError
from glasshouse.data import Coded, SplitOption

from glasshouse_plugins.data.published_files import check_published, data_folder

_FILE = "SMSSpamCollection"
_ROWS = 5_574
_DIGESTS = (
    "sha256:7d039a24a6083ed9ef0f806ebad56bbb976e3aeb8de05669173bfdc4996c239d",
    "sha256:4a4eecbda9581d0a459e538cb1e61280846b4e729e5d0960a0d987ead033cfe7",
)
"""Of the published file, and of a copy with one message broken across two lines."""
_CLASSES = ("ham", "spam")
_LABEL = re.compile(r"^(ham|spam)\t", re.MULTILINE)


class SMSSpam(TextDataModule):
    """5,574 text messages in English, 13.4 % of them spam.

    403 messages are duplicates of others. By default only the first of equal messages is kept, because a duplicate in
    the test split would have been trained on.

    Args:
        path: folder with the file ``SMSSpamCollection``; default: ``$GLASSHOUSE_DATA/sms_spam`` if that variable is
            set, else ``../shared/data/sms_spam``.
        repeats: ``drop`` duplicates of a message, or ``keep`` them.
        check_files: refuse a file that is not the published one, by SHA-256.
        batch_size: messages per batch.
        fractions: fractions of rows in the train, validate and test splits.
        split_seed: seed of the random split.
        max_words: maximum number of words in the vocabulary; the most frequent ones are kept.
        min_count: minimum occurrences of a word in the training split; rarer words are the unknown token.
        sequence_length: length in tokens that messages are truncated to; default: long enough for 99 % of the training
            messages.
        seed: seed of the order of training batches; default: that of `seed_everything`.
        split: another split, e.g. ``{by: stratified | random, folds: 5, fold: 0}``.
        tokenizer: folder of a pretrained tokenizer to use instead, which a pretrained model requires; `max_words` and
            `min_count` are then ignored.
    """

    name = "sms_spam"

    def __init__(
        self,
        path: str | None = None,
        repeats: Literal["drop", "keep"] = "drop",
        check_files: bool = True,
        batch_size: int = 64,
        fractions: Sequence[float] = (0.7, 0.1, 0.2),
        split_seed: int = 0,
        max_words: int = 20_000,
        min_count: int = 2,
        sequence_length: int | None = None,
        seed: int | None = None,
        split: SplitOption = None,
        tokenizer: str | None = None,
    ) -> None:
        super().__init__(
            batch_size=batch_size,
            fractions=fractions,
            split_seed=split_seed,
            max_words=max_words,
            min_count=min_count,
            sequence_length=sequence_length,
            seed=seed,
            split=split,
            tokenizer=tokenizer,
        )
        if repeats not in ("drop", "keep"):
            raise UserError(self.who, f"repeats is {repeats!r}; expected drop or keep.")
        self.path = path
        self.repeats = repeats
        self.check_files = check_files

    def load(self) -> RawTexts:
        """The file as published: a label, a tab, a message."""
        path = data_folder(self.path, "sms_spam") / _FILE
        if not path.is_file():
            raise UserError(
                self.who,
                f"there is no file {path.absolute()}.",
                "Unpack https://archive.ics.uci.edu/static/public/228/sms+spam+collection.zip there, or set `path:` "
                "to its folder or GLASSHOUSE_DATA to the folder above `sms_spam`.",
            )
        if self.check_files:
            check_published(path, path.read_bytes(), *_DIGESTS, who=self.who)
        # Split at labels, not at lines: a message may contain a line break.
        before, *parts = _LABEL.split(path.read_text(encoding="utf-8"))
        labels, texts = parts[::2], [text.rstrip("\n") for text in parts[1::2]]
        if before or len(labels) != _ROWS:
            raise UserError(
                self.who,
                f"{path} has {len(labels):,} messages; expected {_ROWS:,} as published.",
                "The file is truncated or changed: download it again.",
            )
        kept = np.arange(_ROWS)
        if self.repeats == "drop":
            kept = np.array(sorted({text: row for row, text in reversed(list(enumerate(texts)))}.values()))
        codes = np.array([_CLASSES.index(label) for label in labels], dtype=np.int32)
        return RawTexts(
            texts=[texts[row] for row in kept],
            table=RawTable(
                columns={"kind": Coded(codes[kept], _CLASSES)},
                target="kind",
                task="binary",
                classes=_CLASSES,
                source="Almeida, Hidalgo and Yamakami (2011), Contributions to the study of SMS spam filtering, "
                "https://doi.org/10.24432/C5CC84" + ("; equal messages once" if self.repeats == "drop" else ""),
                licence="CC BY 4.0",
            ),
        )
