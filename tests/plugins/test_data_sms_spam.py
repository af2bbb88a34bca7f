from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from glasshouse import UserError
from glasshouse_plugins.data.sms_spam import SMSSpam


def ready(path: Path, **options: object) -> SMSSpam:
    data = SMSSpam(path=str(path), **{"check_files": False, **options})  # type: ignore[arg-type]
    data.setup()
    return data


def test_a_missing_file_says_where_to_get_it_and_where_to_put_it(tmp_path: Path) -> None:
    with pytest.raises(UserError) as refused:
        ready(tmp_path)
    said = str(refused.value)
    assert f"there is no file {tmp_path / 'SMSSpamCollection'}" in said
    assert "archive.ics.uci.edu" in said
    assert "GLASSHOUSE_DATA" in said


def test_a_file_with_other_messages_is_refused(tmp_path: Path) -> None:
    (tmp_path / "SMSSpamCollection").write_text("ham\tone\nspam\ttwo\n", encoding="utf-8")
    with pytest.raises(UserError, match="has 2 messages; expected 5,574 as published"):
        ready(tmp_path)
    with pytest.raises(UserError, match=r"not the published file: its SHA256 is \w+; expected 7d039a24"):
        ready(tmp_path, check_files=True)
    (tmp_path / "SMSSpamCollection").write_text("no label\n" + "ham\tone\n" * 5574, encoding="utf-8")
    with pytest.raises(UserError, match="has 5,574 messages"):
        ready(tmp_path)
    with pytest.raises(UserError, match="repeats is 'both'; expected drop or keep"):
        SMSSpam(repeats="both")  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def real(real_data: Path) -> Path:
    return real_data / "sms_spam"


@pytest.mark.real_data
def test_all_messages_as_published(real: Path) -> None:
    """5,574 messages, 747 of them spam (Almeida et al. 2011, table 1)."""
    data = ready(real, repeats="keep", check_files=True)
    rows = data.info.rows
    assert sum(rows.values()) == 5574
    assert sum(int(data.loader(split).rows.y.sum()) for split in rows) == 747
    assert data.info.target.classes == ("ham", "spam")
    words = [" ".join(each) for split in rows for each in data.words(split, np.arange(rows[split]))]
    assert sum("around he re though" in text for text in words) == 1  # one message has a line break in it


@pytest.mark.real_data
def test_equal_messages_are_kept_once(real: Path) -> None:
    content = (real / "SMSSpamCollection").read_text(encoding="utf-8").replace("he\nre though", "he re though")
    different = {line.split("\t", 1)[1] for line in content.rstrip("\n").split("\n")}
    data = ready(real)
    assert sum(data.info.rows.values()) == len(different)
    assert "equal messages once" in data.info.source
