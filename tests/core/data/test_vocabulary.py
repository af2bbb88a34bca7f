"""Words, vocabularies and numbers against plain Python and scikit-learn."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from glasshouse.data.vocabulary import PADDING, UNKNOWN, SplitTexts, Vocabulary, sequence_length_covering, split_words
from hypothesis import given
from hypothesis import strategies as st


def of(texts: SplitTexts) -> list[list[str]]:
    return [texts.of(row) for row in range(len(texts))]


def test_by_hand() -> None:
    texts = ["Don't call 0800-123 NOW!", "", "  'quoted'  words\n", "naïve Größe 日本 😀😀", "£1.50, e-mail: a_b"]
    assert of(split_words(texts)) == [
        ["don't", "call", "0000", "-", "000", "now", "!"],
        [],
        ["quoted", "words"],
        ["naïve", "größe", "日本", "😀", "😀"],
        ["£", "0", ".", "00", ",", "e", "-", "mail", ":", "a", "_", "b"],
    ]


def test_missing_texts_are_empty_and_arrow_comes_in_chunks() -> None:
    chunked = pa.chunked_array([["one two", None], ["two"]])
    assert of(split_words(chunked)) == [["one", "two"], [], ["two"]]
    assert of(split_words(pa.array(["x y", "z"], pa.large_string()).slice(1))) == [["z"]]
    assert len(split_words([])) == 0


def slow_words(text: str) -> list[str]:
    """The same rule in plain Python."""
    digits = "".join("0" if unicodedata.category(c) == "Nd" else c for c in text.lower())
    apart = "".join(c if c.isspace() or c in "'’" or unicodedata.category(c)[0] in "LMN" else f" {c} " for c in digits)
    bare = re.sub(r"(?:^|\s)['’]+|['’]+(?=\s|$)", " ", apart)
    return bare.split()


@given(st.lists(st.text(st.sampled_from("aB é9٣'’.,!- \n日😀ß_€"), max_size=20), max_size=6))
def test_as_in_plain_python(texts: list[str]) -> None:
    found = of(split_words(texts))
    # runs of apostrophes between spaces are cut by both, though not always at the same one
    assert [[w.strip("'’") for w in words if w.strip("'’")] for words in found] == [
        [w.strip("'’") for w in slow_words(text) if w.strip("'’")] for text in texts
    ]


@given(st.lists(st.text(st.sampled_from("ab c."), max_size=12), min_size=1, max_size=8))
def test_permuting_texts_permutes_words(texts: list[str]) -> None:
    assert of(split_words(texts[::-1])) == of(split_words(texts))[::-1]


def test_a_vocabulary_counts_training_rows_alone() -> None:
    texts = split_words(["a a b", "b c", "c c c d d d"])
    learned = Vocabulary.learn(texts, np.array([0, 1]), most=10, min_count=1)
    assert learned.words == ("a", "b", "c")  # two each of a and b, the alphabet decides
    assert Vocabulary.learn(texts, np.array([0, 1]), most=10, min_count=2).words == ("a", "b")
    assert Vocabulary.learn(texts, np.array([0, 1, 2]), most=2, min_count=1).words == ("c", "d")
    assert learned.size == 5


def test_the_most_frequent_words_as_scikit_learn_counts_them() -> None:
    from sklearn.feature_extraction.text import CountVectorizer

    random = np.random.default_rng(0)
    texts = [" ".join(random.choice(list("abcdefghij"), 30, p=np.arange(1, 11) / 55)) for _ in range(40)]
    counter = CountVectorizer(token_pattern=r"\w", max_features=4).fit(texts)
    learned = Vocabulary.learn(split_words(texts), np.arange(40), most=4, min_count=1)
    assert set(learned.words) == set(counter.get_feature_names_out())


def test_numbers_by_hand() -> None:
    texts = split_words(["b a x", "a", "", "a a a a"])
    found = Vocabulary(("a", "b")).encode(texts, np.array([3, 0, 2, 1]), 3)
    assert found.tolist() == [[2, 2, 2], [3, 2, UNKNOWN], [PADDING] * 3, [2, PADDING, PADDING]]
    assert found.dtype == np.int32


@given(
    st.lists(st.lists(st.sampled_from("abcdef"), max_size=9), min_size=1, max_size=9),
    st.integers(1, 8),
    st.integers(1, 3),
)
def test_numbers_lead_back_to_words(texts: list[list[str]], length: int, min_count: int) -> None:
    split = split_words([" ".join(words) for words in texts])
    rows = np.arange(len(texts))
    learned = Vocabulary.learn(split, rows, most=100, min_count=min_count)
    counts = Counter(word for words in texts for word in words)
    assert set(learned.words) == {word for word, count in counts.items() if count >= min_count}
    names = ["<pad>", "<unknown>", *learned.words]
    for words, numbers in zip(texts, learned.encode(split, rows, length), strict=True):
        read = [names[number] for number in numbers if number != PADDING]
        assert read == [word if word in learned.words else "<unknown>" for word in words[:length]]


@pytest.mark.parametrize(("lengths", "expected"), [([], 1), ([0, 0], 1), ([5] * 98 + [70, 900], 70), ([900] * 3, 512)])
def test_the_length_that_holds_most_texts(lengths: list[int], expected: int) -> None:
    assert sequence_length_covering(np.array(lengths, dtype=np.int64), most=512) == expected
