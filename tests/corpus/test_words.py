"""The vocabulary of a corpus: splitting into words, selection, and sizes."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.corpus import read_corpus
from ledger.corpus.document import Document
from ledger.corpus.settings import CorpusSettings, WordSettings
from ledger.corpus.words import Word, vocabulary

CORPORA = Path(__file__).resolve().parents[2].parent / "shared" / "corpora"
EVERY = WordSettings(min_length=1, min_count=1, stop_words=())


def _documents(*contents: str) -> list[Document]:
    return [Document("all", str(number), content) for number, content in enumerate(contents)]


def _counts(settings: WordSettings, *contents: str) -> dict[str, int]:
    return {word.text: word.count for word in vocabulary(_documents(*contents), settings)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Love, LOVE! love.", {"love": 3}),
        ("don't 'tis rock’n’roll dogs'", {"don't": 1, "tis": 1, "rock'n'roll": 1, "dogs": 1}),
        ("7 x2 snake_case 2nd ½ Ⅷ six", {"six": 1}),
        ("Straße STRASSE", {"strasse": 2}),
        ("cafe\u0301 café", {"café": 2}),
        ("हिन्दी में", {"हिन्दी": 1, "में": 1}),
        ("明月光，明月", {"明月": 2, "月光": 1}),
        ("Ruby言語の", {"ruby": 1, "言語": 1, "語の": 1}),
        ("一 二三", {"二三": 1}),
        ("カー・ナビ", {"カー": 1, "ナビ": 1}),
        ("", {}),
    ],
)
def test_what_a_word_is(text: str, expected: dict[str, int]) -> None:
    """Words consist of letters; in scripts without spaces, pairs of characters count."""
    assert expected == _counts(EVERY, text)


def test_short_rare_and_stopped_words_are_dropped() -> None:
    """Words must be long and frequent enough, and no stop words; pairs are always long enough."""
    settings = WordSettings(min_length=4, min_count=2, stop_words=("With",))

    assert {"love": 2, "明月": 2} == _counts(settings, "love love god god rare with with 明月 明月")


@pytest.mark.parametrize(("size", "expected"), [(19, {"lord", "song"}), (20, {"song"})])
def test_words_of_too_many_documents_are_dropped(size: int, expected: set[str]) -> None:
    """From 20 documents on, words in more than the allowed share of them are dropped."""
    contents = ["lord"] * (size - 5) + ["song song song song"] * 5

    assert expected == set(_counts(EVERY, *contents))


def test_the_most_frequent_are_taken_and_sorted_by_text() -> None:
    """Ties at the cut go to the lower text, and the result is sorted by text."""
    settings = WordSettings(count=2, min_length=1, min_count=1, stop_words=())

    assert ["b", "z"] == list(_counts(settings, "z z c b d"))


def test_sizes_are_logarithmic() -> None:
    """Sizes go from 1, the rarest, to 9, the most common; the middle is the geometric mean."""
    text = "a " * 100 + "b " * 10 + "c"

    assert [Word("a", 100, 9), Word("b", 10, 5), Word("c", 1, 1)] == vocabulary(
        _documents(text), EVERY
    )


def test_words_of_the_same_frequency_are_of_the_middle_size() -> None:
    """Equally frequent words all get the middle size."""
    assert [Word("a", 1, 5), Word("b", 1, 5)] == vocabulary(_documents("a b"), EVERY)


@pytest.mark.parametrize("count", [0, 5])
def test_no_documents_have_no_words(count: int) -> None:
    """An empty corpus or a count of 0 gives an empty vocabulary."""
    assert [] == vocabulary([], WordSettings(count=count))
    assert {} == _counts(WordSettings(count=0), "love love")


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("name", "known"), [("poems-en.json.gz", "bread"), ("poems-zh-tang.jsonl.gz", "明月")]
)
def test_the_words_of_the_real_corpora(name: str, known: str) -> None:
    """The real corpora fill the cloud with the expected words."""
    if not (CORPORA / name).exists():
        pytest.skip(f"{name} does not lie beside the checkout")

    words = vocabulary(read_corpus(CORPORA / name, CorpusSettings()), WordSettings())

    assert 150 == len(words)
    assert {1, 9} <= {word.size for word in words}
    assert known in {word.text for word in words}
